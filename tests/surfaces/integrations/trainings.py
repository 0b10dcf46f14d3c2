"""A training with each library, as a user would write it: what is reported, stopped, killed and taken up again.

Every one learns from the same 120 points for as many steps as it is assigned, and gives back what it reported last.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request, Wait

DIE_AT = "TRIMTAB_TEST_DIE_AT"
"""The step in which the first attempt at a trial kills its process, before the step is reported."""

AT_END = -1
"""Stands for the moment after the last step."""

PAUSE_S = float(os.environ.get("TRIMTAB_TEST_PAUSE", "0"))

SPACE = tt.Space(rate=tt.Float(0.02, 0.2, log=True))
STEPS = tt.Fidelity("epoch", 1, 6)
HALTS_AT = 3
PROMOTES_AT = 3


class EndsOdd:
    """Ends every second trial at its third step.

    Args:
        first: counts the trials from here.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first

    def assign(self, table: TrialTable, request: Request) -> Fresh:
        return Fresh(table.problem.whole)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        return Halt("odd trials end early") if (row + self.first) % 2 and table.curves.step[-1] >= HALTS_AT else None

    def to_json(self) -> dict[str, object]:
        return {"first": self.first}


class Promotes:
    """Runs one trial half the way, and then another that goes on with it."""

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        if not len(table):
            return Fresh((float(PROMOTES_AT),))
        if len(table) == 1 and table.state[0] == COMPLETE:
            return Continue(0, table.problem.whole)
        return Wait("both have run")

    def judge(self, table: TrialTable, row: int) -> None:
        return None

    def to_json(self) -> dict[str, object]:
        return {}


def tuned(objective: Callable[[tt.Trial], object], **more: Any) -> tt.Study:
    """Return the study of a training."""
    settings = {"minimize": "loss", "fidelity": STEPS, "optimizer": "random", "seed": 1, "progress": False}
    return tt.tune(objective, SPACE, **(settings | more))


def may_die(trial: tt.Trial, step: int, attempt: int = 1) -> None:
    """Kill this process as a machine does that runs out of memory, where a test asks for it."""
    asked = int(os.environ.get(DIE_AT, "0"))
    if asked and trial.attempt == attempt and step in (asked, AT_END):
        os.kill(os.getpid(), signal.SIGKILL)


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x [120, 4], y [120] to learn from, and 60 more to look at."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(180, 4)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.1 * rng.normal(size=180)).astype(np.float32)
    return x[:120], y[:120], x[120:], y[120:]


def with_sklearn(trial: tt.Trial) -> object:
    from sklearn.linear_model import SGDRegressor

    x, y, held_out_x, held_out_y = data()
    np.random.seed(trial.seed % 2**32)  # noqa: NPY002 - the global generator, as in many a loop
    model = SGDRegressor(eta0=trial.params["rate"] / 10, random_state=trial.seed % 2**32)
    report = tt.integrations.sklearn.Report(trial, model=model)
    for epoch in report.steps():
        order = np.random.permutation(len(x))  # noqa: NPY002 - as above
        model.partial_fit(x[order], y[order])
        may_die(trial, epoch)
        report(epoch, loss=np.mean((model.predict(held_out_x) - held_out_y) ** 2))
    assert model.predict(held_out_x).shape == (60,)
    return report.last


def with_xgboost(trial: tt.Trial) -> object:
    import xgboost

    class MayDie(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            may_die(trial, model.num_boosted_rounds())
            return False

    x, y, held_out_x, held_out_y = data()
    report = tt.integrations.xgboost.Report(trial, "valid-rmse", checkpoint_every=1)
    held_out = xgboost.DMatrix(held_out_x, held_out_y)
    booster = xgboost.train(
        {"eta": trial.params["rate"], "nthread": 1},
        xgboost.DMatrix(x, y),
        num_boost_round=len(trial.steps()),
        evals=[(held_out, "valid")],
        verbose_eval=False,
        xgb_model=report.model,
        callbacks=[MayDie(), report],
    )
    assert booster.predict(held_out).shape == (60,)
    return report.last


def with_lightgbm(trial: tt.Trial) -> object:
    import lightgbm

    def dying(env: Any) -> None:
        may_die(trial, env.iteration + 1)

    x, y, held_out_x, held_out_y = data()
    train = lightgbm.Dataset(x, y)
    report = tt.integrations.lightgbm.Report(trial, {"loss": "valid_0-l2"}, checkpoint_every=1)
    if not trial.steps():  # it was killed when all was done, and LightGBM trains one round or more
        return report.last
    booster = lightgbm.train(
        {"learning_rate": trial.params["rate"], "num_threads": 1, "verbose": -1, "objective": "l2"},
        train,
        num_boost_round=len(trial.steps()),
        valid_sets=[lightgbm.Dataset(held_out_x, held_out_y, reference=train)],
        init_model=report.model,
        callbacks=[dying, report],
    )
    assert booster.predict(held_out_x).shape == (60,)
    return report.last


def with_torch(trial: tt.Trial) -> object:
    import torch

    x, y, held_out_x, held_out_y = map(torch.from_numpy, data())
    torch.manual_seed(trial.seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.params["rate"], momentum=0.5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    report = tt.integrations.torch.Report(trial, model=model, optimizer=optimizer, schedule=schedule)
    for epoch in report.steps():
        model.train()
        for rows in torch.randperm(len(x)).split(40):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows]).backward()
            optimizer.step()
        schedule.step()
        may_die(trial, epoch)
        model.eval()
        with torch.no_grad():
            report(epoch, loss=torch.nn.functional.mse_loss(model(held_out_x).squeeze(1), held_out_y))
    assert model(held_out_x).shape == (60, 1)
    return report.last


def with_lightning(trial: tt.Trial) -> object:
    import lightning
    import torch

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1))

        def training_step(self, batch, _index):
            x, y = batch
            return torch.nn.functional.mse_loss(self.net(x).squeeze(1), y)

        def validation_step(self, batch, _index):
            x, y = batch
            self.log("val_loss", torch.nn.functional.mse_loss(self.net(x).squeeze(1), y))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=trial.params["rate"], momentum=0.5)

    class MayDie(lightning.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            time.sleep(PAUSE_S)
            may_die(trial, trainer.current_epoch + 1)

    torch.manual_seed(trial.seed)
    x, y, held_out_x, held_out_y = map(torch.from_numpy, data())
    loaders = [
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*pair), batch_size=40, shuffle=shuffle)
        for pair, shuffle in (((x, y), True), ((held_out_x, held_out_y), False))
    ]
    report = tt.integrations.lightning.Report(trial, "val_loss")
    trainer = lightning.Trainer(
        max_epochs=int(trial.fidelity["epoch"]),
        callbacks=[MayDie(), report],
        accelerator="cpu",
        devices=int(os.environ.get("WORLD_SIZE", "1")),  # as torchrun says
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    module = Module()
    trainer.fit(module, *loaders, ckpt_path=report.ckpt_path)
    assert module.net(held_out_x).shape == (60, 1)
    return report.last


def with_transformers(trial: tt.Trial) -> object:
    import torch
    import transformers

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1))

        def forward(self, x, labels=None):
            out = self.net(x).squeeze(1)
            return {"loss": torch.nn.functional.mse_loss(out, labels), "logits": out}

    class MayDie(transformers.TrainerCallback):
        def on_epoch_end(self, args, state, control, **more):
            time.sleep(PAUSE_S)
            may_die(trial, round(state.epoch))

    torch.manual_seed(trial.seed)
    x, y, held_out_x, held_out_y = map(torch.from_numpy, data())
    sets = [[{"x": a, "labels": b} for a, b in zip(*pair, strict=True)] for pair in ((x, y), (held_out_x, held_out_y))]
    model = Model()
    report = tt.integrations.transformers.Report(trial, "eval_loss")
    arguments = transformers.TrainingArguments(
        str(trial.checkpoint_dir / "trainer"),
        num_train_epochs=trial.fidelity["epoch"],
        learning_rate=trial.params["rate"],
        lr_scheduler_type="constant",
        per_device_train_batch_size=40,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        model, arguments, train_dataset=sets[0], eval_dataset=sets[1], callbacks=[MayDie(), report]
    )
    trainer.train(resume_from_checkpoint=report.resume_from_checkpoint)
    assert model(held_out_x, held_out_y)["logits"].shape == (60,)
    return report.last


def with_keras(trial: tt.Trial) -> object:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    class MayDie(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            may_die(trial, epoch + 1)

    keras.utils.set_random_seed(trial.seed % 2**32)
    x, y, held_out_x, held_out_y = data()
    layers = [keras.Input((4,)), keras.layers.Dense(16), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(trial.params["rate"], momentum=0.5), "mse")
    report = tt.integrations.keras.Report(trial, "val_loss")
    model.fit(
        x,
        y,
        batch_size=40,
        validation_data=(held_out_x, held_out_y),
        epochs=int(trial.fidelity["epoch"]),
        initial_epoch=report.initial_epoch,
        verbose=0,
        callbacks=[MayDie(), report],
    )
    assert model.predict(held_out_x, verbose=0).shape == (60, 1)
    return report.last


def with_catboost(trial: tt.Trial) -> object:
    import catboost

    class MayDie:
        def after_iteration(self, info):
            may_die(trial, info.iteration)
            return True

    x, y, held_out_x, held_out_y = data()
    report = tt.integrations.catboost.Report(trial, "validation-RMSE", checkpoint_every=1)
    model = catboost.CatBoostRegressor(
        iterations=int(trial.fidelity["epoch"]),
        learning_rate=trial.params["rate"],
        random_seed=0,  # a snapshot is refused by another
        thread_count=1,
        verbose=False,
        train_dir=str(trial.checkpoint_dir / "catboost"),
    )
    model.fit(x, y, eval_set=(held_out_x, held_out_y), callbacks=[MayDie(), report], **report.snapshot)
    assert model.predict(held_out_x).shape == (60,)
    return report.last
