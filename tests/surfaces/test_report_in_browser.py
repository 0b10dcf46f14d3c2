"""Reports in a real browser, on a phone and at a desk, light and dark: `make browser` installs one and runs this.

With TRIMTAB_SCREENSHOTS=folder the pictures are kept, to be looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from test_report import told

BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), "chromium")

pytestmark = pytest.mark.browser

MEASURE = """<script>
const overlaps = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
const boxes = svg => [...svg.querySelectorAll("text")].map(e => e.getBoundingClientRect()).filter(b => b.width > 0);
const outside = (b, s) => b.left < s.left - 1 || b.right > s.right + 1 || b.top < s.top - 1 || b.bottom > s.bottom + 1;
const figures = [...document.querySelectorAll("svg[role=img]")].map(svg => {
  const texts = boxes(svg), frame = svg.getBoundingClientRect();
  return {
    label: svg.getAttribute("aria-label"),
    overlapping: texts.filter((a, i) => texts.some((b, j) => j > i && overlaps(a, b))).length,
    cut: texts.filter(b => outside(b, frame)).length,
  };
});
const found = {
  overflows: document.documentElement.scrollWidth > innerWidth,
  answer: document.querySelector(".answer").getBoundingClientRect().bottom < innerHeight,
  loaded: performance.getEntriesByType("resource").map(e => e.name).filter(name => !name.startsWith("data:")),
  figures,
};
document.body.insertAdjacentHTML("beforeend", `<pre id=found></pre>`);
document.getElementById("found").textContent = JSON.stringify(found);
</script>"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_is_right_in_a_browser(width: int, height: int, scheme: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    told(n=60).report(page)
    plain = page.read_text(encoding="utf-8")
    page.write_text(plain.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/browser", f"--window-size={width},{height}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
    ]  # fmt: skip
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr
    found = json.loads(unescape(done.stdout.rpartition('<pre id="found">')[2].partition("</pre>")[0]))
    assert not found["overflows"]
    assert found["loaded"] == []
    assert width < 1000 or found["answer"], "the first screen has the answer"
    assert len(found["figures"]) >= 6
    assert [figure for figure in found["figures"] if figure["cut"] or figure["overlapping"]] == []
    folder = os.environ.get("TRIMTAB_SCREENSHOTS")
    if folder:
        shot = f"--screenshot={folder}/report-{width}-{scheme}.png"
        tall = f"--window-size={width},3000"
        subprocess.run([*command, tall, shot, page.as_uri()], capture_output=True, timeout=120, check=True)
