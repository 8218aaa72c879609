"""What is drawn from a replay is what was played, against a plain record of the play."""

from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical
from toy import Toy

from graphmarl.data import Collector, Replay, Trajectory
from graphmarl.functional import mask_logits
from graphmarl.graphs import make_graph

STATES = ("obs", "alive", "time", "position", "available", "state", "last_action", "mark")
CHANGES = ("action", "reward", "survived", "terminated", "truncated", "valid")


class Wandering:
    """Takes any legal action."""

    device = torch.device("cpu")
    memory_size = 0

    def act(self, graph, memory):
        logits = mask_logits(torch.zeros(len(graph.x), 3), graph.available)
        return Categorical(logits=logits).sample(), {}, memory

    def last_value(self, graph, memory):
        return None


class Uneven(Toy):
    """Each copy has a horizon of its own, so that a short episode may end in company."""

    def _step(self, reward):
        step = super()._step(reward)
        late = (self.time >= torch.arange(3, 3 + self.num_envs)) & ~step.terminated
        self.done = step.terminated | late
        return step.replace(truncated=late)


def play(
    count: int, rollout_length: int = 4, attr: bool = False, agents: int = 3
) -> list[Trajectory]:
    """Trajectories of 4 copies; `mark` numbers each state, 4 * step + copy."""
    env, builder = Uneven(4, agents), make_graph("random:k=1,drop=0.3")
    collector = Collector(env, builder, Wandering(), 10**6, rollout_length, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        collector._begin()
        played = [collector.collect() for _ in range(count)]
    for number, trajectory in enumerate(played):
        mark = (
            torch.arange(4 * rollout_length).view(rollout_length, 4) + number * 4 * rollout_length
        )
        trajectory.stored["mark"] = mark[..., None].repeat(1, 1, agents)
        if attr:
            trajectory.edges.attr = torch.rand(trajectory.edges.index.shape[1], 2)
    return played


class Record:
    """All that was played, one state after the other, in plain lists."""

    def __init__(self, played: list[Trajectory]) -> None:
        self.fields: dict[str, Tensor] = {}
        for name in (*STATES, *CHANGES):
            parts = [t.stored[name] if name == "mark" else getattr(t, name) for t in played]
            self.fields[name] = torch.cat(parts)
        self.edges: list[tuple[Tensor, Tensor | None]] = []
        for trajectory in played:
            edges = trajectory.edges
            for low, high in zip(edges.ptr[:-1], edges.ptr[1:], strict=True):
                attr = None if edges.attr is None else edges.attr[low:high]
                self.edges.append((edges.index[:, low:high], attr))

    def same(self, batch: Trajectory, time: int, pick: int, mark: int) -> None:
        """Check that one state of a batch, and who hears whom in it, is the one of a number."""
        for name in STATES:
            value = batch.stored["mark"] if name == "mark" else getattr(batch, name)
            assert torch.equal(value[time, pick], self.fields[name][divmod(mark, 4)]), name
        index, attr = edges_of(batch, time * batch.num_envs + pick)
        assert torch.equal(index, self.edges[mark][0])
        if attr is not None:
            assert torch.equal(attr, self.edges[mark][1])  # type: ignore[arg-type]

    def same_change(self, batch: Trajectory, time: int, pick: int, mark: int) -> None:
        """Check that what followed on a state is what followed in the play."""
        for name in CHANGES:
            value = getattr(batch, name)[time, pick]
            assert torch.equal(value, self.fields[name][divmod(mark, 4)]), name

    def drawable(self, first: int, last: int) -> set[int]:
        """Numbers of the states from `first` to before `last` on which a transition follows."""
        valid = self.fields["valid"]
        return {4 * t + b for t in range(first, last) for b in range(4) if valid[t, b]}

    def episodes(self, first: int, last: int) -> set[tuple[int, int]]:
        """First state and length of each episode within `first` to `last`, found step by step."""
        time = self.fields["time"]
        done = self.fields["terminated"] | self.fields["truncated"]
        return {
            (4 * t + b, length)
            for t in range(first, last)
            for b in range(4)
            for length in range(1, last - t)
            if time[t, b] == 0 and done[t + length - 1, b] and not done[t : t + length - 1, b].any()
        }


def edges_of(batch: Trajectory, graph: int) -> tuple[Tensor, Tensor | None]:
    low, high = batch.edges.ptr[graph : graph + 2]
    attr = None if batch.edges.attr is None else batch.edges.attr[low:high]
    return batch.edges.index[:, low:high], attr


def filled(played: list[Trajectory], capacity: int = 10**4, half: bool = False) -> Replay:
    replay = Replay(capacity, half)
    for trajectory in played:
        replay.add(trajectory)
    return replay


every_ring = pytest.mark.parametrize(("capacity", "oldest"), [(10**4, 0), (90, 12), (50, 20)])


@pytest.mark.parametrize("attr", [False, True])
@pytest.mark.parametrize(("capacity", "oldest"), [(10**4, 0), (90, 12), (1, 32)])
def test_a_transition_is_the_one_that_was_played(capacity, oldest, attr):
    # 10 trajectories of 4 steps; 90 steps of 4 copies take 6 pages of 16, and one to spare.
    played = play(10, attr=attr)
    record, replay = Record(played), filled(played, capacity)
    assert replay.oldest == oldest
    drawn = replay.transitions(300)
    assert (drawn.num_steps, drawn.num_envs) == (2, 300)
    assert (drawn.edges.attr is not None) == attr
    for pick, mark in enumerate(drawn.stored["mark"][0, :, 0].tolist()):
        record.same(drawn, 0, pick, mark)
        record.same_change(drawn, 0, pick, mark)
        record.same(drawn, 1, pick, mark + 4)
    assert drawn.valid[0].all()
    assert not drawn.valid[1].any(), "what follows on the second state is not to be learned"


@every_ring
def test_every_transition_is_drawn_alike_but_no_seam_nor_newest_nor_overwritten(capacity, oldest):
    played = play(10)
    wanted = Record(played).drawable(oldest, 39)
    replay = filled(played, capacity)
    assert len(replay) == 4 * (39 - oldest)
    assert len(replay) >= min(capacity, 4 * 39)
    count = 200 * len(wanted)
    found = Counter(replay.transitions(count).stored["mark"][0, :, 0].tolist())
    assert set(found) == wanted
    chi_square = sum((found[mark] - 200) ** 2 / 200 for mark in wanted)
    freedom = len(wanted) - 1
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


def test_nothing_is_drawn_before_there_is_something_to_draw():
    replay = Replay(10)
    with pytest.raises(ValueError, match="no transition yet"):
        replay.transitions(1)
    with pytest.raises(ValueError, match="no whole episode yet"):
        replay.whole_episodes(1)
    assert len(replay) == 0
    replay.add(play(1, rollout_length=1)[0])
    with pytest.raises(ValueError, match="no transition yet"):
        replay.transitions(1)
    with pytest.raises(ValueError, match="buffer_size is 0; allowed are 1 and more"):
        Replay(0)


def test_there_is_something_to_draw_once_a_transition_has_a_successor():
    replay, record = Replay(10**4), Record(play(9, rollout_length=1))
    for steps, trajectory in enumerate(play(9, rollout_length=1), 1):
        replay.add(trajectory)
        assert replay.drawable == bool(record.drawable(0, steps - 1))
    assert replay.drawable
    assert not Replay(1).drawable


def test_seams_beside_the_newest_step_are_no_transition_to_wait_for():
    first, second, _ = play(3, rollout_length=1)
    first.valid[:] = False
    with pytest.raises(ValueError, match="no transition yet"):
        filled([first, second]).transitions(1)


@every_ring
def test_whole_episodes_are_those_that_were_played_to_their_end(capacity, oldest):
    played = play(10)
    record, replay = Record(played), filled(played, capacity)
    wanted = record.episodes(oldest, 40)
    drawn = replay.whole_episodes(400)
    found = set()
    for pick in range(400):
        length = int(drawn.valid[:, pick].sum())
        start = int(drawn.stored["mark"][0, pick, 0])
        found.add((start, length))
        assert drawn.time[0, pick] == 0
        assert (drawn.terminated | drawn.truncated)[length - 1, pick]
        for time in range(length + 1):
            record.same(drawn, time, pick, start + 4 * time)
        for time in range(length):
            record.same_change(drawn, time, pick, start + 4 * time)
        assert not drawn.valid[length:, pick].any()
        for time in range(length + 1, drawn.num_steps):
            assert not drawn.alive[time, pick].any()
            assert edges_of(drawn, time * 400 + pick)[0].shape[1] == 0
    assert found == wanted
    assert len({length for _, length in wanted}) > 1, "some episodes are shorter"


def test_an_episode_waits_for_the_state_in_which_it_ended():
    played = play(20, rollout_length=1)
    replay, record = Replay(10**4), Record(played)
    for steps, trajectory in enumerate(played, 1):
        replay.add(trajectory)
        ready = {(4 * int(s) + int(b), int(n)) for s, b, n in replay.ready()}
        assert ready == record.episodes(0, steps)


def test_what_is_drawn_is_a_copy():
    replay = filled(play(3))
    for draw in (replay.transitions, replay.whole_episodes):
        torch.manual_seed(0)
        first = draw(50)
        before = first.obs.clone(), first.alive.clone(), first.edges.index.clone()
        first.obs += 1
        first.alive[:] = False
        first.edges.index += 1
        torch.manual_seed(0)
        again = draw(50)
        assert all(map(torch.equal, before, (again.obs, again.alive, again.edges.index)))


def test_what_was_added_may_change_afterwards():
    played = play(3)
    replay, record = filled(played), Record(play(3))
    for trajectory in played:
        trajectory.obs += 1
        trajectory.edges.index += 1
    torch.manual_seed(0)
    drawn = replay.transitions(20)
    for pick, mark in enumerate(drawn.stored["mark"][0, :, 0].tolist()):
        index, _ = edges_of(drawn, pick)
        assert torch.equal(drawn.obs[0, pick], record.fields["obs"][divmod(mark, 4)])
        assert torch.equal(index, record.edges[mark][0])


def test_half_precision_halves_observations_alone():
    played = play(5)
    record = Record(played)
    drawn = filled(played, half=True).transitions(50)
    assert drawn.obs.dtype == torch.float16
    assert drawn.graph().x.dtype == torch.float32  # type: ignore[union-attr]
    for pick, mark in enumerate(drawn.stored["mark"][0, :, 0].tolist()):
        there = {name: value[divmod(mark, 4)] for name, value in record.fields.items()}
        assert torch.equal(drawn.obs[0, pick], there["obs"].half())
        assert torch.equal(drawn.reward[0, pick], there["reward"])


@pytest.mark.parametrize("count", [0, 2, 9])
def test_a_saved_replay_draws_on_as_if_nothing_had_happened(count, tmp_path):
    *played, following = play(count + 1, attr=True)
    replay, again = filled(played, 90), Replay(90)
    torch.save(replay.state_dict(), tmp_path / "replay")
    again.load_state_dict(torch.load(tmp_path / "replay", weights_only=True))
    for each in (replay, again):
        each.add(following)
    assert (len(replay), replay.oldest) == (len(again), again.oldest)
    for draw in ("transitions", "whole_episodes") if count else ("transitions",):
        one, two = (drawn_by(each, draw) for each in (replay, again))
        assert torch.equal(one.stored["mark"], two.stored["mark"])
        assert torch.equal(one.edges.index, two.edges.index)
        assert torch.equal(one.edges.attr, two.edges.attr)  # type: ignore[arg-type]
        assert torch.equal(one.obs, two.obs)


def drawn_by(replay: Replay, draw: str) -> Trajectory:
    torch.manual_seed(7)
    return getattr(replay, draw)(40)


@pytest.mark.parametrize("other", [{"rollout_length": 5}, {"agents": 4}])
def test_a_trajectory_of_another_shape_is_refused_and_changes_nothing(other):
    replay, before = filled(play(3)), filled(play(3))
    with pytest.raises(ValueError, match="this replay keeps 4 steps of"):
        replay.add(play(1, **other)[0])
    assert replay.spec == before.spec
    one, two = (drawn_by(each, "transitions") for each in (replay, before))
    assert torch.equal(one.stored["mark"], two.stored["mark"])


def test_a_replay_must_fit_as_far_as_the_run_can_fill_it(monkeypatch):
    (trajectory,) = play(1)
    free = type("Memory", (), {"available": 2**20})
    monkeypatch.setattr("graphmarl.data.memory.psutil.virtual_memory", lambda: free)
    with pytest.raises(MemoryError, match=r"buffer_size = 10,000,000 .* Lower buffer_size"):
        Replay(10**7).add(trajectory)
    # 16 steps are a hundredth of the run.
    trajectory.progress = 0.01
    Replay(10**7).add(trajectory)
