"""Reinforcement learning: PPO and SAC, by the names of Stable-Baselines3."""

from __future__ import annotations

from trimtab.spaces.entry import CRASHES, DIVERGES, USELESS, Entry, Family, Hazard, one_of, real, steps, whole

_POSITIVE = Hazard("learns nothing", how=USELESS, below=1e-300)


def _rate(low: float, high: float, *sources: str) -> Entry:
    return real("learning_rate", low, high, log=True, default=3e-4, prior=0.25, priority=1,
                says="What matters most. Repeat every setting over seeds: they differ as much as settings do.",
                hazards=(_POSITIVE, Hazard("diverges: the policy collapses", how=DIVERGES, above=0.1)), aliases=("lr",),
                sources=(*sources, "eimer2023"))  # fmt: skip


def _discount(default: float = 0.99) -> Entry:
    return steps("gamma", 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, default=default, priority=2,
                 says="How far ahead rewards count: about 1 / (1 - gamma) steps, so values near 1 have to be close.",
                 hazards=(Hazard("has no horizon", how=DIVERGES, above=0.99999),),
                 aliases=("discount",), sources=("andrychowicz2021", "raffin2021"))  # fmt: skip


PPO = Family(
    name="ppo",
    title="PPO",
    package="stable-baselines3",
    module="stable_baselines3",
    classes=("PPO",),
    about="The rate, then the discount and how much is collected for an update; then the clip and the epochs.",
    mistakes=(
        "gamma on a linear scale: 0.99 and 0.999 differ ten times in how far ahead they look.",
        "batch_size that does not divide n_steps * n_envs: the last batch is short.",
        "One seed for each setting.",
    ),
    essential=(("learning_rate",),),
    entries=(
        _rate(1e-5, 3e-3, "andrychowicz2021", "schulman2017"),
        _discount(),
        steps("n_steps", 128, 256, 512, 1024, 2048, 4096, default=2048, priority=2, cost="more",
              says="Collected by each environment for an update.",
              hazards=(Hazard("has no spread of advantages to divide by", below=2),),
              sources=("andrychowicz2021", "raffin2021")),
        steps("batch_size", 32, 64, 128, 256, default=64, priority=3, cost="less", says="Of a step; divides n_steps "
        "* n_envs.",
              hazards=(Hazard("has no spread of advantages to divide by", below=2),),
              interacts=("n_steps",), sources=("raffin2021",)),
        real("gae_lambda", 0.8, 1.0, default=0.95, prior=0.3, priority=3, says="0.9 is good, by Andrychowicz et al.",
             hazards=(Hazard("diverges", how=DIVERGES, above=1.0),), sources=("andrychowicz2021",)),
        real("clip_range", 0.1, 0.4, default=0.2, prior=0.3, priority=3, says="How far an update may move the policy.",
             hazards=(Hazard("is refused", how=CRASHES, below=1e-300),), aliases=("clip_eps", "clip_coef"),
             sources=("schulman2017", "andrychowicz2021")),
        real("ent_coef", 1e-8, 0.1, log=True, default=0.0, start=1e-4, prior=0.4, priority=2, beyond=True,
             says="Keeps the policy from settling too early.", sources=("andrychowicz2021", "raffin2021"),
             hazards=(Hazard("learns nothing but noise", how=USELESS, above=1.0),)),
        whole("n_epochs", 1, 20, log=True, default=10, prior=0.3, priority=3, cost="more",
              says="Passes over what was collected.",
              hazards=(Hazard("is refused", below=1),), interacts=("clip_range",), sources=("schulman2017",)),
        real("vf_coef", 0.1, 1.0, default=0.5, prior=0.4, priority=4, says="The weight of the value's loss.",
             sources=("raffin2021",)),
        real("max_grad_norm", 0.3, 5.0, log=True, default=0.5, prior=0.4, priority=4, says="Where gradients are cut.",
             hazards=(_POSITIVE,), sources=("andrychowicz2021",)),
    ),
)  # fmt: skip
SAC = Family(
    name="sac",
    title="SAC",
    package="stable-baselines3",
    module="stable_baselines3",
    classes=("SAC",),
    about="Less touchy than PPO. The rate, the discount, and how often it learns; leave the entropy to itself.",
    mistakes=("ent_coef tuned, instead of ent_coef='auto'.", "tau on a linear scale.", "One seed for each setting."),
    essential=(("learning_rate",),),
    entries=(
        _rate(1e-5, 3e-3, "haarnoja2018"),
        _discount(),
        real("tau", 1e-3, 5e-2, log=True, default=5e-3, prior=0.3, priority=2, says="How fast the target follows.",
             hazards=(_POSITIVE, Hazard("is no average", above=1.0)), aliases=("polyak",), sources=("haarnoja2018",)),
        steps("batch_size", 64, 128, 256, 512, default=256, priority=3, cost="more", says="Drawn from the memory.",
              hazards=(Hazard("is refused", below=1),), sources=("haarnoja2018", "raffin2021")),
        steps("train_freq", 1, 4, 8, 16, 32, default=1, priority=3, cost="less", says="Steps between updates.",
              hazards=(Hazard("is refused", below=1),), interacts=("gradient_steps",), sources=("raffin2021",)),
        steps("gradient_steps", 1, 4, 8, 16, 32, default=1, priority=3, cost="more", says="Updates each time.",
              hazards=(Hazard("learns nothing", how=USELESS, equal=(0,)),), interacts=("train_freq",),
              sources=("raffin2021",)),
        steps("learning_starts", 100, 1_000, 10_000, default=100, start=1_000, priority=4,
              says="Steps at random first.",
              sources=("raffin2021",)),
        one_of("use_sde", False, True, default=False, priority=4, says="Smooth exploration, for robots.",
               sources=("raffin2021",)),
    ),
)  # fmt: skip

FAMILIES = (PPO, SAC)
