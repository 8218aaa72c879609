"""In a notebook the progress of training is one output that is updated in place."""

import json
import sys

import pytest

from graphmarl.experiment.notebook_bar import NotebookBar

CODE = """
import graphmarl as gm
method = {"name": "ippo", "hidden": 8, "rollout_length": 5}
gm.train(method, "hallway:num_envs=2", steps=30, name="run", runs=FOLDER)
"""


def test_what_is_left_follows_from_what_is_done():
    bar = NotebookBar.__new__(NotebookBar)
    bar.name, bar.total = "train", 40
    # 10 of 40 took 20 s, so that 30 take 60 s.
    assert bar.bundle(10, "return 1", 20)["text/plain"] == "train: return 1, 0:00:20, 0:01:00 left"
    assert bar.bundle(40, "", 80)["text/plain"] == "train: 0:01:20"
    assert 'value="40" max="40"' in bar.bundle(41, "a < b", 80)["text/html"]
    assert "a &lt; b" in bar.bundle(41, "a < b", 80)["text/html"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cell_that_trains_holds_one_bar(tmp_path):
    reason = "notebooks need pip install 'graphmarl[notebooks]'"
    nbformat = pytest.importorskip("nbformat", reason=reason)
    nbclient = pytest.importorskip("nbclient", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    paths = f"import sys; sys.path[:0] = {json.dumps(sys.path)}"
    code = paths + CODE.replace("FOLDER", repr(str(tmp_path)))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    outputs = notebook.cells[0].outputs
    bars = [each for each in outputs if "<progress" in each.get("data", {}).get("text/html", "")]
    assert len(bars) == 1 and "of 30 env steps" in bars[0]["data"]["text/plain"]
    assert not [each for each in outputs if each["output_type"] == "stream"]
