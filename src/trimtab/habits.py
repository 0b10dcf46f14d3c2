"""What users of other tools write, and what it is called here. Read only once something was not understood.

Each entry is the end of a sentence: "tune takes no n_trials=; " and then this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TRIALS = "write budget=100, a number of trials over all runs together"
_HOURS = "write budget=tt.Budget(hours=2), or with trials= both"
_GOAL = 'write minimize="loss" or maximize="accuracy", with the name that the objective returns'
_OBJECTIVES = 'write objectives=[tt.minimize("loss"), tt.maximize("accuracy")]'
_WORKERS = "write workers=4, how many trials run at once"
_SEED = "write seed=0"
_ENGINE = 'write optimizer="auto", or "gp", "tpe", "cmaes", "sobol", "random", "grid"'
_STORE = 'write store="sqlite:///trimtab.db" or "postgresql://..."'
_NAME = 'write name="resnet"'
_RESUMES = "nothing is needed: a study of that name in the store is gone on with, so write store= and name="
_POINTS = "write enqueue=[{...}], configurations to try first"
_CALLBACKS = (
    "write progress=, an object with update(status) and close(status), or read study.table; "
    "what is to happen within a trial belongs into the objective"
)
_STOPPING = (
    "write target= for a value that is good enough, budget= for what may be spent, or stop=[...] with your rules"
)
_RESOURCES = "write resources=tt.Resources(cpus=2, gpus=1, memory=4 << 30), what one trial needs"
_SPACE = "write the space as the second argument, tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), ...)"
_SCHEDULER = (
    'write fidelity=tt.Fidelity("epoch", 1, 81): trials that report are then ended early; '
    'scheduler="median", "asha" or "hyperband" for a rule of your choice'
)
_STARTS = "write optimizer=, an object with that setting, as trimtab.optim.gp.Gp(n_initial=20)"
_PROGRESS = "write progress=True or progress=False"
_FOLDS = "write folds=5, and go through trial.folds() in the objective"
_CATCH = "nothing is needed: an objective that raises is a failed trial, and the study goes on"
_FILES = "logs and checkpoints lie beside the store, so write store="
_QUIET = "write progress=False for less, and read a trial's logs with `trimtab show STUDY 3`"

_CANDIDATES = "write n_iter=50 candidates, or budget=500 fits"
_RACES = "nothing is needed: candidates race over folds, unless race=False"

_STUDY: Final[Mapping[str, str]] = {
    "direction": _GOAL,
    "directions": _OBJECTIVES,
    "metric": _GOAL,
    "mode": _GOAL,
    "metrics": _OBJECTIVES,
    "objective": _GOAL,
    "objective_name": _GOAL,
    "goal": _GOAL,
    "scoring": _GOAL,
    "maximise": 'write maximize="accuracy"',
    "minimise": 'write minimize="loss"',
    "sampler": _ENGINE,
    "algo": _ENGINE,
    "algorithm": _ENGINE,
    "search_alg": _ENGINE,
    "tuner": _ENGINE,
    "method": _ENGINE,
    "optimiser": _ENGINE,
    "acq_func": "the acquisition is log expected improvement; " + _ENGINE,
    "acquisition_function": "the acquisition is log expected improvement; " + _ENGINE,
    "base_estimator": _ENGINE,
    "pruner": _SCHEDULER,
    "early_terminate": _SCHEDULER,
    "storage": _STORE,
    "db": _STORE,
    "database": _STORE,
    "study_name": _NAME,
    "experiment_name": _NAME,
    "project_name": _NAME,
    "project": _NAME,
    "load_if_exists": _RESUMES,
    "overwrite": "write another name=, or delete the study: `trimtab delete STUDY`",
    "random_state": _SEED,
    "random_seed": _SEED,
    "rstate": _SEED,
    "n_startup_trials": _STARTS,
    "n_initial_points": _STARTS,
    "n_random_starts": _STARTS,
    "num_initial_points": _STARTS,
    "search_space": _SPACE,
    "param_space": _SPACE,
    "param_distributions": _SPACE,
    "param_grid": _SPACE,
    "parameters": _SPACE,
    "params": _SPACE,
    "config": _SPACE,
    "configspace": _SPACE,
    "dimensions": _SPACE,
    "hyperparameters": _SPACE,
    "bounds": _SPACE,
    "pbounds": _SPACE,
    "outcome_constraints": 'write constraints=[tt.at_most("latency", 30)]',
    "parameter_constraints": 'write tt.Space(..., require=["layers * batch <= 1024"])',
    "constraints_func": 'write constraints=[tt.at_most("latency", 30)], of what the objective returns',
    "max_budget": 'write fidelity=tt.Fidelity("epoch", 1, 81)',
    "min_budget": 'write fidelity=tt.Fidelity("epoch", 1, 81)',
    "max_t": 'write fidelity=tt.Fidelity("epoch", 1, 81)',
}
"""What `tune` and `create_study` have in common."""

ARGUMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "tune": {
        **_STUDY,
        "n_trials": _TRIALS,
        "max_trials": _TRIALS,
        "total_trials": _TRIALS,
        "num_trials": _TRIALS,
        "trials": _TRIALS,
        "num_samples": _TRIALS,
        "n_iter": _TRIALS,
        "n_calls": _TRIALS,
        "max_evals": _TRIALS,
        "max_iter": _TRIALS,
        "count": _TRIALS,
        "run_cap": _TRIALS,
        "timeout": _HOURS,
        "time_budget": _HOURS,
        "time_budget_s": _HOURS,
        "max_time": _HOURS,
        "walltime_limit": _HOURS,
        "hours": _HOURS,
        "n_jobs": _WORKERS,
        "n_workers": _WORKERS,
        "num_workers": _WORKERS,
        "max_workers": _WORKERS,
        "max_concurrent_trials": _WORKERS,
        "max_concurrent": _WORKERS,
        "concurrency": _WORKERS,
        "parallelism": _WORKERS,
        "callbacks": _CALLBACKS,
        "callback": _CALLBACKS,
        "show_progress_bar": _PROGRESS,
        "show_progressbar": _PROGRESS,
        "progressbar": _PROGRESS,
        "verbose": _QUIET,
        "log_level": _QUIET,
        "catch": _CATCH,
        "raise_on_failed_trial": _CATCH,
        "error_score": _CATCH,
        "gc_after_trial": 'nothing is needed; with executor="processes" trials run in processes of their own',
        "early_stopping": _STOPPING,
        "early_stop_fn": _STOPPING,
        "points_to_evaluate": _POINTS,
        "initial_points": _POINTS,
        "x0": _POINTS,
        "low_cost_partial_config": _POINTS,
        "resources_per_trial": _RESOURCES,
        "gpus": _RESOURCES,
        "gpus_per_trial": _RESOURCES,
        "cpus": _RESOURCES,
        "memory": _RESOURCES,
        "local_dir": _FILES,
        "storage_path": _FILES,
        "directory": _FILES,
        "output_directory": _FILES,
        "cv": _FOLDS,
        "max_failures": "write retries=2, for trials whose worker was killed; those that raise are not run again",
        "max_retries": "write retries=2, for trials whose worker was killed; those that raise are not run again",
        "executions_per_trial": "run them in the objective, and return their mean and its error: "
        'objectives=[tt.minimize("loss", error="loss_se")]',
        "program": 'write tt.Command(["python", "train.py", "--lr={lr}"]) as the first argument',
        "command": 'write tt.Command(["python", "train.py", "--lr={lr}"]) as the first argument',
    },
    "create_study": {
        **_STUDY,
        "load_if_exists": "one that is there is opened by tt.load_study(store, name)",
        "resume": "one that is there is opened by tt.load_study(store, name)",
        "n_trials": "the loop is yours: ask and tell as often as you want, or take tt.tune(..., budget=100)",
        "budget": "the loop is yours: ask and tell as often as you want, or take tt.tune(..., budget=100)",
        "workers": "the loop is yours, in as many processes as you want; or take tt.tune(workers=4)",
        "enqueue": "write study.enqueue({...}), or study.enqueue_all([...]), once it is made",
    },
    "TrimtabSearchCV": {
        "n_trials": _CANDIDATES,
        "max_iter": _CANDIDATES,
        "n_candidates": _CANDIDATES,
        "timeout": "write budget=tt.Budget(hours=2)",
        "param_space": "write the space as the second argument, or as space=, param_distributions= or param_grid=",
        "search_spaces": "write the space as the second argument, or as space=, param_distributions= or param_grid=",
        "factor": _RACES,
        "resource": _RACES,
        "min_resources": _RACES,
        "max_resources": _RACES,
        "aggressive_elimination": _RACES,
        "enable_pruning": _RACES,
        "subsample": "give fit the rows that are to be searched on",
        "study": 'write store="sqlite:///trimtab.db", name="search"; search.study_ is the study',
        "catch": "write error_score=, as in scikit-learn",
        "n_points": "nothing is needed: candidates are asked for as n_jobs has room",
        "iid": "scikit-learn has it no more, and the mean over splits counts",
        "fit_params": "pass them to fit",
        "optimizer_kwargs": _STARTS,
        "seed": "write random_state=0",
        "minimize": 'a score is made as large as can be: write scoring="neg_log_loss"',
        "maximize": "write scoring=",
        "metric": "write scoring=",
        "folds": "write cv=5",
        "workers": "write n_jobs=4",
    },
    "load_study": {
        "study_name": "the name is the second argument: tt.load_study(store, name)",
        "storage": "the store is the first argument: tt.load_study(store, name)",
        "sampler": _ENGINE,
    },
    "Float": {
        "min": "the bounds come first: tt.Float(0.0, 1.0)",
        "max": "the bounds come first: tt.Float(0.0, 1.0)",
        "lower": "the bounds come first: tt.Float(0.0, 1.0)",
        "upper": "the bounds come first: tt.Float(0.0, 1.0)",
        "min_value": "the bounds come first: tt.Float(0.0, 1.0)",
        "max_value": "the bounds come first: tt.Float(0.0, 1.0)",
        "bounds": "the bounds come first: tt.Float(0.0, 1.0)",
        "name": "its name is the keyword in tt.Space(lr=tt.Float(1e-5, 1e-1))",
        "log_scale": "write log=True",
        "scale": "write log=True",
        "scale_type": "write log=True",
        "sampling": "write log=True",
        "distribution": "write log=True for values whose ratios matter, and default= with prior= for a belief",
        "q": "write step=0.1",
        "default_value": "write default=0.1",
        "init": "write default=0.1",
        "initial": "write default=0.1",
    },
    "Int": {
        "min": "the bounds come first, both of them included: tt.Int(1, 8)",
        "max": "the bounds come first, both of them included: tt.Int(1, 8)",
        "lower": "the bounds come first, both of them included: tt.Int(1, 8)",
        "upper": "the bounds come first, both of them included: tt.Int(1, 8)",
        "min_value": "the bounds come first, both of them included: tt.Int(1, 8)",
        "max_value": "the bounds come first, both of them included: tt.Int(1, 8)",
        "bounds": "the bounds come first, both of them included: tt.Int(1, 8)",
        "name": "its name is the keyword in tt.Space(layers=tt.Int(1, 8))",
        "log_scale": "write log=True",
        "sampling": "write log=True",
        "q": "write step=2",
        "default_value": "write default=4",
        "init": "write default=4",
    },
    "Categorical": {
        "values": 'the choices are a list, and come first: tt.Categorical(["adamw", "sgd"])',
        "categories": 'the choices are a list, and come first: tt.Categorical(["adamw", "sgd"])',
        "options": 'the choices are a list, and come first: tt.Categorical(["adamw", "sgd"])',
        "items": 'the choices are a list, and come first: tt.Categorical(["adamw", "sgd"])',
        "name": 'its name is the keyword in tt.Space(optimizer=tt.Categorical(["adamw", "sgd"]))',
        "ordered": "write tt.Ordinal([32, 64, 128])",
        "is_ordered": "write tt.Ordinal([32, 64, 128])",
        "weights": "a choice that is believed to be best is default=, and how firmly is prior=",
        "probabilities": "a choice that is believed to be best is default=, and how firmly is prior=",
        "default_value": 'write default="adamw"',
    },
    "Ordinal": {
        "values": "the choices are a list, and come first: tt.Ordinal([32, 64, 128])",
        "sequence": "the choices are a list, and come first: tt.Ordinal([32, 64, 128])",
        "default_value": "write default=64",
    },
    "Budget": {
        "seconds": "write hours=600 / 3600",
        "minutes": "write hours=10 / 60",
        "days": "write hours=48",
        "time": "write hours=2",
        "timeout": "write hours=2",
        "max_time": "write hours=2",
        "n_trials": "write trials=100",
        "max_trials": "write trials=100",
        "num_samples": "write trials=100",
        "evaluations": "write trials=100",
        "max_cost": "write cost=500.0",
        "dollars": 'write cost=500.0, in the unit of the metric that tune(cost="...") names',
    },
    "Resources": {
        "gpu": "write gpus=1",
        "num_gpus": "write gpus=1",
        "cpu": "write cpus=2",
        "num_cpus": "write cpus=2",
        "n_jobs": "write cpus=2, and workers= of tune for trials at once",
        "mem": "write memory=4 << 30, in bytes",
        "ram": "write memory=4 << 30, in bytes",
        "memory_gb": "write memory=4 << 30, in bytes",
        "timeout": "write limit_s=600, the seconds after which a trial is ended",
        "time_limit": "write limit_s=600, the seconds after which a trial is ended",
    },
    "Fidelity": {
        "min": 'the name and the bounds come first: tt.Fidelity("epoch", 1, 81)',
        "max": 'the name and the bounds come first: tt.Fidelity("epoch", 1, 81)',
        "max_t": 'the name and the bounds come first: tt.Fidelity("epoch", 1, 81)',
        "eta": "it belongs to a scheduler, as scheduler=trimtab.schedule.asha.Asha(eta=3)",
    },
    "Study.ask": {
        "n": "it hands out one trial: call it n times, and tell them in any order",
        "fixed_distributions": "the space was given to create_study",
    },
    "Study.tell": {
        "values": 'the result is the second argument: study.tell(trial, 0.3) or study.tell(trial, {"loss": 0.3})',
        "value": "the result is the second argument: study.tell(trial, 0.3)",
        "metrics": 'the result is the second argument: study.tell(trial, {"loss": 0.3})',
        "state": 'a failed trial is told failed="oom", or "exception", "timeout", "nan", "lost", "killed"',
        "skip_if_finished": "a trial is told once; a second time is an error, which you may catch: TrialError",
    },
    "Study.enqueue": {
        "user_attrs": "write note= for why, and study.note(key, value, number) for more",
        "skip_if_exists": "write once=True",
    },
    "Trial.report": {
        "step": "it comes first and without a name: trial.report(3, loss=0.4)",
    },
}
"""For each call, arguments that it has not."""

POSITIONS: Final[Mapping[str, str]] = {
    "tune": "the objective and the space come first, all else by name: "
    'tt.tune(train, space, minimize="loss", budget=100)',
    "create_study": 'the space comes first, all else by name: tt.create_study(space, minimize="loss")',
    "Space": 'parameters go by name, tt.Space(lr=tt.Float(1e-5, 1e-1)), or in one mapping, tt.Space({"lr": ...})',
    "Float": "the two bounds come first, all else by name; its own name is the keyword in "
    "tt.Space(lr=tt.Float(1e-5, 1e-1, log=True))",
    "Int": "the two bounds come first, all else by name; its own name is the keyword in tt.Space(layers=tt.Int(1, 8))",
    "Categorical": 'the choices are one list: tt.Categorical(["adamw", "sgd"])',
    "Ordinal": "the choices are one list: tt.Ordinal([32, 64, 128])",
    "Budget": "say what is limited: tt.Budget(trials=100, hours=8)",
    "Resources": "say what is needed: tt.Resources(cpus=2, gpus=1)",
    "Fidelity": 'write tt.Fidelity("epoch", 1, 81)',
    "Command": 'the program and its arguments are one list: tt.Command(["python", "train.py", "--lr={lr}"])',
    "minimize": 'it names a metric, tt.minimize("loss"); what runs a study is tt.tune(train, space, ...)',
    "maximize": 'it names a metric, tt.maximize("accuracy"); what runs a study is tt.tune(train, space, ...)',
    "Study.ask": "it hands out one trial: call it as often as you want, and tell the trials in any order",
    "Study.tell": 'write study.tell(trial, 0.3), study.tell(trial, {"loss": 0.3}) or study.tell(trial, failed="oom")',
    "Trial.report": "the step comes first, then the metrics by name: trial.report(3, loss=0.4)",
}
"""For each call, what to write instead of more arguments by their place than it takes."""

_VALUES = 'its values come with it: trial.params["lr"]; the space is declared beforehand, tt.Space(lr=tt.Float(...))'
_RANGE = "write tt.Float(1e-5, 1e-1), with log=True where ratios matter"
_CHOICES = 'write tt.Categorical(["adamw", "sgd"]), or tt.Ordinal([32, 64]) where they have an order'
_WHOLE = "write tt.Int(1, 8), both bounds included"
_TUNE = 'write tt.tune(train, space, minimize="loss", budget=100)'
_TABLE = 'write study.to_pandas(), study.table for columns, or study.export("trials.csv")'
_REPORT = "write trial.report(3, loss=0.4), by name"
_NOTE = 'write {noun}.note("key", value)'

NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "trimtab": {
        **dict.fromkeys(("Real", "Uniform", "UniformFloat", "FloatDistribution", "Scalar", "uniform"), _RANGE),
        **dict.fromkeys(("LogUniform", "Log", "loguniform", "log_uniform"), "write tt.Float(1e-5, 1e-1, log=True)"),
        **dict.fromkeys(("quniform", "QUniform", "Discrete"), "write tt.Float(0.0, 1.0, step=0.1)"),
        **dict.fromkeys(
            ("normal", "Normal", "lognormal"), "write tt.Float(low, high, default=..., prior=...), a belief"
        ),
        **dict.fromkeys(
            ("Integer", "UniformInteger", "IntDistribution", "randint", "RandInt", "lograndint", "IntUniform"), _WHOLE
        ),
        **dict.fromkeys(("Choice", "choice", "CategoricalDistribution", "CategoricalHyperparameter", "Enum"), _CHOICES),
        **dict.fromkeys(("Boolean", "Bool"), "write tt.Categorical([True, False])"),
        **dict.fromkeys(
            ("Constant", "Fixed"), 'write tt.Space(..., fixed={"batch": 32}), or the value into the objective'
        ),
        **dict.fromkeys(("grid_search", "GridSearch", "Grid"), 'write tt.tune(..., optimizer="grid")'),
        **dict.fromkeys(("SearchSpace", "ConfigurationSpace", "ParameterSpace", "HyperParameters"), _SPACE),
        **dict.fromkeys(("fmin", "optimize", "run", "fit", "Tuner", "gp_minimize", "sweep", "agent", "search"), _TUNE),
        **dict.fromkeys(
            ("Trials", "Experiment", "AxClient", "Client"), 'write tt.create_study(space, minimize="loss")'
        ),
        **dict.fromkeys(
            ("TuneConfig", "RunConfig", "Scenario", "ObjectiveProperties"), "its settings are arguments of tt.tune"
        ),
        **dict.fromkeys(
            ("hp", "distributions", "samplers", "pruners"),
            'parameters are tt.Float, tt.Int, tt.Categorical, tt.Ordinal; engines go by name, optimizer="gp"',
        ),
        **dict.fromkeys(("TrialPruned", "StopTrial"), "it is called tt.TrialStopped, and trial.report raises it"),
        **dict.fromkeys(
            ("STATUS_OK", "STATUS_FAIL"), "return the loss, or raise: an objective that raises is a failed trial"
        ),
        "Condition": 'write tt.Float(0, 1, when=tt.given("optimizer") == "sgd")',
        "EqualsCondition": 'write tt.Float(0, 1, when=tt.given("optimizer") == "sgd")',
        "log": "inside a trial write trial.report(3, loss=0.4), in a program trimtab.report(3, loss=0.4)",
    },
    "Study": {
        **dict.fromkeys(("optimize", "minimize", "run", "fit", "start"), _TUNE),
        **dict.fromkeys(("trials_dataframe", "dataframe", "get_trials_data_frame", "get_dataframe"), _TABLE),
        **dict.fromkeys(("get_trials", "results", "cv_results_", "history"), _TABLE),
        **dict.fromkeys(("best_trial", "get_best_result", "get_best_trial", "best_estimator_"), "write study.best"),
        **dict.fromkeys(("get_best_config", "get_best_parameters", "best_config"), "write study.best.params"),
        **dict.fromkeys(("best_loss", "best_score_", "best_score"), "write study.best.metrics"),
        **dict.fromkeys(("enqueue_trial", "add_point", "probe"), 'write study.enqueue({"lr": 1e-3})'),
        **dict.fromkeys(
            ("add_trial", "attach_trial"), "write study.enqueue({...}), then study.tell(study.ask(), result)"
        ),
        **dict.fromkeys(("get_next_trial", "get_next_trials", "suggest", "next"), "write study.ask()"),
        **dict.fromkeys(("complete_trial", "observe", "register", "update"), "write study.tell(trial, result)"),
        **dict.fromkeys(("log_trial_failure", "fail_trial"), 'write study.tell(trial, failed="exception")'),
        **dict.fromkeys(
            ("set_user_attr", "user_attrs", "set_metric_names"),
            'write study.note("key", value), read study.table.notes',
        ),
        "stop": "leave your loop; within tt.tune write target=, budget= or stop=[...]",
        "direction": "write study.problem.objectives",
        "directions": "write study.problem.objectives",
        "study_name": "write study.name",
        "pareto_front": "write study.best_trials",
    },
    "Trial": {
        "": 'a parameter is trial.params["lr"]',
        **dict.fromkeys(
            (
                "suggest_float",
                "suggest_int",
                "suggest_categorical",
                "suggest_uniform",
                "suggest_loguniform",
                "suggest_discrete_uniform",
                "Float",
                "Int",
                "Choice",
                "Boolean",
                "Fixed",
            ),
            _VALUES,
        ),
        **dict.fromkeys(
            ("config", "parameters", "hyperparameters", "kwargs", "args", "assignments"), "write trial.params"
        ),
        **dict.fromkeys(("get", "get_dictionary", "values"), 'write trial.params["lr"] or trial.params.get("lr")'),
        "should_prune": (
            "nothing is needed: trial.report raises tt.TrialStopped when the trial is to end; a loop that ends itself "
            "looks at trial.should_stop"
        ),
        **dict.fromkeys(
            ("set_user_attr", "set_system_attr", "user_attrs", "log_param"), 'write trial.note("key", value)'
        ),
        **dict.fromkeys(("log", "log_metric", "log_metrics", "report_intermediate_result"), _REPORT),
        **dict.fromkeys(("trial_id", "id", "_trial_id"), "write trial.number"),
        **dict.fromkeys(("get_checkpoint", "restore"), "write trial.checkpoint and trial.checkpoint_dir"),
        "save_checkpoint": "write into trial.checkpoint_dir, then trial.mark_checkpoint(epoch)",
    },
    "TrialView": {
        "": 'a parameter is trial.params["lr"], a result trial.metrics["loss"]',
        **dict.fromkeys(("value", "values", "loss", "score", "objective_value"), 'write trial.metrics["loss"]'),
        **dict.fromkeys(("config", "arm"), "write trial.params"),
        **dict.fromkeys(("user_attrs", "info"), "write trial.notes"),
        "duration": "write trial.seconds",
        "datetime_start": "write trial.started_at",
        "datetime_complete": "write trial.ended_at",
    },
}
"""For each object, names that it has not; "" is said of any other."""

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "optimizers": {
        **dict.fromkeys(
            ("bayes", "bayesian", "bo", "bayesopt", "gaussian_process", "gpei", "botorch", "sobol+gpei", "vizier"),
            '"gp" is Bayesian optimization, and "auto" chooses',
        ),
        **dict.fromkeys(("hyperopt", "optuna", "parzen"), '"tpe" is its algorithm, and "auto" chooses'),
        **dict.fromkeys(
            ("smac", "skopt", "ax", "hebo", "flaml", "blendsearch", "cfo", "turbo"), '"auto" or "gp" come nearest'
        ),
        **dict.fromkeys(
            ("cma-es", "cma", "cma_es", "evolution", "es", "de", "ga", "nsga2", "pso", "ngopt"), '"cmaes" comes nearest'
        ),
        **dict.fromkeys(("qmc", "halton", "lhs", "latin", "quasirandom"), '"sobol" comes nearest'),
        **dict.fromkeys(("randomsearch", "random_search", "rand"), 'it is called "random"'),
        **dict.fromkeys(("gridsearch", "grid_search", "sweep", "bruteforce"), 'it is called "grid"'),
        **dict.fromkeys(
            ("hyperband", "bohb", "asha", "sha", "pbt", "pb2", "dehb"),
            'they say how far trials run, which is scheduler=; of optimizers "auto" chooses',
        ),
    },
    "schedulers": {
        **dict.fromkeys(("none", "fifo", "nop"), '"whole" runs each trial to its end'),
        **dict.fromkeys(
            ("bohb", "dehb", "successive_halving", "successivehalving"), '"hyperband" or "asha" come nearest'
        ),
        "population": '"pbt" and "pb2" are population-based training',
        **dict.fromkeys(("medianpruner", "percentile", "medianstop"), 'it is called "median"'),
    },
    "executors": {
        **dict.fromkeys(
            ("local", "multiprocessing", "process", "joblib", "loky", "pool", "fork", "spawn"),
            '"processes" runs trials in processes of this machine',
        ),
        **dict.fromkeys(
            ("thread", "threads", "threading", "sync"),
            '"serial" runs one at a time in this process, "processes" several',
        ),
        **dict.fromkeys(
            ("ray", "dask", "slurm", "k8s", "kubernetes", "spark", "mpi"),
            "clusters are not there yet; several machines may run the same study on one PostgreSQL store",
        ),
        **dict.fromkeys(("shell", "subprocess", "bash", "program", "cmd"), '"command" runs a tt.Command'),
    },
}
"""For each group of plugins, names that none has."""

COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("tune", "optimize", "sweep", "start", "create", "new", "study"), "trimtab run study.yaml"),
    **dict.fromkeys(("create-study", "create_study"), "trimtab ask --file study.yaml, or trimtab run study.yaml"),
    **dict.fromkeys(("ls", "studies", "experiments", "projects"), "trimtab list"),
    **dict.fromkeys(("status", "stats", "info", "describe", "get"), "trimtab show STUDY"),
    **dict.fromkeys(("logs", "log"), "trimtab show STUDY 3, which has the end of a trial's logs"),
    **dict.fromkeys(("best-trial", "best-trials", "best_trial"), "trimtab best STUDY"),
    **dict.fromkeys(("results", "history", "trial"), "trimtab trials STUDY"),
    **dict.fromkeys(("rm", "remove", "delete-study", "drop"), "trimtab delete STUDY"),
    **dict.fromkeys(("mv", "move"), "trimtab rename STUDY NAME"),
    **dict.fromkeys(("dump", "save", "csv"), "trimtab export STUDY trials.csv"),
    **dict.fromkeys(("suggest", "next"), "trimtab ask"),
    **dict.fromkeys(("observe", "complete"), "trimtab tell STUDY 3 loss=0.4"),
    **dict.fromkeys(("resume", "continue"), "trimtab run study.yaml, which goes on where it was"),
    **dict.fromkeys(("stop", "cancel", "kill"), "Ctrl-C, or SIGTERM to the driver: the same command goes on"),
    **dict.fromkeys(
        ("agent", "worker", "dashboard", "ui", "server"),
        "trimtab run study.yaml on each machine, with one PostgreSQL store: trimtab show tells how it stands",
    ),
}
"""What stands for a command that there is not."""

OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("--n-trials", "--trials", "--max-trials", "--count", "--num-samples", "--max-evals"), "--budget 100"
    ),
    **dict.fromkeys(("--timeout", "--time", "--hours", "--max-time"), "--budget hours=2"),
    **dict.fromkeys(("--n-jobs", "--jobs", "-j", "--parallel", "--concurrency", "--max-concurrent"), "--workers 4"),
    **dict.fromkeys(("--sampler", "--algorithm", "--algo", "--method", "--strategy"), "--optimizer auto"),
    **dict.fromkeys(("--storage", "--db", "--database"), "--store sqlite:///trimtab.db"),
    **dict.fromkeys(("--study-name", "--study", "--project", "-n"), "the study's name by itself, or --name of run"),
    **dict.fromkeys(
        ("--direction", "--metric", "--mode", "--goal", "--minimize", "--maximize"), "minimize: loss in the study file"
    ),
    **dict.fromkeys(("--random-seed", "--random-state"), "--seed 0"),
    **dict.fromkeys(("--resume", "--continue"), "nothing: the same command goes on"),
    **dict.fromkeys(("--format", "--output", "-o", "-f"), "--json, or trimtab export STUDY trials.csv"),
    **dict.fromkeys(("--verbose", "-v"), "trimtab show STUDY 3 for a trial's logs"),
    **dict.fromkeys(("--force",), "--yes of delete, or --force of init"),
}
"""What stands for an option that there is not."""


def as_parameter(value: object) -> str:
    """Return what to write for a value that stands in a space and is no parameter; nothing where that is not known."""
    match value:
        case (int() | float() as low, int() | float() as high) if isinstance(value, tuple):
            return f"; a range is tt.Float({low!r}, {high!r})"
        case list() | tuple() | set() | frozenset():
            return f"; choices are tt.Categorical({list(value)!r})"
        case range() if len(value):
            step = "" if value.step == 1 else f", step={value.step}"
            return f"; whole numbers are tt.Int({value[0]}, {value[-1]}{step})"
        case bool() | int() | float() | str() | None:
            return "; a value that does not vary belongs into the objective"
        case type():
            return f"; it is not made yet, as tt.{value.__name__}(...)"
    of = type(value).__module__.partition(".")[0]
    if of in ("scipy", "optuna", "hyperopt", "ray", "skopt", "ConfigSpace", "nevergrad", "flaml"):
        return (
            f"; what {of} has for it is tt.Float(low, high, log=True), tt.Int(low, high) or tt.Categorical([...]) here"
        )
    return ""
