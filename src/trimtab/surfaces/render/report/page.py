"""A report as one HTML file: no script, nothing from elsewhere, light and dark as the reader likes, fit for print."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from trimtab.analysis.card import Card
from trimtab.study.study import Study
from trimtab.surfaces.render.figure.colours import DARK, LIGHT
from trimtab.surfaces.render.figure.svg import style, svg
from trimtab.surfaces.render.report.content import Content, content_of
from trimtab.surfaces.render.text import clean

_CSS = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.2rem 1rem 3rem}
h1{font-size:1.5rem;margin:0 0 .2rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}
p{margin:.35rem 0;overflow-wrap:anywhere}.dim{color:var(--dim)}
.answer{border:1px solid var(--grid);border-left:5px solid var(--main);border-radius:6px;
padding:.8rem 1rem;margin:1rem 0}
.headline{font-size:1.9rem;font-weight:650;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 1.6rem}
.facts h2{margin-top:.8rem}
ul{margin:.3rem 0;padding-left:1.2rem}li{margin:.2rem 0;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:.4rem 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;white-space:nowrap}
th,td{padding:.1rem .6rem .1rem 0;text-align:right;border-bottom:1px solid var(--grid)}
th{position:sticky;top:0;background:var(--page)}td.t,th.t{text-align:left}
figure{margin:.4rem 0 0;overflow-x:auto}code{font-size:.9em}
@media(max-width:40rem){figure svg{min-width:36rem}}
@media(max-width:32rem){dl{grid-template-columns:1fr}dd{margin-bottom:.3rem}}
@media print{body{font-size:10pt}main{max-width:none;padding:0}section{break-inside:avoid}.wide{overflow:visible}
table{font-size:6.5pt;white-space:normal}.all{break-inside:auto}h2{break-after:avoid}}
"""


def html(study: Study) -> str:
    """Return a study as a page."""
    return page(content_of(study))


def page(content: Content) -> str:
    """Return a report as a page."""
    light, dark = (";".join(f"--{name}:{colour}" for name, colour in shades.items()) for shades in (LIGHT, DARK))
    colours = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}@media print{{:root{{{light}}}}}"
    body = "".join(
        (
            f"<h1>{_text(content.name)}</h1>",
            f'<p>{_text(content.question)} <span class="dim">{_text(content.status)}.</span></p>',
            _answer(content),
            _facts(content),
            *(_section(card) for card in content.cards),
            _unanswered(content),
            _table(content),
            _pairs("Notes", content.notes),
            _pairs("Where it comes from", content.provenance),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{_text(content.name)}</title><style>{colours}{_CSS}{style()}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _text(said: str) -> str:
    return escape(clean(said))


def _answer(content: Content) -> str:
    headline = f'<p class="headline">{_text(content.headline)}</p>' if content.headline else ""
    honest = f"<p>{_text(content.honest)}</p>" if content.honest else ""
    settings = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in content.settings)
    listed = f"<dl>{settings}</dl>" if settings else ""
    return f'<div class="answer">{headline}<p>{_text(content.answer)}</p>{honest}{listed}</div>'


def _facts(content: Content) -> str:
    parts = [f"<div><h2>What mattered</h2><p>{_text(content.mattered)}</p></div>"]
    if content.odds:
        parts.append(f"<div><h2>Is more tuning worth it?</h2><p>{_text(content.odds)}</p></div>")
    if content.next_steps:
        steps = "".join(f"<li>{_coded(step)}</li>" for step in content.next_steps)
        parts.append(f"<div><h2>What to do next</h2><ul>{steps}</ul></div>")
    return f'<div class="facts">{"".join(parts)}</div>'


def _coded(said: str) -> str:
    """Return text in which what stands between backticks is code."""
    parts = _text(said).split("`")
    if len(parts) % 2 == 0:
        return _text(said)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _section(card: Card) -> str:
    figure = svg(card.figure, with_style=False)
    return f"<section><h2>{_text(card.title)}</h2><p>{_text(card.sentence)}</p><figure>{figure}</figure></section>"


def _unanswered(content: Content) -> str:
    if not content.unanswered:
        return ""
    items = "".join(f"<li>{_text(one.title)} {_text(one.reason)}</li>" for one in content.unanswered)
    return f'<section><h2>What there is no answer to</h2><ul class="dim">{items}</ul></section>'


def _table(content: Content) -> str:
    if not content.rows:
        return ""
    left = {0, 1, len(content.heads) - 1}
    heads = _cells(content.heads, "th", left)
    rows = "".join(f"<tr>{_cells(row, 'td', left)}</tr>" for row in content.rows)
    gone = f"{content.left_out:,} later trials are left out; trimtab export has them all."
    more = f'<p class="dim">{gone}</p>' if content.left_out else ""
    return (
        f'<section class="all"><h2>All trials</h2><div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{more}</section>"
    )


def _cells(row: Iterable[str], tag: str, left: set[int]) -> str:
    return "".join(f"<{tag}{' class=t' if i in left else ''}>{_text(cell)}</{tag}>" for i, cell in enumerate(row))


def _pairs(title: str, pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return ""
    listed = "".join(f"<dt>{_text(label)}</dt><dd>{_text(said)}</dd>" for label, said in pairs)
    return f"<section><h2>{title}</h2><dl>{listed}</dl></section>"
