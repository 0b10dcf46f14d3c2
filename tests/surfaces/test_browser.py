"""What notebooks are shown, drawn by a real browser, light and dark: `make browser` installs one and runs this.

With TRIMTAB_SCREENSHOTS=folder the pictures are kept, to be looked at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.study.standing import Status
from trimtab.surfaces.render import html

BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), "chromium")

pytestmark = pytest.mark.browser

# What JupyterLab, classic notebooks and VS Code have in common: a font, a colour for text, and one for the page.
PAGES = {"light": ("#ffffff", "rgba(0,0,0,.87)"), "dark": ("#111111", "rgba(255,255,255,.87)")}

MEASURE = """
const luminance = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const parse = text => text.match(/[\\d.]+/g).map(Number);
const page = parse(getComputedStyle(document.body).backgroundColor);
const contrast = element => {
  const [r, g, b, a = 1] = parse(getComputedStyle(element).color);
  let opacity = a;
  for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
  const seen = [r, g, b].map((c, i) => c * opacity + page[i] * (1 - opacity));
  const [high, low] = [luminance(seen), luminance(page)].sort((x, y) => y - x);
  return (high + .05) / (low + .05);
};
const found = [...document.querySelectorAll(".cell")].map(cell => ({
  name: cell.dataset.name,
  height: cell.offsetHeight,
  overflows: cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth,
  contrast: Math.min(...[...cell.querySelectorAll("*")].filter(e => e.innerText).map(contrast)),
  scripts: cell.querySelectorAll("script, img, iframe, link").length,
}));
document.getElementById("found").textContent = JSON.stringify(found);
"""


def pieces() -> dict[str, str]:
    """Return what there is to draw."""
    space = tt.Space(
        lr=tt.Float(1e-5, 1e-1, log=True),
        layers=tt.Int(1, 8),
        optimizer=tt.Categorical(["adamw", "sgd"]),
        momentum=tt.Float(0.0, 0.99, when=tt.given("optimizer") == "sgd"),
        **{f"augmentation_probability_{i}": tt.Float(0, 1) for i in range(8)},
    )
    study = tt.create_study(space, minimize="loss", optimizer="random", name="resnet<img src=x>", seed=0)
    for i in range(40):
        trial = study.ask()
        if i % 9 == 4:
            study.tell(trial, failed="exception", error="ValueError: <script>document.body.innerHTML=''</script>")
        else:
            study.tell(
                trial, {"loss": abs(trial.params["lr"] - 1e-3) ** 0.5 + 0.02 * (trial.params["layers"] - 4) ** 2}
            )
    study.note("machine", "<b>gpu-3</b>", study.best.number)
    status = Status(
        "resnet", "loss", "minimize", n_complete=36, n_failed=4, budget_trials=100, trials_per_s=0.4, n_running=2,
        best=study.best, failure=study.trials[4], look="study.trials[4].error", note="trial 40 (auto): near the best",
    )  # fmt: skip
    goals = [tt.minimize("error<img src=x>"), tt.maximize("speed")]
    several = tt.create_study(
        space, objectives=goals, constraints=[tt.at_most("ms", 30)], optimizer="random", name="several", seed=0
    )
    for i in range(12):
        told = {"error<img src=x>": 0.1 + 0.07 * (i * 5 % 12), "speed": 9.0 + i * 7 % 11, "ms": 50.0 - 3 * i}
        several.tell(several.ask(), told)
    lacking = Status(
        "several", "error", "minimize", n_complete=5, budget_trials=12, n_feasible=0, lack="trial 4 comes nearest",
    )  # fmt: skip
    leading = Status(
        "several", "error", "minimize", n_complete=5, budget_trials=12, n_feasible=3, front="2 trials are on the front",
    )  # fmt: skip
    assert "<circle" in several._repr_html_()
    return {
        "study": study._repr_html_(),
        "several objectives": several._repr_html_(),
        "their table": several.table._repr_html_(),
        "nothing feasible": html.running(lacking),
        "a front": html.running(leading),
        "progress": html.running(status),
        "trial": study.best._repr_html_(),
        "failed trial": study.trials[4]._repr_html_(),
        "table": study.table._repr_html_(),
        "some trials": study.trials[:3]._repr_html_(),
        "space": space._repr_html_(),
    }


@pytest.mark.parametrize("theme", PAGES)
def test_every_piece_can_be_read(theme: str, tmp_path: Path) -> None:
    background, colour = PAGES[theme]
    cells = "".join(
        f'<div class="cell" data-name="{name}"><pre>{name}</pre>{body}</div>' for name, body in pieces().items()
    )
    style = f"body{{background:{background};color:{colour};font-family:sans-serif;font-size:14px;margin:8px}}"
    style += ".cell{margin-bottom:16px;overflow:hidden}"
    page = f'<!doctype html><meta charset="utf-8"><style>{style}</style>{cells}'
    page += f'<pre id="found" hidden></pre><script>{MEASURE}</script>'
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    kept = Path(os.environ.get("TRIMTAB_SCREENSHOTS", tmp_path)).absolute()
    options = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path}/profile"]
    picture = [f"--screenshot={kept}/notebook-{theme}.png", "--window-size=1100,1900"]
    done = subprocess.run(
        [BROWSER, *options, *picture, "--dump-dom", f"file://{tmp_path}/page.html"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    [dumped] = re.findall(r'<pre id="found" hidden="">(.*?)</pre>', done.stdout, re.DOTALL)
    found = {one["name"]: one for one in json.loads(unescape(dumped))}
    assert found.keys() == pieces().keys()
    for name, one in found.items():
        assert one["height"] > 40, name
        assert not one["overflows"], name
        assert one["scripts"] == 0, name
        assert one["contrast"] >= 3.0, f"{name}: {one['contrast']:.1f}"
