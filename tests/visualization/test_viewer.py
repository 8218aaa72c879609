"""The interactive graph holds the numbers of the tables, and names the direction of messages."""

import html
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from graphmarl.step import Scene
from graphmarl.visualization import viewer_data
from graphmarl.visualization.html import SCRIPTS, asset, plotly_script
from graphmarl.visualization.viewer import viewer, viewer_html
from graphmarl.visualization.viewer_data import words_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TYPES = {"f4": "<f4", "i4": "<i4", "u2": "<u2", "u1": "u1"}
MISSING = {"u2": 65535, "u1": 255}


def named(names: list[str], rows: list[Any]) -> pd.DataFrame:
    """A table of rows."""
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])


def agents() -> pd.DataFrame:
    """Three agents in a row, of which the last is dead in the second step."""
    rows = [(0, time, agent, time == 0 or agent < 2) for time in (0, 1) for agent in range(3)]
    table = named(["episode", "time", "agent", "alive"], rows)
    return table.assign(x=10.0 * table["agent"], y=table["time"] * 1.0, reward=[0.5, 1, 2, 3, 4, 5])


def edges() -> pd.DataFrame:
    """Messages of two layers, the second without attention."""
    rows = [
        (0, 0, "one", 1, 0, 0.25, True, 32.0),
        (0, 0, "one", 0, 1, 0.75, True, 32.0),
        (0, 0, "one", 2, 1, 0.125, False, 0.0),
        (0, 1, "one", 1, 0, 0.5, True, 32.0),
        (0, 0, "two", 0, 2, np.nan, True, 16.0),
        (0, 1, "two", 0, 1, np.nan, True, 16.0),
    ]
    names = ["episode", "time", "layer", "sender", "receiver", "attention", "gate", "bits"]
    return named(names, rows).assign(round=0)


def array(packed: dict[str, Any]) -> np.ndarray:
    """An array as the page reads it."""
    codes = np.frombuffer(b64decode(packed["data"]), dtype=TYPES[packed["type"]])
    if "unit" not in packed:
        return codes
    values = packed["low"] + packed["unit"] * codes.astype(float)
    return np.where(codes == MISSING[packed["type"]], np.nan, values)


def rows_of(data: Any, channel: int, moment: int, moments: int) -> dict[str, list[float]]:
    """The edges that the page finds for a layer and a step."""
    found, number = data["edges"], channel * moments + moment
    low, high = array(found["starts"])[number : number + 2]
    columns = {"sender": found["sender"], "receiver": found["receiver"], **found["columns"]}
    return {name: array(each)[low:high].tolist() for name, each in columns.items()}


def test_the_page_holds_the_edges_of_the_table():
    # The order of the rows does not matter.
    data = viewer(agents(), edges().sample(frac=1, random_state=0)).data
    labels = [each["label"] for each in data["edges"]["channels"]]
    assert set(labels) == {"one, round 0", "two, round 0"}
    table = edges()
    for layer in ("one", "two"):
        for time in (0, 1):
            found = pd.DataFrame(rows_of(data, labels.index(f"{layer}, round 0"), time, 2))
            there = table[(table["layer"] == layer) & (table["time"] == time)]
            columns = ["sender", "receiver", "attention", "gate", "bits"]
            # These fractions are exact in 32 bits.
            np.testing.assert_array_equal(ordered(found, columns), ordered(there, columns))


def ordered(table: Any, columns: list[str]) -> list[tuple[float, ...]]:
    return sorted(map(tuple, table[columns].to_numpy(dtype=float).tolist()))


def test_scales_are_those_of_a_layer_over_all_steps():
    one, two = viewer(agents(), edges()).data["edges"]["channels"]
    # 0.125 to 0.75 in eight intervals.
    width = (0.75 - 0.125) / 8
    assert one["scales"]["attention"]["equal"] == pytest.approx(
        [0.125 + width * i for i in range(9)]
    )
    assert "attention" not in two["scales"], "a layer without attention does not offer it"


def test_dead_agents_are_left_out():
    data = viewer(agents(), edges()).data["agents"]
    assert array(data["starts"]).tolist() == [0, 3, 5]
    assert array(data["number"]).tolist() == [0, 1, 2, 0, 1]
    assert array(data["x"]).tolist() == [0, 10, 20, 0, 10]
    assert array(data["columns"]["reward"]).tolist() == [0.5, 1, 2, 3, 4]


@pytest.mark.parametrize(("fine", "kind", "codes"), [(6_000_000, "u2", 65534), (0, "u1", 254)])
def test_rounded_numbers_are_said_to_be_rounded(fine, kind, codes, monkeypatch):
    exact = viewer(agents(), edges()).data
    assert not any("rounded" in note for note in exact["notes"])
    monkeypatch.setattr(viewer_data, "EXACT", 0)
    monkeypatch.setattr(viewer_data, "FINE", fine)
    table = edges().iloc[:4].assign(norm=[0.1, 0.7, np.nan, 12.3])
    data = viewer(agents(), table).data
    said = f"rounded to 1/{codes} of the range"
    assert sum(said in note for note in data["notes"]) == 2, "edges and agents"
    assert data["edges"]["columns"]["norm"]["type"] == kind
    found = array(data["edges"]["columns"]["norm"])
    assert np.isnan(found[2])
    # Half of the smallest difference.
    assert found[[0, 1, 3]] == pytest.approx([0.1, 0.7, 12.3], abs=0.5 * 12.2 / codes + 1e-6)


def test_numbers_of_messages_are_left_out_and_counted():
    table = edges().assign(message_0=1.5, message_1=2.5)
    few, all_of_them = viewer(agents(), table).data, viewer(agents(), table, numbers=True).data
    assert "message_0" not in few["edges"]["columns"]
    assert "Left out of the edges: message_0 to message_1 (2 columns)" in few["notes"][0]
    assert array(all_of_them["edges"]["columns"]["message_1"]).tolist() == [2.5] * 6
    assert not all_of_them["notes"]


def test_columns_of_words_are_left_out_and_named():
    data = viewer(agents(), edges().assign(name="x")).data
    assert data["notes"] == ["Left out of the edges, since they are no numbers: name."]


def test_agents_without_positions_are_on_a_circle():
    four = pd.DataFrame({"episode": 0, "time": 0, "agent": range(4)})
    none = edges().iloc[:0]
    data = viewer(four, none).data
    assert array(data["agents"]["x"]) == pytest.approx([0, 1, 0, -1], abs=1e-6)
    assert array(data["agents"]["y"]) == pytest.approx([1, 0, -1, 0], abs=1e-6)
    assert "circle" in data["notes"][0] and not data["edges"]["channels"]
    places = four[["time", "agent"]].assign(x=[1.0, 2, 3, 4], y=0.5)
    given = viewer(four, none, positions=places).data
    assert array(given["agents"]["x"]).tolist() == [1, 2, 3, 4] and not given["notes"]


def test_what_a_map_repeats_is_written_once():
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    scenes = {
        time: Scene((0, 0), (9, 9), {"food": (points, torch.tensor([1.0, 0.5 * time]))})
        for time in (0, 1)
    }
    packed = viewer(agents(), edges(), scenes).data["scenes"]
    assert len(packed["pool"]) == 3, "coordinates once, weights twice"
    name, place, weight = packed["times"][1]["points"][0]
    assert name == "food" and array(packed["pool"][weight]).tolist() == [1, 0.5]
    assert array(packed["pool"][place]).tolist() == [0, 1, 2, 3]


def test_a_map_of_another_episode_is_not_drawn():
    second = agents().assign(episode=1)
    scene = Scene((0, 0), (9, 9), {})
    data = viewer(second, edges().assign(episode=1), {0: scene}).data
    assert not data["scenes"]["times"] and "episode 0 only" in data["notes"][0]


def test_one_episode_of_several():
    both = pd.concat([agents(), agents().assign(episode=1)])
    data = viewer(both, pd.concat([edges(), edges().assign(episode=1)]), episode=1).data
    assert [each["episode"] for each in data["episodes"]] == [1]
    with pytest.raises(ValueError, match="episode is 2; allowed are 0, 1"):
        viewer(both, edges(), episode=2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"agents": agents().drop(columns="agent")}, "agents lacks agent; it has episode"),
        ({"agents": agents().iloc[:0]}, "agents has no rows"),
        ({"agents": agents().assign(x=np.nan)}, "agent 0 has no position at time 0"),
        ({"edges": edges().drop(columns=["layer", "round"])}, "edges lacks layer, round"),
        ({"edges": edges().assign(time=7)}, "episode 0, time 7, which agents does not have"),
        ({"arrows": 0}, "arrows is 0; allowed are"),
        ({"scenes": {"0": Scene((0, 0), (1, 1), {})}}, "scenes is"),
        ({"positions": agents().iloc[:2]}, "agent 2 has no position at time 0"),
    ],
)
def test_bad_tables_are_refused(changed, message):
    given: Any = {"agents": agents(), "edges": edges(), **changed}
    with pytest.raises(ValueError, match=message):
        viewer(**given)


@pytest.mark.parametrize("column", ["attention", "attention_2", "norm", "bits", "message_3"])
def test_words_of_a_column_name_sender_and_receiver(column):
    words = words_of(column)
    first, second = ("receiver", "sender") if "attention" in column else ("sender", "receiver")
    # The receiver attends to the sender; the message goes from sender to receiver.
    assert re.search(rf"{first} to (the )?{second}", words)
    assert "mean over heads" in words_of("attention", heads=True)


def test_no_script_of_ours_asks_for_anything():
    for name in (*SCRIPTS, "page.css"):
        text = asset(name)
        assert not re.search(r"https?:|//cdn|fetch\(|XMLHttp|import\(|WebSocket|sendBeacon", text)
        assert not re.search(r"url\(|@import|\.src\b|\.href\b", text), name
    assert "showSendToCloud: false" in asset("viewer.js")


def test_the_page_is_one_file_that_forbids_requests():
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    page = viewer_html(agents(), edges(), {}, "run")
    assert page.count("plotly.js v") == 1 and "default-src 'none'" in page
    own = page.replace(plotly_script(), "")
    assert not re.search(r"""(src|href)\s*=|https?://""", own)
    assert len(own) < 80_000, "scripts, styles and six edges"


def test_names_are_escaped():
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    wild = "</script><img src=x onerror=alert(1)>&\"'"
    page = viewer_html(agents(), edges().assign(layer=wild), {}, wild)
    own = page.replace(plotly_script(), "")
    assert "<img" not in own and "</script><" not in own.replace("</script></div>", "")
    assert html.escape(wild) in own


def test_a_notebook_shows_the_page_in_a_frame(tmp_path):
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    shown = viewer(agents(), edges(), title="run", height=700)
    frame = shown._repr_html_()
    source = re.search(r'srcdoc="([^"]*)"', frame)
    assert source is not None and html.unescape(source[1]) == shown.html
    assert 'height="700"' in frame
    assert shown.save(tmp_path / "a.html").read_text(encoding="utf-8") == shown.html
    assert repr(shown) == "Viewer of run: 1 episodes, 2 steps"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    shown = viewer(agents(), edges())
    with pytest.raises(ImportError, match=r"pip install 'graphmarl\[inspect\]'"):
        _ = shown.html


def test_an_edge_takes_the_bytes_of_its_columns():
    count = 30_000
    table = pd.DataFrame({"episode": 0, "time": 0, "layer": "a", "round": 0}, index=range(count))
    ends = np.arange(count) % 200
    table = table.assign(sender=ends, receiver=(ends + 1) % 200, bits=32.0)
    table["attention"] = np.random.default_rng(0).random(count)
    many = pd.DataFrame({"episode": 0, "time": 0, "agent": range(200)})
    found = viewer(many, table).data["edges"]
    size = sum(len(found[name]["data"]) for name in ("sender", "receiver"))
    size += sum(len(each["data"]) for each in found["columns"].values())
    # Two numbers of two bytes, one of one and one of four; base64 takes four letters for three.
    assert size == pytest.approx(count * (2 + 2 + 1 + 4) * 4 / 3, abs=16)


def dump(path: Path, fragment: str) -> str:
    """The elements of a page after its scripts have run."""
    assert CHROMIUM is not None, "skipped without"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += ["--virtual-time-budget=8000", "--enable-logging=stderr", "--window-size=1200,900"]
    command = [CHROMIUM, *options, f"--user-data-dir={path.parent / 'profile'}"]
    done = subprocess.run(
        [*command, f"{path.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_a_browser_draws_the_step_of_the_link(tmp_path):
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    path = viewer(agents(), edges(), title="run").save(tmp_path / "page.html")
    page = dump(path, "#step=0&agent=1&direction=in&column=bits")
    assert "Episode 0, step 0 of 1, time 0: 2 of 3 edges drawn. 1 left out" in page
    assert "Width and colour: bits of the message from sender to receiver" in page
    assert "Senders to agent 1: 0 (32), 2 (0)." in page
    page = dump(path, "#step=0&agent=1&column=attention&threshold=0.5")
    # Half of the scale from 0.125 to 0.75 is 0.4375.
    assert "1 of 3 edges drawn. 2 left out: attention below 0.4375." in page
    assert "Agents that agent 1 attends to: 0 (0.75)." in page
    page = dump(path, "#step=1&column=attention")
    assert "step 1 of 1, time 1: 1 of 1 edge drawn." in page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_a_browser_draws_the_head_of_an_arrow_at_the_receiver(tmp_path):
    pytest.importorskip("plotly", reason="needs pip install 'graphmarl[inspect]'")
    path = viewer(agents(), edges()).save(tmp_path / "page.html")
    page = dump(path, "#step=1&column=attention")
    places = re.findall(r'class="point[^"]*" transform="translate\(([\d.]+),', page)
    sender, receiver = float(places[1]), float(places[0])
    heads = re.findall(r'd="M([\d.]+),[\d.]+L[\d.]+,[\d.]+L[\d.]+,[\d.]+Z"', page)
    assert len(heads) == 1, "one edge, from agent 1 to agent 0"
    tip = float(heads[0])
    assert abs(tip - receiver) < 0.1 * abs(sender - receiver)
