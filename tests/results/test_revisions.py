"""Results from before a change of their method, and what replaces them."""

import pytest

from graphmarl.results.revisions import drop_remeasured
from graphmarl.results.tables import read_rows

MPE = """task,row,seed,commit,return
navigation,dgn,0,new,1
navigation,dgn,1,old,2
navigation,pic,0,old,3
push,dgn,0,old,4
"""
GATHER = """task,row,seed,commit,return
gather-normal-24,dgn,0,old,5
"""
CHANGED = """table,row,commit,change
measured_mpe.csv,dgn,old,eps
measured_mpe.csv,pic,old,eps
measured_gather.csv,dgn,old,eps
"""


@pytest.fixture
def folder(tmp_path):
    texts = {"mpe": MPE, "gather": GATHER, "before": CHANGED}
    for name, text in texts.items():
        (tmp_path / f"measured_{name}.csv").write_text(text)
    return tmp_path


def returns(folder, name):
    return [int(row["return"]) for row in read_rows(folder / f"measured_{name}.csv")]


def test_only_old_results_of_a_row_with_newer_ones_are_dropped(folder):
    assert drop_remeasured(folder) == 1
    assert returns(folder, "mpe") == [1, 3, 4] and returns(folder, "gather") == [5]
    assert (folder / "measured_before.csv").read_text() == CHANGED
    assert drop_remeasured(folder) == 0


def test_a_change_that_is_in_no_result_any_more_is_not_listed(folder):
    for name, old in (("mpe", "push,dgn,0,old"), ("gather", "dgn,0,old")):
        path = folder / f"measured_{name}.csv"
        path.write_text(path.read_text().replace(old, old.replace("old", "new")))
    assert drop_remeasured(folder) == 1
    assert [row["row"] for row in read_rows(folder / "measured_before.csv")] == ["pic"]
    path = folder / "measured_mpe.csv"
    path.write_text(path.read_text().replace("pic,0,old", "pic,0,new"))
    assert drop_remeasured(folder) == 0
    assert (folder / "measured_before.csv").read_text() == "table,row,commit,change\n"
