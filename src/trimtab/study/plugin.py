"""Optimizers and schedulers: by their registered name, by the settings on record, or as what the person passes.

What a log or a study file says is data, perhaps a stranger's. From data a plugin is made by its registered name alone:
code that is installed here. The log names a plugin that is not registered by its place, `module:Class`; nothing is
imported for that: whoever goes on with such a study passes the object, or says the same `module:Class` on the command
line.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any, Final, Literal, TypeAlias, TypeGuard, cast, overload

from trimtab import plugins
from trimtab.errors import PluginError, ProblemError, TrimtabError
from trimtab.optim.protocol import AnyOptimizer
from trimtab.plugins import Factory, kind
from trimtab.schedule.protocol import Scheduler
from trimtab.space.condition import shown

Group: TypeAlias = Literal["optimizers", "schedulers"]
Plugin: TypeAlias = AnyOptimizer | Scheduler

METHODS: Final[dict[Group, tuple[str, ...]]] = {
    "optimizers": ("init", "tell", "ask", "to_json"),
    "schedulers": ("assign", "judge", "to_json"),
}
"""What a plugin of each group can do, by which one is told from anything else."""


def settings_of(plugin: Plugin) -> dict[str, Any]:
    """Return the settings that make a plugin again; a plugin without a registered name is named by its place."""
    settings: dict[str, Any] = dict(plugin.to_json())
    settings.setdefault("name", f"{type(plugin).__module__}:{type(plugin).__qualname__}")
    return settings


def is_made_by(plugin: Plugin, settings: Mapping[str, Any]) -> bool:
    """Return whether a plugin is what settings on record describe.

    A class of the script that was run is on record as `__main__:Class`; under its module's name it is the same.
    """
    own = settings_of(plugin)
    if str(settings.get("name")) == f"__main__:{type(plugin).__qualname__}":
        own["name"] = settings["name"]
    return own == settings


@overload
def make(group: Literal["optimizers"], settings: Mapping[str, Any]) -> AnyOptimizer: ...
@overload
def make(group: Literal["schedulers"], settings: Mapping[str, Any]) -> Scheduler: ...
def make(group: Group, settings: Mapping[str, Any]) -> Plugin:
    """Return the registered plugin that `settings` describe; they may come from a stranger.

    Raises:
        PluginError: no such plugin is registered here, it is none, or it does not take these options.
    """
    options = dict(settings)
    name = options.pop("name", None)
    if not isinstance(name, str) or name not in plugins.names(group):
        raise PluginError(_unregistered(group, name))
    return _made(group, name, plugins.load(group, name), options)


@overload
def passed(group: Literal["optimizers"], plugin: object) -> AnyOptimizer: ...
@overload
def passed(group: Literal["schedulers"], plugin: object) -> Scheduler: ...
def passed(group: Group, plugin: object) -> Plugin:
    """Return a plugin that a person gives by its registered name or as an object.

    Raises:
        PluginError: no plugin of that name, or no plugin.
    """
    if isinstance(plugin, str):
        return _made(group, plugin, plugins.load(group, plugin), {})
    if isinstance(plugin, type) or not _is_one(plugin, group):
        known = ", ".join(map(repr, plugins.names(group)))
        raise PluginError(
            f"{kind(group)}= is one of {known}, or an object that can do what these do; got {shown(plugin)}."
        )
    return plugin


def passed_scheduler(scheduler: object, *, race: object) -> Scheduler:
    """Return the scheduler that a person gives, as `passed` does; where `race` is False, one under which no folds race.

    Raises:
        PluginError: as `passed`.
        ProblemError: `race` is neither True nor False.
    """
    plan = passed("schedulers", scheduler)
    if not isinstance(race, bool):
        raise ProblemError(f"race is True or False, whether trials end early by their folds; got {shown(race)}.")
    settings = settings_of(plan)
    name = str(settings.pop("name"))
    if race or name not in plugins.names("schedulers"):
        return plan
    factory = plugins.load("schedulers", name)
    knows = "race" in inspect.signature(factory).parameters  # others end no trial by its folds
    return cast("Scheduler", _made("schedulers", name, factory, settings | {"race": False})) if knows else plan


@overload
def named(group: Literal["optimizers"], reference: str, settings: Mapping[str, Any] | None = None) -> AnyOptimizer: ...
@overload
def named(group: Literal["schedulers"], reference: str, settings: Mapping[str, Any] | None = None) -> Scheduler: ...
def named(group: Group, reference: str, settings: Mapping[str, Any] | None = None) -> Plugin:
    """Return the plugin that a person names on the command line: a registered name, or `module:Class` of their code.

    Args:
        group: "optimizers" or "schedulers".
        reference: what the person wrote. Modules in the working folder are found after those that are installed.
        settings: what it must be, as the log has it, options included; None for a new study.

    Raises:
        PluginError: there is no such plugin, or it is not what the log says.
    """
    options = {key: value for key, value in (settings or {}).items() if key != "name"}
    factory = _imported(group, reference) if ":" in reference else plugins.load(group, reference)
    plugin = _made(group, reference, factory, options)
    if settings is not None and not is_made_by(plugin, settings):
        raise PluginError(
            f"the study on record was made by the {kind(group)} {shown_settings(settings)}, not by {reference!r}."
        )
    return plugin


def shown_settings(settings: Mapping[str, Any]) -> str:
    """Return settings as messages show them: the name, and the options where there are any."""
    options = {key: value for key, value in settings.items() if key != "name"}
    name = shown(settings.get("name")).removesuffix(" (of type str)")
    return f"{name} with {shown(options).removesuffix(' (of type dict)')}" if options else name


def _unregistered(group: Group, name: object) -> str:
    what = kind(group)
    text = shown(name).removesuffix(" (of type str)")
    return (
        f"the {what} {text} on record is no plugin that is installed here, and what a log names is never imported: "
        f"pass the object that made the study, as {what}= of load_study, tune or replay, or give `trimtab ask` and "
        f"`trimtab replay` --{what} module:Class."
    )


def _imported(group: Group, reference: str) -> Factory:
    """Import what the person at the command line named."""
    module, _, attribute = reference.partition(":")
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)  # at the end, so that no file that lies here takes the place of an installed module
    try:
        found = reduce(getattr, attribute.split("."), importlib.import_module(module))
    except Exception as error:  # the person's module may raise anything
        raise PluginError(f"the {kind(group)} {reference!r} cannot be loaded: {error}.") from None
    if not isinstance(found, type):
        raise PluginError(f"the {kind(group)} {reference!r} is none: expected a class, got a {type(found).__name__}.")
    return found


def _made(group: Group, name: str, factory: Factory, options: Mapping[str, Any]) -> Plugin:
    """Return what a factory makes, once it is known to take the options."""
    what = kind(group)
    if isinstance(factory, type) and _missing(group, factory):
        raise PluginError(f"the {what} {name!r} is none: it lacks {', '.join(_missing(group, factory))}.")
    try:
        inspect.signature(factory).bind(**options)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the {what} {name!r} cannot be made with {shown(dict(options))}: {error}.") from None
    try:
        plugin = factory(**options)
    except TrimtabError:
        raise
    except Exception as error:  # a stranger's options in anybody's plugin
        raise PluginError(
            f"the {what} {name!r} cannot be made with {shown(dict(options))}: {type(error).__name__}: {error}."
        ) from None
    if not _is_one(plugin, group):
        raise PluginError(f"the {what} {name!r} is none: it lacks {', '.join(_missing(group, plugin))}.")
    return plugin


def _missing(group: Group, plugin: object) -> list[str]:
    return [method for method in METHODS[group] if not callable(getattr(plugin, method, None))]


def _is_one(plugin: object, group: Group) -> TypeGuard[Plugin]:
    return not _missing(group, plugin)
