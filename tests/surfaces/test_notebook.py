"""A real notebook kernel: closures in workers, progress as it runs, an interrupt in the middle, what is drawn."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import manager

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the kernel's libraries are not ours

PATIENCE_S = 40.0

Content = dict[str, Any]


class Notebook:
    """A kernel, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.kernel, self.client = manager.start_new_kernel(kernel_name="python3", cwd=str(folder))

    def start(self, code: str) -> str:
        """Begin to run a cell."""
        return str(self.client.execute(code))

    def said(self, cell: str) -> Iterator[tuple[str, Content]]:
        """Yield the kind and content of what a cell says, until it is done."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1.0)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            yield message["msg_type"], message["content"]
        self.kernel.interrupt_kernel()
        raise AssertionError("the cell did not end")

    def run(self, code: str) -> list[tuple[str, Content]]:
        """Run a cell that works, and return what it said."""
        heard = list(self.said(self.start(code)))
        errors = ["\n".join(content["traceback"]) for kind, content in heard if kind == "error"]
        assert errors == []
        return heard

    def close(self) -> None:
        self.client.stop_channels()
        self.kernel.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    opened = Notebook(tmp_path_factory.mktemp("notebook"))
    opened.run("import pickle, time\nimport trimtab as tt\nspace = tt.Space(x=tt.Float(0, 1))")
    yield opened
    opened.close()


def printed(heard: list[tuple[str, Content]], stream: str = "stdout") -> str:
    return "".join(c["text"] for kind, c in heard if kind == "stream" and c["name"] == stream)


def drawn(heard: list[tuple[str, Content]]) -> list[Content]:
    """Return the contents of the one area that a cell draws, in the order in which they replace each other."""
    first, *updates = [c for kind, c in heard if kind in ("display_data", "update_display_data")]
    assert {c["transient"]["display_id"] for c in updates} <= {first["transient"]["display_id"]}
    return [c["data"] for c in (first, *updates)]


def test_closures_run_in_workers_and_progress_is_drawn(notebook: Notebook) -> None:
    heard = notebook.run("""
class Model:
    def __init__(self, scale):
        self.scale = scale
def make(scale):
    def objective(trial):
        (trial.checkpoint_dir / "model.pkl").write_bytes(pickle.dumps(Model(scale)))
        time.sleep(0.1)
        return trial.params["x"] * scale
    return objective
study = tt.tune(make(3), space, minimize="loss", budget=12, workers=2, seed=0)
found = pickle.loads((study.session.files.checkpoint(0) / "model.pkl").read_bytes())
print(len(study.trials), [t.error for t in study.trials if t.failure], type(found) is Model, found.scale)
""")
    assert printed(heard) == "12 [] True 3\n"
    assert printed(heard, "stderr") == ""
    areas = drawn(heard)
    assert len(areas) >= 3
    assert "objective: 12 of 12 trials" in areas[-1]["text/plain"]
    assert areas[-1]["text/plain"].endswith("; the budget of 12 trials is used up")
    assert all("<div" in area["text/html"] for area in areas)
    assert not areas[0]["text/plain"].startswith("objective: 12 of 12"), "it was drawn while it ran"


def test_what_is_shown_of_a_study(notebook: Notebook) -> None:
    for expression in ("study", "study.table", "study.trials", "study.best", "study.trials[0]", "space"):
        [data] = [c["data"] for kind, c in notebook.run(expression) if kind == "execute_result"]
        assert data["text/html"].startswith(("<div", "<table")), expression
        assert data["text/plain"], expression


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_gives_the_study_back(workers: int, notebook: Notebook) -> None:
    cell = notebook.start(f"""
def slow(trial):
    if trial.number == 2:
        print("runs", flush=True)  # in workers it goes to the trial's log
    time.sleep(0 if trial.number < 2 else 60)
    return trial.params["x"]
study = None
study = tt.tune(slow, space, minimize="loss", budget=5, workers={workers}, seed=0)
""")
    heard = []
    for kind, content in notebook.said(cell):
        heard.append((kind, content))
        if "2 of 5 trials, 2 running" in str(content.get("data")) or "runs" in str(content.get("text")):
            notebook.kernel.interrupt_kernel()
    assert [kind for kind, _ in heard if kind == "error"] == []
    last = drawn(heard)[-1]["text/plain"]
    assert last.endswith("interrupted; the study so far is returned, and tune(..., store=study) goes on with it")
    after = notebook.run("""
print([t.state for t in study.trials][:3], study.best_value == min(t.metrics["loss"] for t in study.trials[:2]))
def slow(trial):
    return trial.params["x"]
study = tt.tune(slow, space, minimize="loss", budget=5, store=study, resume="always")
print({t.state for t in study.trials}, len(study.trials))
""")
    assert printed(after) == "['complete', 'complete', 'waiting'] True\n{'complete'} 5\n"
    assert "the objective is not the one that ran before (the code of the objective differs)" in printed(
        after, "stderr"
    )


def test_a_failure_is_drawn_as_soon_as_it_happens(notebook: Notebook) -> None:
    heard = notebook.run("""
def broken(trial):
    if trial.number == 1:
        raise ValueError("<b>no such data</b>")
    return 1.0
study = tt.tune(broken, space, minimize="loss", budget=4, seed=0)
""")
    area = drawn(heard)[-1]
    assert "trial 1 failed (exception): ValueError: <b>no such data</b>" in area["text/plain"]
    assert "&lt;b&gt;no such data&lt;/b&gt;" in area["text/html"]
    assert "<b>no such data" not in area["text/html"]


def test_another_cell_of_the_same_name_is_another_objective(notebook: Notebook) -> None:
    cell = """
def objective(trial):
    return trial.params["x"] * {factor}
try:
    tt.tune(objective, space, minimize="loss", budget=3, store="sqlite:///cells.db", seed=0).close()
    print("ran")
except tt.errors.StudyMismatchError as error:
    print(error)
"""
    assert printed(notebook.run(cell.format(factor=2))) == "ran\n"
    assert printed(notebook.run(cell.format(factor=2))) == "ran\n"
    assert "3 results of another objective (the code of the objective differs)" in printed(
        notebook.run(cell.format(factor=3))
    )
