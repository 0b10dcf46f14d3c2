"""Training of neural networks: optimizers, schedules, architectures, fine-tuning. Names are those of training scripts.

No library is behind these: defaults are those of the paper or of PyTorch, and a family joins with another by `|`.
"""

from __future__ import annotations

from typing import Any

from trimtab.spaces.entry import CRASHES, DIVERGES, USELESS, Entry, Family, Hazard, one_of, real, steps, whole

_POSITIVE = Hazard("learns nothing", how=USELESS, below=1e-300)
_NOT_ONE = Hazard("is refused, or diverges: it never forgets", how=CRASHES, above=0.999999999)


def _lr(
    low: float, high: float, default: float, sure: float, says: str, too_much: float, *sources: str, **more: Any
) -> Entry:
    return real("lr", low, high, log=True, default=default, prior=sure, priority=1, says=says,
                hazards=(_POSITIVE, Hazard("diverges", how=DIVERGES, above=too_much)),
                interacts=("batch_size", "the schedule", "warmup"),
                aliases=("learning_rate", "lr0", "base_lr", "peak_lr", "max_lr", "initial_lr"),
                sources=sources, **more)  # fmt: skip


_FIRST = "What matters most of all. The best value moves with batch size, width and schedule."


def _decay(low: float, high: float, default: float, start: float, says: str, *sources: str) -> Entry:
    return real("weight_decay", low, high, log=True, default=default, start=start, prior=0.3, priority=2, says=says,
                beyond=True,
                hazards=(Hazard("diverges: it grows the weights", how=DIVERGES, below=0.0),), interacts=("lr",),
                aliases=("wd", "decay"), sources=sources)  # fmt: skip


def _beta(name: str, low: float, high: float, default: float, says: str, *sources: str, priority: int = 4) -> Entry:
    return real(name, low, high, default=default, prior=0.4, priority=priority, says=says, hazards=(_NOT_ONE,),
                aliases=(name.replace("_", ""), f"adam_{name.replace('_', '')}"), sources=sources)  # fmt: skip


_MOMENTUM = real("momentum", 0.5, 0.99, default=0.9, prior=0.3, priority=2,
                 says="With 0.9 and the rate right little is left to gain.", hazards=(_NOT_ONE,),
                 interacts=("lr: a step is lr / (1 - momentum)",), sources=("sutskever2013", "playbook"))  # fmt: skip

SGD_TRAINING = Family(
    name="sgd_training",
    title="Training: SGD with momentum",
    about="The learning rate, then momentum and weight decay. Its best rate is ten to a hundred times that of Adam.",
    mistakes=("The rate on a linear scale.", "The rates of Adam: too small.", "momentum up to 1."),
    essential=(("lr",),),
    entries=(
        _lr(1e-3, 1.0, 0.1, 0.2, _FIRST, 10.0, "bengio2012", "playbook", "goyal2017"),
        _MOMENTUM,
        _decay(1e-6, 1e-2, 0.0, 1e-4, "As an L2 penalty: what it does depends on the rate.", "loshchilov2019",
               "playbook"),
        one_of("nesterov", True, False, default=False, start=True, priority=4, says="Rarely worse.",
               sources=("sutskever2013",)),
    ),
)  # fmt: skip
ADAM = Family(
    name="adam",
    title="Training: Adam",
    about="The learning rate; the others only with more than some 25 trials, by the tuning playbook.",
    mistakes=("The rate on a linear scale.", "Rates of SGD: 0.1 diverges.", "beta_2 up to 1."),
    essential=(("lr",),),
    entries=(
        _lr(1e-5, 1e-2, 1e-3, 0.2, _FIRST, 1.0, "kingma2015", "playbook", "choi2019"),
        _beta("beta_1", 0.8, 0.99, 0.9, "Momentum.", "playbook", "choi2019", priority=3),
        _beta("beta_2", 0.9, 0.9999, 0.999, "How long squares of gradients are remembered; 0.95 with large batches.",
              "playbook", "choi2019"),
        real("eps", 1e-10, 1e-3, log=True, default=1e-8, prior=0.3, priority=4, aliases=("epsilon", "adam_epsilon"),
             says="Keeps steps finite; the playbook tunes it with more than 25 trials.",
             hazards=(Hazard("divides by 0, in half precision below 1e-7 too", below=1e-300),),
             sources=("playbook", "choi2019")),
    ),
)  # fmt: skip
ADAMW = Family(
    name="adamw",
    title="Training: AdamW",
    about="The learning rate and weight decay, which AdamW makes nearly independent of each other.",
    mistakes=("Rate or weight decay on a linear scale.", "The weight decay of SGD, 1e-4: it does nothing here."),
    essential=(("lr",),),
    entries=(
        _lr(1e-5, 1e-2, 1e-3, 0.2, _FIRST, 1.0, "loshchilov2019", "playbook"),
        _decay(1e-4, 1.0, 1e-2, 1e-2, "Decoupled from the gradient: larger than that of SGD.", "loshchilov2019"),
        _beta("beta_1", 0.8, 0.99, 0.9, "Momentum.", "playbook", "choi2019"),
        _beta("beta_2", 0.9, 0.9999, 0.999, "0.95 for language models and large batches.", "playbook", "wortsman2023",
              priority=3),
    ),
)  # fmt: skip
LION = Family(
    name="lion",
    title="Training: Lion",
    about="Rates 3 to 10 times smaller than those of AdamW, and weight decay as much larger.",
    mistakes=("The rates of AdamW: too large.", "The weight decay of AdamW: too small."),
    essential=(("lr",),),
    entries=(
        _lr(1e-6, 1e-3, 1e-4, 0.2, "3 to 10 times smaller than with AdamW, since every step has the same size.", 1.0,
            "chen2023"),
        _decay(1e-2, 10.0, 1e-2, 0.3, "3 to 10 times that of AdamW: what counts is lr * weight_decay.", "chen2023"),
        _beta("beta_1", 0.85, 0.99, 0.9, "0.95 where training is unstable.", "chen2023"),
        _beta("beta_2", 0.95, 0.999, 0.99, "0.98 where training is unstable.", "chen2023"),
    ),
)  # fmt: skip
MUON = Family(
    name="muon",
    title="Training: Muon",
    about="For the matrices inside of a network; embeddings, heads and vectors stay with AdamW, whose rate is tuned "
    "apart.",
    mistakes=("One rate for both groups: that of AdamW is some ten times smaller.",),
    essential=(("lr",),),
    entries=(
        _lr(1e-3, 1e-1, 0.02, 0.25, "Of the matrices: every step has the same spectral norm.", 10.0, "jordan2024",
            "liu2025"),
        real("adamw_lr", 1e-5, 1e-2, log=True, default=3e-4, prior=0.25, priority=1,
             says="Of embeddings, heads and vectors.", hazards=(_POSITIVE, Hazard("diverges", how=DIVERGES, above=1.0)),
             sources=("jordan2024",)),
        real("momentum", 0.8, 0.99, default=0.95, prior=0.4, says="Before the update is orthogonalized.",
             hazards=(_NOT_ONE,),
             sources=("jordan2024",)),
        _decay(1e-3, 1.0, 0.0, 0.1, "Needed in long runs.", "liu2025"),
    ),
)  # fmt: skip

SCHEDULE = Family(
    name="schedule",
    title="Training: schedule and warm-up",
    about="A decay to near 0 is worth more than its form; warm-up is what lets a larger rate work.",
    mistakes=(
        "The number of epochs as a parameter to tune: it is a fidelity, of which more is better.",
        "A warm-up in steps where the length of runs varies: say it as a share.",
    ),
    entries=(
        one_of("schedule", "cosine", "linear", "constant", default="cosine", prior=0.5, priority=3,
               says="Cosine and linear are alike; constant is for runs of unknown length.", aliases=("lr_schedule",
               "scheduler"),
               sources=("loshchilov2017", "playbook")),
        real("warmup", 0.0, 0.2, default=0.05, prior=0.3, priority=2, when={"schedule": ("cosine", "linear")},
             says="The share of the steps in which the rate grows.",
             hazards=(Hazard("warms up to the end", how=USELESS, above=0.9),), interacts=("lr",),
             aliases=("warmup_ratio", "warmup_fraction", "warmup_frac"), sources=("playbook", "goyal2017")),
        steps("final_lr_share", 0.0, 0.01, 0.1, default=0.0, priority=4, when={"schedule": ("cosine", "linear")},
              says="What is left of the rate at the end.", sources=("loshchilov2017",)),
    ),
)  # fmt: skip
BATCH = Family(
    name="batch",
    title="Training: the batch",
    about="The batch size sets speed, not quality: take the largest that is efficient, and tune the rate for it.",
    mistakes=("The batch size tuned for its loss: what changes is how far the rate is off.",
              "Other batch sizes with the same rate, and nothing tuned again."),
    entries=(
        steps("batch_size", 16, 32, 64, 128, 256, 512, 1024, default=64, priority=2, cost="less",
              says="Powers of two are custom, and filled on GPUs.", aliases=("batch", "bs", "train_batch_size"),
              hazards=(Hazard("is refused", below=1), Hazard("runs out of memory", above=65536)),
              interacts=("lr", "momentum"), sources=("playbook", "shallue2019")),
    ),
)  # fmt: skip
_BATCH = BATCH.entries[0]
_DROPOUT = real("dropout", 0.0, 0.6, default=0.1, prior=0.3, priority=3, says="Where rows are few; hurts where they "
                                                                         "are many.",
                hazards=(Hazard("drops everything", how=USELESS, above=0.95),
                         Hazard("is refused", below=0.0)),
                aliases=("dropout_rate", "drop", "p_drop", "hidden_dropout"), sources=("srivastava2014",
                "playbook"))  # fmt: skip
_SMOOTHING = real("label_smoothing", 0.0, 0.2, default=0.0, priority=4, only="classification", beyond=True,
                  says="Takes confidence from wrong labels.", hazards=(Hazard("tells nothing", how=USELESS, above=0.9),
                                                                       ),
                  sources=("szegedy2016", "playbook"))  # fmt: skip
_CLIP = real("grad_clip", 0.1, 10.0, log=True, default=1.0, prior=0.3, priority=4,
             says="The norm beyond which gradients are cut; where more than some are, the rate is too large.",
             hazards=(Hazard("stops all learning, or turns it off", how=USELESS, below=1e-300),),
             aliases=("max_grad_norm", "clip", "gradient_clip_val", "clip_norm"), sources=("pascanu2013",
             "playbook"))  # fmt: skip
REGULARIZATION = Family(
    name="regularization",
    title="Training: regularization",
    about="After the rate: first weight decay, which is with the optimizer, then dropout, then the rest.",
    mistakes=("Regularization tuned before the model fits its training data.",),
    entries=(_DROPOUT, _SMOOTHING,
             real("mixup", 0.0, 1.0, default=0.0, start=0.0, priority=4, beyond=True, only="classification",
                  says="How far two examples are mixed; for pictures.",
                  hazards=(Hazard("is refused", below=0.0),), sources=("zhang2018",)), _CLIP),
)  # fmt: skip

_ADAMW = ADAMW.entries
MLP_TRAINING = Family(
    name="mlp_training",
    title="Training: multi-layer perceptrons on tables",
    about="The rate, then width and depth, then dropout and weight decay.",
    mistakes=("Widths per layer as parameters of their own: one width does as well, with fewer trials.",),
    essential=(("lr",),),
    entries=(
        _ADAMW[0],
        whole("width", 32, 1024, log=True, default=256, prior=0.3, priority=1, cost="more",
              says="Of every hidden layer.",
              aliases=("hidden", "hidden_size", "hidden_dim", "n_units", "units", "hidden_units"),
              hazards=(Hazard("is refused", below=1),), sources=("gorishniy2021",)),
        whole("layers", 1, 8, default=3, prior=0.3, priority=2, cost="more", says="Hidden ones.",
              aliases=("n_layers", "num_layers", "depth", "n_hidden"), hazards=(Hazard("is refused", below=0),),
              sources=("gorishniy2021",)),
        _ADAMW[1], _DROPOUT, _BATCH,
    ),
)  # fmt: skip
CNN_TRAINING = Family(
    name="cnn_training",
    title="Training: convolutional networks",
    about="SGD with momentum: rate and weight decay, then augmentation and smoothing.",
    mistakes=("Kernel sizes and channels tuned before the rate.",),
    essential=(("lr",),),
    entries=(
        *SGD_TRAINING.entries[:3], _BATCH, _SMOOTHING,
        whole("channels", 16, 128, log=True, default=64, prior=0.3, priority=2, cost="more", says="Of the first stage.",
              aliases=("n_channels", "filters", "n_filters"), hazards=(Hazard("is refused", below=1),),
              sources=("playbook",)),
        SCHEDULE.entries[0], SCHEDULE.entries[1],
    ),
)  # fmt: skip
TRANSFORMER_TRAINING = Family(
    name="transformer_training",
    title="Training: transformers from scratch",
    about="Rate and warm-up together, then weight decay and beta_2. The shape is set by the compute, not tuned.",
    mistakes=("No warm-up.", "d_model that the number of heads does not divide: an error."),
    essential=(("lr",),),
    entries=(
        _lr(1e-5, 1e-2, 1e-3, 0.2, _FIRST + " It falls as the width grows.", 1.0, "wortsman2023", "loshchilov2019",
            start=3e-4),
        SCHEDULE.entries[0], SCHEDULE.entries[1],
        _decay(1e-3, 1.0, 1e-2, 0.1, "0.1 is usual.", "loshchilov2019", "wortsman2023"),
        _beta("beta_2", 0.9, 0.999, 0.999, "0.95 keeps large batches stable.", "wortsman2023", priority=3),
        _DROPOUT, _CLIP, _BATCH,
    ),
)  # fmt: skip
FINE_TUNING = Family(
    name="fine_tuning",
    title="Fine-tuning",
    about="Small rates, few epochs. The seed matters as much as anything on small data: repeat what is best.",
    mistakes=("Rates of training from scratch: what was learned is lost.", "One run for each setting on small data."),
    essential=(("lr",),),
    entries=(
        _lr(1e-6, 5e-4, 2e-5, 0.2, "2e-5 to 5e-5 is what the authors of BERT advise.", 1.0, "devlin2019",
            "mosbach2021"),
        whole("epochs", 1, 10, default=3, prior=0.3, priority=2, cost="more", beyond=True,
              says="2 to 4; up to 20 on small data, by Mosbach et al. Better as a fidelity.",
              aliases=("num_train_epochs", "n_epochs"), hazards=(Hazard("is refused", below=1),),
              sources=("devlin2019", "mosbach2021")),
        steps("batch_size", 8, 16, 32, 64, default=32, priority=3, cost="less", says="16 and 32 are usual.",
              aliases=_BATCH.aliases, hazards=_BATCH.hazards, interacts=("lr",), sources=("devlin2019",)),
        real("warmup", 0.0, 0.2, default=0.1, prior=0.3, priority=3, says="The share of the steps in which the rate "
                                                                     "grows.",
             aliases=("warmup_ratio",), sources=("mosbach2021",), hazards=SCHEDULE.entries[1].hazards),
        _decay(1e-4, 0.3, 1e-2, 1e-2, "Hardly matters in few epochs.", "mosbach2021"),
        real("layer_decay", 0.6, 1.0, default=1.0, prior=0.5, priority=4, beyond=True,
             says="The rate of a layer, next to that above it.",
             hazards=(Hazard("is refused", below=1e-300),), sources=("mosbach2021",)),
    ),
)  # fmt: skip
LORA = Family(
    name="lora",
    title="Fine-tuning with LoRA",
    about="The rate first: some ten times that of full fine-tuning, whatever the rank. Adapters on all layers.",
    mistakes=("The rates of full fine-tuning: too small.", "Adapters on attention alone: the MLP is what counts.",
              "rank tuned before the rate."),
    essential=(("lr",),),
    entries=(
        _lr(1e-5, 5e-3, 2e-4, 0.2, "Some ten times that of full fine-tuning.", 1.0, "schulman2025", "hu2022"),
        steps("lora_rank", 4, 8, 16, 32, 64, 128, default=8, start=16, priority=2, cost="more",
              says="How much it can learn: the more data, the more.", aliases=("r", "rank", "lora_r"),
              hazards=(Hazard("is refused", below=1),), sources=("schulman2025", "hu2022")),
        steps("lora_alpha", 8, 16, 32, 64, default=8, start=32, priority=3, interacts=("lr: it scales every step",),
              says="Hold it, and tune the rate.", hazards=(Hazard("is refused", below=1),), sources=("schulman2025",
              "hu2022")),
        real("lora_dropout", 0.0, 0.2, default=0.0, start=0.05, priority=4, says="On small data.", beyond=True,
             hazards=(Hazard("drops everything", how=USELESS, above=0.95),), sources=("hu2022",)),
        steps("batch_size", 8, 16, 32, 64, default=32, priority=3, cost="less", aliases=_BATCH.aliases,
              says="LoRA bears large batches less well.", hazards=_BATCH.hazards, interacts=("lr",),
              sources=("schulman2025",)),
        real("warmup", 0.0, 0.2, default=0.03, start=0.03, prior=0.3, priority=4, says="The share of the steps in "
        "which the rate grows.",
             aliases=("warmup_ratio",), sources=("schulman2025",), hazards=SCHEDULE.entries[1].hazards),
    ),
)  # fmt: skip

NETWORK = Family(
    name="network",
    title="Training: a choice of optimizers",
    about="Where the optimizer is in question: momentum only for SGD, and betas only for Adam.",
    mistakes=("One range of rates for SGD and Adam: their best rates lie ten to a hundred times apart.",
              "momentum without a condition on the optimizer: with Adam it does nothing."),
    essential=(("lr",),),
    entries=(
        one_of("optimizer", "adamw", "adam", "sgd", default="adamw", priority=1, aliases=("opt", "optim"),
               says="AdamW for transformers, SGD for convolutions; else either.", sources=("choi2019", "playbook")),
        _lr(1e-5, 1.0, 1e-3, 0.25, _FIRST, 10.0, "playbook", "bengio2012"),
        real("momentum", 0.5, 0.99, default=0.9, prior=0.3, priority=2, when={"optimizer": ("sgd",)},
             says="With 0.9 and the rate right little is left to gain.", hazards=(_NOT_ONE,), interacts=("lr",),
             sources=("sutskever2013", "playbook")),
        _decay(1e-6, 0.3, 1e-2, 1e-3, "Of AdamW larger than of SGD.", "loshchilov2019"),
        real("beta_2", 0.9, 0.9999, default=0.999, priority=4, when={"optimizer": ("adamw", "adam")},
             hazards=(_NOT_ONE,),
             aliases=("beta2", "adam_beta2"), says="How long squares of gradients are remembered.",
             sources=("choi2019",)),
        _BATCH, _DROPOUT,
    ),
)  # fmt: skip

FAMILIES = (
    SGD_TRAINING, ADAM, ADAMW, LION, MUON, SCHEDULE, BATCH, REGULARIZATION, MLP_TRAINING, CNN_TRAINING,
    TRANSFORMER_TRAINING, FINE_TUNING, LORA, NETWORK,
)  # fmt: skip
