"""Runs that talk: what a cut does to them, and who tells whom how much."""

from pathlib import Path
from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.experiment.communication import (
    RecordedStep,
    cut_curve,
    message_graph,
    record_messages,
)
from graphmarl.experiment.evaluate import Evaluation, evaluate, play
from graphmarl.experiment.policies import make_cut, random_policy
from graphmarl.experiment.train import train
from graphmarl.nn import CUTS, Channel, LayerMessages
from graphmarl.results.plots import draw_cut_curve, save_picture
from graphmarl.results.run import Run
from graphmarl.visualization.graphs import draw_message_graph


def trained(folder: Path, method: str = "ndq", **changes: Any) -> Run:
    options = {
        "method": {"name": method, "rollout_length": 5, "learning_starts": 10, "batch_size": 4},
        "steps": 40,
    }
    return train(env="toy:Toy", runs=str(folder), name=method, progress=False, **options | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """NDQ, whose 3 agents tell each other 2 bits on each of 6 edges."""
    return trained(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def silent(tmp_path_factory) -> Run:
    return trained(tmp_path_factory.mktemp("runs"), "iql")


@pytest.mark.parametrize("cut", [None, "rank=0", "budget=2", "threshold=0"])
def test_where_nothing_is_cut_all_is_sent(run, cut):
    played, plain = evaluate(run, 4, cut=cut), evaluate(run, 4)
    assert played.returns == plain.returns
    assert played.sent["bits"] == [2 * each for each in played.sent["messages"]]
    mask = 0 if cut is None else 1
    assert played.sent["bytes"] == pytest.approx(
        [4 * 2 * each + mask * each for each in played.sent["messages"]]
    )
    assert all(0 < each <= 6 for each in played.sent["messages"]), "the dead say nothing"


def test_a_whole_cut_is_silence(run):
    played = evaluate(run, 4, cut="rank=100")
    assert played.sent == {name: [0.0] * 4 for name in ("messages", "bits", "bytes")}


def test_a_cut_may_be_an_object(run):
    assert evaluate(run, 4, cut=CUTS["budget"](1)) == evaluate(run, 4, cut="budget=1")  # type: ignore[call-arg]
    said = str(evaluate(run, 4, cut="budget=1"))
    assert "messages" in said and "numbers" in said and "bytes" in said


def test_what_is_sent_is_a_mean_over_steps_not_over_episodes():
    played = Evaluation([0.0, 0.0], [1.0, 3.0], {}, {"bits": [8.0, 4.0]})
    assert played.mean_sent("bits") == (1 * 8 + 3 * 4) / 4


class Clock(Channel):
    """Counts as many bits as it was asked before."""

    def take(self, num_graphs):
        self.messages.append(None)  # type: ignore[arg-type]
        return {"bits": torch.full((num_graphs,), float(len(self.messages)))}


def test_who_has_ended_says_no_more():
    env = Toy(num_envs=8)
    played = play(env, random_policy(env), 0, Clock(torch.nn.Module(), 3))
    assert len(set(played.lengths)) > 1, "some end before others"
    # 1 + 2 + ... + n bits in n steps.
    assert played.sent["bits"] == [(length + 1) / 2 for length in played.lengths]


def test_a_run_without_messages_says_nothing_of_them_and_cannot_be_cut(silent):
    played = evaluate(silent, 2)
    assert played.sent == {}
    assert "messages" not in str(played)
    for cutting in (lambda: evaluate(silent, 2, cut="rank=80"), lambda: cut_curve(silent, [50])):
        with pytest.raises(ValueError, match="iql sends no messages that could be cut"):
            cutting()
    with pytest.raises(ValueError, match="sends no messages"):
        record_messages(silent)


def test_the_curve_has_a_row_for_each_share(run):
    rows = cut_curve(run, (0, 50, 100), episodes=4)
    plain = evaluate(run, 4)
    assert [row["percent"] for row in rows] == [0, 50, 100]
    assert rows[0]["return"] == plain.mean_return.mean
    assert rows[0]["half_width"] == plain.mean_return.half_width
    assert rows[0]["steps"] == plain.mean_length.mean
    assert rows[0]["living"] == pytest.approx(sum(plain.info["living"]) / 4)
    assert rows[0]["messages"] == pytest.approx(plain.mean_sent("messages"))
    assert rows[2]["messages"] == rows[2]["bits"] == rows[2]["bytes"] == 0
    # Rounding leaves at most one bit of a step's 2 * messages.
    assert 0 < rows[1]["bits"] < rows[0]["bits"]


def test_the_curve_of_another_rule(run):
    (row,) = cut_curve(run, [100], "random={percent}", episodes=4)
    assert row["bits"] == 0
    (row,) = cut_curve(run, [0], "rank={percent},within=graph", episodes=4)
    assert row["bits"] > 0


@pytest.mark.parametrize(
    ("percents", "rule", "message"),
    [
        ([], "rank={percent}", "percents is empty"),
        ([50], "rank=50", r"rule is 'rank=50'; it needs \{percent\}"),
        ([50], "rank={share}", r"it needs \{percent\}"),
        ([150], "rank={percent}", "percents is"),
    ],
)
def test_a_curve_without_shares_is_refused(run, percents, rule, message):
    with pytest.raises(ValueError, match=message):
        cut_curve(run, percents, rule, episodes=2)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("threshold=2.5", "threshold", {"value": 2.5}),
        ("rank=80", "rank", {"share": 0.8, "within": "step"}),
        (" rank=80, within=graph", "rank", {"share": 0.8, "within": "graph"}),
        ("budget=3", "budget", {"bits": 3}),
        ("random=25", "random", {"share": 0.25}),
    ],
)
def test_a_cut_is_read_from_its_name_and_number(text, kind, values):
    cut = make_cut(text)
    assert type(cut) is CUTS[kind]
    assert vars(cut) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rnk=80", "no cut is called 'rnk'; there are budget, random, rank, threshold; .*'rank'"),
        ("rank", "cut 'rank' lacks its number; write rank=NUMBER"),
        ("rank=", "percent is ''; allowed are numbers from 0 to 100"),
        ("rank=high", "percent is 'high'; allowed are numbers"),
        ("rank=80,without=graph", "cut 'rank' has no option 'without'; its options are percent, w"),
        ("rank=80,within=day", "within is 'day'; allowed are step, graph"),
        ("rank=80,percent=20", "option percent is given twice"),
        ("rank=80,graph", "'graph' is no option"),
        ("budget=1.5", "bits is '1.5'; allowed are whole numbers from 0"),
        ("rank=101", "percent is 101; allowed are numbers from 0 to 100"),
        ("", "no cut is called ''"),
    ],
)
def test_a_cut_that_cannot_be_read_says_what_is_allowed(text, message):
    with pytest.raises(ValueError, match=message):
        make_cut(text)


def test_listening_hears_every_step_until_all_have_ended(run):
    moments = record_messages(run, episodes=4)
    assert len(moments) == max(evaluate(run, 4).lengths)
    env = Toy(num_envs=4)
    step = env.reset(1_000_000)
    for moment in moments:
        assert torch.equal(moment.step.obs, step.obs)
        (sent,) = moment.messages
        living = step.alive.sum(1)
        assert sent.edge_index.shape[1] == int((living * (living - 1)).sum())
        assert sent.keep.all()
        step = env.step(moment.action)
    assert len(record_messages(run, steps=2)) == 2
    assert not any(m.messages[0].keep.any() for m in record_messages(run, steps=2, cut="rank=100"))
    assert record_messages(run, steps=1, graph="none")[0].messages[0].edge_index.shape[1] == 0


def test_listening_hears_what_evaluation_counts(run):
    state = torch.get_rng_state()
    moments = record_messages(run, episodes=4, cut="threshold=0.2")
    played = evaluate(run, 4, cut="threshold=0.2")
    for copy, length in enumerate(played.lengths):
        sent = [moment.messages[0] for moment in moments[: int(length)]]
        bits = sum(int(each.keep[each.edge_index[1] // 3 == copy].sum()) for each in sent)
        assert played.sent["bits"][copy] == pytest.approx(bits / length)
    assert torch.equal(state, torch.get_rng_state())


def moment(
    edges: list[tuple[int, int]], keep: list[list[int]], running: tuple[bool, bool] = (True, True)
) -> RecordedStep:
    """Two copies of three agents, and one round of messages."""
    kept = torch.tensor(keep).bool()
    index = torch.tensor(edges).T
    sent = [LayerMessages(index, kept.float(), kept)]
    return RecordedStep(Toy(2).reset(0), torch.zeros(2, 3), sent, torch.tensor(running))


def test_the_network_of_messages_is_a_mean_over_steps_and_copies():
    # Copy 1 has the rows 3 to 5.
    first = moment([(0, 1), (3, 4), (2, 0)], [[1, 1], [1, 0], [0, 0]])
    second = moment([(0, 1), (5, 3)], [[0, 1], [1, 1]])
    network = message_graph([first, second], 3)
    assert sorted(network.nodes) == [0, 1, 2]
    found = {(i, j): (d["bits"], d["messages"]) for i, j, d in network.edges(data=True)}
    # Two steps of two copies: 0 tells 1 four bits in three messages, 2 tells 0 two bits in one.
    assert found == {(0, 1): (4 / 4, 3 / 4), (2, 0): (2 / 4, 1 / 4)}


def test_the_network_leaves_out_who_has_ended():
    both = moment([(0, 1), (3, 4)], [[1, 1], [1, 1]])
    one = moment([(0, 1), (3, 4)], [[1, 1], [1, 1]], running=(False, True))
    # Three steps in all, with two bits in each.
    assert message_graph([both, one], 3).edges[0, 1] == {"bits": 2, "messages": 1}


def test_rounds_of_several_layers_add_up():
    one = moment([(0, 1)], [[1, 1]])
    twice = RecordedStep(one.step, one.action, one.messages * 2, one.running)
    assert message_graph([twice], 3).edges[0, 1] == {"bits": 4 / 2, "messages": 2 / 2}


def test_arrows_are_wider_the_more_is_said(tmp_path):
    network = message_graph([moment([(0, 1), (2, 0)], [[1, 1], [1, 0]])], 3)
    axes = draw_message_graph(network, ["a", "b", "c"], most=2.0)
    widths = [patch.get_linewidth() for patch in axes.patches]
    assert widths == [5 * 1 / 2, 5 * 0.5 / 2]
    said = {text.get_text() for text in axes.texts}
    assert {"a", "b", "c", "1.00", "0.50"} <= said
    save_picture(axes, tmp_path / "network.png", dpi=40)
    nobody = message_graph([moment([(0, 1)], [[0, 0]])], 3)
    assert not draw_message_graph(nobody, ["a", "b", "c"]).patches


def test_the_curve_is_drawn_with_its_intervals():
    rows = [
        {"percent": 0.0, "return": 5.0, "half_width": 1.0, "steps": 3.0},
        {"percent": 80.0, "return": 4.0, "half_width": 0.5, "steps": 9.0},
    ]
    axes = draw_cut_curve(rows, label="ndq")
    line, _, (bars,) = axes.containers[0]  # type: ignore[misc]
    assert line.get_xydata().tolist() == [[0, 5], [80, 4]]
    assert [s[:, 1].tolist() for s in bars.get_segments()] == [[4, 6], [3.5, 4.5]]
    other = draw_cut_curve(rows, name="steps")
    assert other.get_ylabel() == "steps"
    assert other.lines[0].get_xydata().tolist() == [[0, 3], [80, 9]]  # type: ignore[union-attr]
