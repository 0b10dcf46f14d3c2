from __future__ import annotations

import numpy as np
import pytest

from trimtab.errors import SpaceError
from trimtab.space.condition import given
from trimtab.space.expression import MAX_LENGTH, parse
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.space import Space

PARAMETERS = {
    "a": Int(0, 20),
    "b": Float(-10, 10),
    "batch": Ordinal([256, 128, 64]),
    "opt": Categorical(["sgd", "adam"]),
    "opt2": Categorical(["adam", "sgd", "lion"]),
    "size": Ordinal(["s", "m", "l"]),
    "bias": Categorical([True, False]),
    "mixed": Categorical([None, 0.5, "auto", -1, True]),
    "weight-decay": Float(0, 1),
    "optimizer.lr": Float(0, 1),
    "lambda": Float(0, 1),
    "学习率": Float(0, 1),
    "log": Int(1, 9),
}
BASE = {
    "a": 4, "b": 2.5, "batch": 128, "opt": "sgd", "opt2": "sgd", "size": "m", "bias": True, "mixed": "auto",
    "weight-decay": 0.1, "optimizer.lr": 0.2, "lambda": 0.3, "学习率": 0.4, "log": 3,
}  # fmt: skip


def holds(text, **params):
    values = {**BASE, **params}
    columns = {name: np.array([p.code(values[name], name)]) for name, p in PARAMETERS.items()}
    return bool(parse(text, PARAMETERS).holds(columns)[0])


TRUE = [
    "a + b == 6.5", "a - b == 1.5", "a * b == 10", "a / b == 1.6", "a // b == 1", "a % 3 == 1", "a ** 2 == 16",
    "-a == -4", "+a == 4", "-a // 3 == -2", "-a % 3 == 2", "2 ** -1 * a == 2", "a * batch <= 512", "1 < b < a <= 4",
    "not a > 4", "a == 4 and b == 2.5", "a == 3 or b == 2.5", "a in [1, 4]", "a not in (1, 2)", "a in {4}",
    "min(a, b) == 2.5", "max(a, b, 5) == 5", "min(a, 9, b, 3) == 2.5", "max(a) == 4", "abs(-b) == 2.5", "sqrt(a) == 2",
    "log(exp(b)) < 2.51", "log(log) > 1", "opt == 'sgd'", "'sgd' == opt", "opt != 'adam'", "opt in ['sgd', 'adam']",
    "opt not in ['adam']", "opt == opt2", "not opt != opt2", "size >= 'm'", "'s' < size < 'l'", "size in ['m', 'l']",
    "bias", "not not bias", "bias == True", "bias + (a > 3) == 2", "bias and a == 4", "mixed == 'auto'",
    "mixed != None", "mixed in [None, 'auto']", "batch in [64, 128]",
    "given('weight-decay') < optimizer.lr < given('lambda') < 学习率",
    "a == 4\nand b == 2.5", "  a == 4  ", "1e0 <= a", "0x4 == a", "mixed not in [-1, 0.5, True]",
]  # fmt: skip


@pytest.mark.parametrize("text", TRUE)
def test_it_computes_as_python_does(text):
    assert holds(text)
    assert not holds(f"not ({text.strip()})".replace("\n", " "))


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("1 / a > 0 or 1 / a <= 0", {"a": 0}),
        ("not 1 / a > 0", {"a": 0}),
        ("a % 0 == 0 or a % 0 != 0", {}),
        ("log(b) < 9", {"b": 0}),
        ("not log(b) > 9", {"b": -1}),
        ("sqrt(b) >= 0 or sqrt(b) < 0", {"b": -1}),
        ("b ** 0.5 != 0", {"b": -1}),
        ("a ** -1 != 7", {"a": 0}),
    ],
)
def test_what_has_no_value_does_not_hold_nor_does_its_opposite(text, params):
    assert not holds(text, **params)
    assert not holds(f"not ({text})", **params)


def test_what_decides_by_itself_spares_the_rest():
    assert holds("a == 0 or 1 / a < 1", a=0)
    assert not holds("a != 0 and 1 / a < 1", a=0)


def test_truth_and_number_are_told_apart_among_mixed_choices():
    assert holds("mixed == True", mixed=True)
    assert not holds("mixed == -1", mixed=True)
    assert holds("mixed == -1", mixed=-1)


def test_a_constraint_on_an_inactive_parameter_holds():
    space = Space(a=Int(0, 9), b=Int(0, 9, when=given("a") >= 5), require=["b > a"])
    assert space.satisfied(space.encode([{"a": 4}, {"a": 5, "b": 6}, {"a": 5, "b": 5}])).tolist() == [True, True, False]


BAD = [
    ("a <= c", "mentions 'c', which is no parameter of this space", "c"),
    ("layer <= 1 or battch > 3", "mentions 'layer'", "layer"),
    ("a + battch > 3", "mentions 'battch', which is no parameter of this space (did you mean 'batch'?)", "battch"),
    ("学习率 + battch > 3", "mentions 'battch'", "battch"),
    ("a +", "cannot be read: it ends too early", ""),
    ("a = 3", "cannot be read: invalid syntax", ""),
    ("a $ 3", "cannot be read: invalid syntax", "$"),
    ("(a < 3", "cannot be read: '(' was never closed", "("),
    ("a", "a number is neither true nor false", "a"),
    ("a + 1", "a number is neither true nor false", "a + 1"),
    ("not a", "a number is neither true nor false", "a"),
    ("opt", "opt (whose choices are not numbers) is neither true nor false", "opt"),
    ("a < 3 and 'x'", "the text 'x' is neither true nor false", "'x'"),
    ("a < 'x'", "compares a number with the text 'x'", "'x'"),
    ("a == None", "compares a number with None", "None"),
    ("opt * 2 < 3", "expected a number, got opt (whose choices are not numbers)", "opt"),
    ("'a' * a < 3", "expected a number, got the text 'a'", "'a'"),
    ("opt == 'sdg'", "compares opt with 'sdg', which it cannot be (did you mean 'sgd'?)", "'sdg'"),
    ("opt in ['sgd', 'adm']", "compares opt with 'adm', which it cannot be", "'adm'"),
    ("opt < 'sgd'", "its choices have no order", "'sgd'"),
    ("opt < opt2", "choices are compared with == or !=", "opt2"),
    ("opt == a", "compares opt, which is Categorical(['sgd', 'adam']), with a number", "a"),
    ("opt == a > 3", "with a number", "a"),
    ("a is 3", "compares with 'is'", "3"),
    ("a in 3", "expects a list of values after 'in'", "3"),
    ("a in []", "expects a list of values after 'in'", "[]"),
    ("a == [1, 2]", "has a list where a value is expected", "[1, 2]"),
    ("1 < 2", "mentions no parameter", None),
    ("open('x') == a", "calls something else than min, max, abs, log, exp, sqrt and given('name')", "open('x')"),
    ("a.__class__ == 3", "mentions 'a.__class__'", "a.__class__"),
    ("'x'.y == a", "has a dot after something that is no name", "'x'"),
    ("min() < a", "gives min 0 arguments; it takes at least one", "min()"),
    ("log(a, 2) < 3", "gives log 2 arguments; it takes 1", "log(a, 2)"),
    ("min(a, key=3) < 3", "calls something else", "min(a, key=3)"),
    ("min(*a) < 3", "uses something else than arithmetic", "*a"),
    ("[x for x in a] == 3", "uses something else", "[x for x in a]"),
    ("(lambda: a) == 3", "uses something else", "lambda: a"),
    ("(a if bias else b) < 3", "uses something else", "a if bias else b"),
    ("a @ b < 3", "uses something else", "a @ b"),
    ("a | b < 3", "uses something else", "a | b"),
    ("~a < 3", "uses something else", "~a"),
    ("(a := 3) < 3", "uses something else", "a := 3"),
    ("a[0] < 3", "uses something else", "a[0]"),
    ("f'{a}' == opt", "uses something else", "f'{a}'"),
    ("a < 3j", "holds 3j (of type complex); only numbers", "3j"),
    ("a < b'x'", "holds b'x'", "b'x'"),
    ("a < ...", "holds Ellipsis", "..."),
    ("a < 1" + "0" * 400, "holds a number beyond 1.8e308", None),
    ("given(a) < 3", "calls something else", "given(a)"),
    ("a < 3 \x00", "holds a character that no text has", None),
    ("a < '\ud800'", "holds a character that no text has", None),
    ("a < 3 # first\nand b < 2", "holds a comment; leave it out", "#"),
    ("", "cannot be read: it ends too early", ""),
]


@pytest.mark.parametrize(("text", "message", "marked"), BAD, ids=[text[:30] for text, _, _ in BAD])
def test_what_cannot_be_meant_is_refused_with_a_caret_under_it(text, message, marked):
    with pytest.raises(SpaceError) as caught:
        parse(text, PARAMETERS)
    said = str(caught.value)
    assert message in said
    if marked:
        _, line, carets = said.split("\n")
        start = carets.index("^")
        assert line[start : start + carets.count("^")] == marked


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "a" + ")" * 500 + " < 3",
        "-" * 3000 + "a < 3",
        "a" + " + a" * 1000 + " < 3",
        "a" * (MAX_LENGTH + 1),
        "not " * 400 + "bias",
    ],
    ids=["brackets", "signs", "terms", "length", "nots"],
)
def test_what_is_too_long_or_too_deep_is_refused(text):
    with pytest.raises(SpaceError):
        parse(text, PARAMETERS)


def test_a_sum_of_a_hundred_terms_is_fine():
    assert holds("a" + " + a" * 99 + " == 400")


def test_a_long_line_is_cut_to_the_place():
    with pytest.raises(SpaceError) as caught:
        parse("a < 3 and " * 40 + "nope > 3 and " + " and ".join(["a < 3"] * 40), PARAMETERS)
    _, line, carets = str(caught.value).split("\n")
    assert len(line) <= 104
    assert line[carets.index("^") :].startswith("nope")


@pytest.mark.parametrize("text", [3, None, b"a < 3", ["a < 3"]])
def test_a_constraint_is_a_text(text):
    with pytest.raises(SpaceError, match="a constraint is a text such as"):
        parse(text, PARAMETERS)


def test_names_are_found_in_their_compatibility_form():
    assert Space({"ﬁlters": Int(1, 9)}, require=["ﬁlters > 3"]).satisfied(np.array([[4.0]])).all()
