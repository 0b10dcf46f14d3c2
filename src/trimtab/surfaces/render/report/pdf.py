"""A report as PDF: the page, printed by a Chromium that is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from trimtab.errors import StudyError
from trimtab.study.study import Study
from trimtab.surfaces.render.report.page import html

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""What it is called on one machine or another."""

PATIENCE_S = 60
"""A browser that has not printed by then does not: it takes a second or two, and ten on a machine at its limit."""


def pdf(study: Study) -> bytes:
    """Return a study as PDF.

    Raises:
        StudyError: no browser is installed, or it does not print.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise StudyError(
            "a PDF is printed by Chromium, which is not installed here: write report.html, and print it in any browser."
        )
    with tempfile.TemporaryDirectory() as folder:
        page, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(html(study), encoding="utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser",
            "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True, stdin=subprocess.DEVNULL)
            return printed.read_bytes()
        except (OSError, subprocess.SubprocessError):
            raise StudyError(
                f"{browser} did not print the report: write report.html, and print it in any browser."
            ) from None
