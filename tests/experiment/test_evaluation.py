"""Results of evaluations: metrics of the task, identical episodes, and files."""

import csv
import json
import math

import pytest
import torch
from toy import Toy

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.digest import EpisodeDigest
from graphmarl.experiment.evaluate import play, save_evaluation
from graphmarl.experiment.evaluation import Evaluation
from graphmarl.experiment.policies import random_policy
from graphmarl.nn import Channel
from graphmarl.results.tables import read_rows
from graphmarl.step import Step


def four(digests: list[int]) -> Evaluation:
    returns, lengths = [1.0, 1.0, 5.0, 5.0], [2.0, 2.0, 2.0, 2.0]
    return Evaluation(returns, lengths, {"won": [0.0, 0.0, 1.0, 1.0]}, digests=digests)


def test_identical_episodes_count_once_in_the_interval_and_all_in_the_mean():
    # Two distinct episodes: t(0.975, 1) = 12.706, s = sqrt(4 * 4 / 3) = 2.309.
    found = four([7, 7, 8, 8])
    assert found.distinct == 2 and found.mean_return.mean == 3.0
    assert found.mean_return.half_width == pytest.approx(12.706 * 2.3094 / math.sqrt(2), rel=1e-3)
    # Four, which differ in what their digests say: t(0.975, 3) = 3.182.
    found = four([5, 6, 7, 8])
    assert found.distinct == 4
    assert found.mean_return.half_width == pytest.approx(3.182 * 2.3094 / 2, rel=1e-3)
    assert "over 4 episodes" in str(found) and "distinct" not in str(found)
    assert "of which 2 are distinct: intervals count these" in str(four([7, 7, 8, 8]))


def test_copies_of_one_episode_have_no_interval():
    found = Evaluation([704.6] * 20, [23.0] * 20, {"food": [0.0] * 20}, digests=[3] * 20)
    assert math.isnan(found.mean_return.half_width)
    said = "return 704.60, steps 23.00, food 0.00 over 20 episodes, of which 1 is distinct: "
    assert str(found) == said + "no interval"


def test_without_digests_what_was_recorded_is_compared():
    assert four([]).distinct == 2
    assert Evaluation([1.0, 1.0], [2.0, 2.0], {"won": [0.0, 1.0]}).distinct == 2


def test_a_digest_depends_on_every_value_its_place_and_its_time():
    def digest(*steps: torch.Tensor, running: bool = True) -> int:
        found = EpisodeDigest(1, torch.device("cpu"))
        for each in steps:
            found.add(torch.tensor([True]), each[None])
        if not running:
            found.add(torch.tensor([False]), steps[-1][None])
        return int(found.value)

    a, b = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 1.0, 3.0])
    values = [digest(a), digest(b), digest(a, b), digest(b, a), digest(a, a), digest(a * 1.0000001)]
    assert len(set(values)) == len(values)
    assert digest(a, b) == digest(a, b, running=False) == digest(a, b)
    # Shifts of a pattern have the same sum and the same first moment.
    shifted = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 0, 1]])
    assert len({digest(each) for each in shifted}) == 3


class Fixed(Toy):
    """The same episode in every copy."""

    def _draw(self, *shape: int) -> torch.Tensor:
        drawn = super()._draw(*shape)
        return drawn[:1].expand_as(drawn)


class Still:
    """Always the first action."""

    def __call__(self, step: Step) -> torch.Tensor:
        return torch.zeros(step.alive.shape, dtype=torch.long)


def test_played_copies_of_one_episode_are_told():
    played = play(Toy(num_envs=6), Still())
    assert played.distinct == 6, "copies have random numbers of their own"
    assert play(Fixed(num_envs=6), Still()).distinct == 1
    env = Fixed(num_envs=6)
    assert play(env, random_policy(env)).distinct == 6, "actions differ"


def test_two_plays_with_the_same_seed_have_the_same_digests():
    first, again = play(Toy(num_envs=3), Still(), 5), play(Toy(num_envs=3), Still(), 5)
    assert first.digests == again.digests and first == again
    assert play(Toy(num_envs=3), Still(), 6).digests != first.digests


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return gm.train(
        {"name": "vdn", "rollout_length": 5},
        "hallway:lengths=2x2,num_envs=2",
        steps=40,
        runs=str(tmp_path_factory.mktemp("runs")),
        progress=False,
    )


def test_the_command_prints_and_writes_the_metrics_of_the_task(run, tmp_path, capsys):
    words = ["evaluate", str(run.path), "--episodes", "3", "--device", "cpu", "--out"]
    assert main([*words, str(tmp_path / "found.csv")]) == 0
    said, path = capsys.readouterr().out.splitlines()
    assert path == str(tmp_path / "found.csv")
    found = gm.evaluate(run, 3)
    names = ["return", "steps", *found.info]
    assert found.info and all(f"{name} {value}" in said for name, value in found.metrics().items())
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == names
    assert float(rows[0]["mean"]) == pytest.approx(sum(found.returns) / 3, rel=1e-5)
    assert {(row["episodes"], row["distinct"]) for row in rows} == {("3", str(found.distinct))}


def test_json_has_every_episode_and_what_was_evaluated(run, tmp_path, capsys):
    path = tmp_path / "found.json"
    words = ["evaluate", str(run.path), "--episodes", "3", "--graph", "complete", "--greedy", "no"]
    assert main([*words, "--out", str(path)]) == 0
    content = json.loads(path.read_text())
    found = gm.evaluate(run, 3, graph="complete", greedy=False)
    assert content["of_each_episode"]["return"] == found.returns
    assert content["settings"]["graph"] == "complete" and content["settings"]["greedy"] is False
    assert content["metrics"]["return"]["mean"] == found.mean_return.mean
    alone = Evaluation([1.0, 1.0], [2.0, 2.0], {"won": [math.nan, math.nan]})
    alone.save(path)
    content = json.loads(path.read_text())
    assert content["distinct"] == 1 and content["metrics"]["return"]["half_width"] is None
    assert content["of_each_episode"]["won"] == [None, None]


@pytest.mark.parametrize(
    ("out", "message"),
    [("found.txt", "allowed are names that end in .csv or .json"), ("no/found.csv", "no folder")],
)
def test_a_file_that_cannot_be_written_is_refused_before_playing(out, message, tmp_path, capsys):
    assert main(["evaluate", "runs/nothing", "--out", str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err


def test_bits_are_called_numbers_unless_they_are_binary_digits():
    class Layer(torch.nn.Module):
        alphabet = (32, 32)

    channel = Channel(torch.nn.Module(), 3)
    assert channel.unit == "numbers"
    channel.layers = [Layer()]  # type: ignore[list-item]
    assert channel.unit == "bits"
    sent = {"messages": [1.0], "bits": [10.0], "bytes": [2.0]}
    said = str(Evaluation([0.0], [1.0], {}, sent, unit="bits"))
    assert said.endswith("per step 1.00 messages, 10.00 bits, 2.00 bytes")
    assert "10.00 numbers" in str(Evaluation([0.0], [1.0], {}, sent))


def test_evaluation_csv_says_how_many_episodes_are_distinct(run):
    save_evaluation(run, 3)
    for row in read_rows(run.path / "evaluation.csv"):
        assert row["episodes"] == "3" and 1 <= int(row["distinct"]) <= 3
