"""What a space was made of: read from arguments and JSON, compared, and shown to people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Final

from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.arguments import is_text
from trimtab.space.condition import shown
from trimtab.space.parameter import Parameter, Params, parameter_from_json

MAX_PARAMETERS: Final = 2_000
"""Parameters of a space: ten times what anybody was seen to tune, and made in some 50 ms."""
MAX_TEXT: Final = 100_000
"""Characters of all constraints of a space together, which take about a second to read."""

_KEYS: Final = ("parameters", "require", "fixed")


@dataclass(frozen=True, slots=True)
class Made:
    """What a space is made of.

    Attributes:
        parameters: by name, in the order of the columns.
        require: the constraints as they were written.
        fixed: the values at which parameters were held explicitly.
    """

    parameters: dict[str, Parameter]
    require: Iterable[str]
    fixed: Params

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; `read` reads it."""
        data: dict[str, Any] = {
            "parameters": [{"name": name, **parameter.to_json()} for name, parameter in self.parameters.items()]
        }
        if self.require:
            data["require"] = list(self.require)
        if self.fixed:
            data["fixed"] = dict(self.fixed)
        return data

    def differences(self, other: Made) -> list[str]:
        """Return what is different in `other`, the later of the two, a sentence each."""
        was, now = self.parameters, other.parameters
        sentences = [
            f"{name}: was {was[name]!r}, is now {now[name]!r}"
            for name in was
            if name in now and repr(was[name]) != repr(now[name])
        ]
        sentences += [f"{name}: was {parameter!r}, is gone" for name, parameter in was.items() if name not in now]
        sentences += [f"{name}: is new, {parameter!r}" for name, parameter in now.items() if name not in was]
        before, after = [name for name in was if name in now], [name for name in now if name in was]
        if before != after:
            sentences.append(f"the order of the parameters was {', '.join(before)}, is now {', '.join(after)}")
        sentences += [f"the constraint {text!r} is gone" for text in self.require if text not in other.require]
        sentences += [f"the constraint {text!r} is new" for text in other.require if text not in self.require]
        for name in dict.fromkeys((*self.fixed, *other.fixed)):
            before_, after_ = (f"held at {s.fixed[name]!r}" if name in s.fixed else "free" for s in (self, other))
            if before_ != after_:
                sentences.append(f"{name}: was {before_}, is now {after_}")
        return sentences

    def code(self) -> str:
        """Return code that makes the space again."""
        as_keywords = all(name.isidentifier() and not iskeyword(name) and name not in _KEYS for name in self.parameters)
        if as_keywords:
            lines = [f"    {name}={parameter!r}," for name, parameter in self.parameters.items()]
        else:
            lines = [
                "    {",
                *(f"        {name!r}: {parameter!r}," for name, parameter in self.parameters.items()),
                "    },",
            ]
        if self.require:
            lines.append(f"    require={list(self.require)!r},")
        if self.fixed:
            lines.append(f"    fixed={self.fixed!r},")
        return "\n".join(["Space(", *lines, ")"])

    def html(self) -> str:
        """Return a table for notebooks."""
        from html import escape  # imported when used: only notebooks need it

        head = "<tr><th>parameter</th><th>values</th><th>active when</th><th>default</th><th>role</th></tr>"
        rows = []
        for name, parameter in self.parameters.items():
            default = "" if parameter.default is None else repr(parameter.default)
            cells = (
                name,
                parameter.range_text(),
                "" if parameter.when is None else repr(parameter.when),
                default if parameter.prior is None else f"{default}, prior {parameter.prior:g}",
                f"held at {self.fixed[name]!r}" if name in self.fixed else parameter.role,
            )
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        required = "".join(f"<li><code>{escape(text)}</code></li>" for text in self.require)
        return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>" + (
            f"<p>where</p><ul>{required}</ul>" if required else ""
        )


def read(data: object) -> Made:
    """Read what `Made.to_json` wrote.

    Raises:
        SpaceError: not a space; the message names the parameter and the key that is wrong.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("parameters"), list):
        raise SpaceError(
            f'a space is written {{"parameters": [...], "require": [...], "fixed": {{...}}}}, got {shown(data)}.'
        )
    for key in data:
        if key not in _KEYS:
            raise SpaceError(
                f"a space has no option {key!r}{did_you_mean(str(key), _KEYS)}; there are: {', '.join(_KEYS)}."
            )
    by_name: dict[str, Parameter] = {}
    for i, entry in enumerate(data["parameters"]):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise SpaceError(f"parameter {i} of the space needs a name, got {shown(entry)}.")
        name = entry["name"]
        if name in by_name:
            raise SpaceError(f"the space names the parameter {name!r} twice.")
        by_name[name] = parameter_from_json({key: value for key, value in entry.items() if key != "name"}, name)
    require = data.get("require", [])
    if not isinstance(require, list):
        raise SpaceError(f"a space expects require to be a list of texts, got {shown(require)}.")
    return Made(by_name, require, data.get("fixed", {}))


def named(parameters: object, more: Mapping[str, object]) -> dict[str, Parameter]:
    """Return the parameters by name, given as a mapping, as keywords, or as both.

    Raises:
        SpaceError: something else than parameters, a name that is none or given twice, or no parameter at all.
    """
    if parameters is not None and not isinstance(parameters, Mapping):
        raise SpaceError(
            "Space expects parameters by name: Space(lr=Float(0, 1)) or Space({'lr': Float(0, 1)}), "
            f"got {shown(parameters)}."
        )
    given = dict(parameters or {})
    for name in more:
        if name in given:
            raise SpaceError(f"Space got the parameter {name!r} twice.")
    given.update(more)
    if len(given) > MAX_PARAMETERS:
        raise SpaceError(f"Space has at most {MAX_PARAMETERS:,} parameters, got {len(given):,}.")
    if not given:
        raise SpaceError("Space needs at least one parameter, such as Space(lr=Float(1e-5, 1e-1, log=True)).")
    for name, parameter in given.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"the name of a parameter is a text that is not empty, got {shown(name)}.")
        if not is_text(name):
            raise SpaceError(f"the name of a parameter is text that can be written as UTF-8, got {name!r}.")
        if not isinstance(parameter, Parameter):
            from trimtab.habits import as_parameter  # other tools' ways

            hint = as_parameter(parameter)
            raise SpaceError(f"{name} must be a Float, Int, Categorical or Ordinal, got {shown(parameter)}{hint}.")
    return given


def bounded(texts: Iterable[Any]) -> Iterator[Any]:
    """Yield the texts of constraints.

    Raises:
        SpaceError: they have more than `MAX_TEXT` characters together.
    """
    n_characters = 0
    for text in texts:
        n_characters += len(text) if isinstance(text, str) else 0
        if n_characters > MAX_TEXT:
            raise SpaceError(f"the constraints of a space have at most {MAX_TEXT:,} characters together.")
        yield text


def configurations(params: object) -> Sequence[Mapping[str, Any]]:
    """Return a list of configurations as it was given.

    Raises:
        ParamsError: it is none.
    """
    if isinstance(params, (Mapping, str, bytes)) or not isinstance(params, Sequence):
        raise ParamsError(f"expected a list of configurations, each {{name: value}}, got {shown(params)}.")
    for i, row in enumerate(params):
        if not isinstance(row, Mapping):
            raise ParamsError(f"{where(i, len(params))}a configuration is a dict {{name: value}}, got {shown(row)}.")
    return params


def where(i: int, n: int) -> str:
    """Return how a message begins that is about the i-th of n configurations."""
    return f"configuration {i}: " if n > 1 else ""
