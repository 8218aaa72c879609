"""The didactic tasks: their rules by arithmetic, their best returns by trying everything.

Whatever is enumerated is played: each possibility is a copy, put where it belongs by
`load_state_dict`, and the environment's own `step` says what comes of it.
"""

from itertools import product

import pytest
import torch
from scipy import stats
from torch import Tensor

from graphmarl.agent_graph import agent_graph
from graphmarl.cli import main
from graphmarl.envs import GridAgreement, Hallway, IndependentSearch, Sensor, make_env
from graphmarl.graphs import Links
from graphmarl.results.run import Run

NORTH, EAST, SOUTH, WEST, NOOP = range(5)


def put(env, **fields):
    """The step of an environment whose copies are in a chosen state, at time 0."""
    env.reset(0)
    state = env.state_dict()
    assert fields.keys() <= state.keys()
    return env.load_state_dict(state | fields)


def sure(value: Tensor | None) -> Tensor:
    """What this environment has for certain."""
    assert value is not None
    return value


def combinations(*choices):
    """All ways to choose one of each, one way in a row."""
    return torch.cartesian_prod(*[torch.arange(number) for number in choices]).view(
        -1, len(choices)
    )


def returns(env, step, act):
    """The team's return in the current episode of each copy, and whether it ended by the rules."""
    total, running = torch.zeros(env.num_envs), ~step.done
    terminated = torch.zeros(env.num_envs, dtype=torch.bool)
    while running.any():
        step = env.step(act(step))
        total += torch.where(running, step.reward.sum(1), 0)
        terminated |= running & step.terminated
        running = running & ~step.done
    return total, terminated


# Sensor


@pytest.mark.parametrize(
    ("second", "action", "team", "win"),
    [
        (True, (NOOP, WEST, EAST), 30 - 10, 1),
        (True, (WEST, WEST, EAST), 30 - 15, 1),
        (True, (WEST, EAST, NOOP), 20 - 10, 0),
        (True, (WEST, EAST, EAST), 20 - 15, 0),
        (True, (NOOP, WEST, NOOP), -5, 0),
        (True, (NOOP, NOOP, EAST), -5, 0),
        (True, (NOOP, EAST, WEST), -10, 0),
        (False, (NOOP, WEST, EAST), -10, 0),
        (False, (WEST, EAST, NOOP), 20 - 10, 1),
        (False, (EAST, WEST, NOOP), -10, 0),
        (False, (WEST, NOOP, NOOP), -5, 0),
        (False, (NORTH, SOUTH, WEST), -15, 0),
        (False, (NOOP, NOOP, NOOP), 0, 0),
    ],
)
def test_sensor_pays_two_that_scan_the_same_area(second, action, team, win):
    env = Sensor(num_envs=1)
    put(env, second=torch.tensor([second]))
    step = env.step(torch.tensor([action]))
    torch.testing.assert_close(step.reward, torch.full((1, 3), team / 3))
    assert step.info["win"].tolist() == [win]
    assert step.terminated.all() and not step.truncated.any()


def test_sensor_shows_what_is_beside_each_and_hides_the_rest():
    step = put(Sensor(num_envs=2), second=torch.tensor([False, True]))
    assert step.obs.tolist() == [[[-1, 1], [1, 0], [0, -1]], [[-1, 1], [1, 1], [1, -1]]]
    assert sure(step.state).tolist() == [[1, 0], [1, 1]]
    assert step.info["win"].tolist() == [0, 0]


def test_sensor_hides_the_second_target_half_of_the_time_in_every_episode():
    env = Sensor(num_envs=20_000)
    there = sure(env.reset(0).state)[:, 1]
    env.step(torch.full((20_000, 3), NOOP))
    later = sure(env.step(torch.full((20_000, 3), NOOP)).state)[:, 1]
    for seen in (there, later, (there == later).float()):
        assert stats.binomtest(int(seen.sum()), 20_000).pvalue > 1e-3


def test_sensor_stands_between_its_areas():
    env = Sensor(num_envs=2)
    step = put(env, second=torch.tensor([False, True]))
    x = sure(step.position)[0, :, 0]
    place, there = env.scene(0).points["targets"]
    assert x[2] < place[1, 0] < x[1] < place[0, 0] < x[0]
    assert there.tolist() == [1, 0] and env.scene(1).points["targets"][1].tolist() == [1, 1]


def test_best_returns_of_sensor_with_and_without_messages():
    joint = combinations(2, 5, 5, 5)
    env = Sensor(num_envs=len(joint))
    step = put(env, second=joint[:, 0] == 1)
    team = env.step(joint[:, 1:]).reward.sum(1)
    assert team.view(2, -1).amax(1).mean().item() == pytest.approx(15) == env.best_return(1)
    # Alone, an agent can only act by what it sees: one choice for each of its observations.
    sights = [step.obs[:, agent].unique(dim=0, return_inverse=True) for agent in range(3)]
    choices = [5 ** len(sight) for sight, _ in sights]
    policies = combinations(*choices, 2)
    env = Sensor(num_envs=len(policies))
    step = put(env, second=policies[:, 3] == 1)
    actions = []
    for agent, (sight, _) in enumerate(sights):
        seen = (step.obs[:, agent, None] == sight).all(2).float().argmax(1)
        actions.append(policies[:, agent] // 5**seen % 5)
    team = env.step(torch.stack(actions, 1)).reward.sum(1).view(-1, 2).mean(1)
    assert [len(sight) for sight, _ in sights] == [1, 2, 2]
    assert team.max().item() == pytest.approx(12.5) == env.best_return(0)
    assert env.best_return(1, delayed=True) == 12.5
    # The paper's reason: sensor 1 scans whatever happens.
    best = policies.view(-1, 2, 4)[team > 12.4, 0]
    assert (best[:, 0] == WEST).all()


# Hallway


def test_hallway_walks_and_stops_at_its_walls():
    env = Hallway((2, 3, 4, 5), num_envs=1)
    put(env, place=torch.tensor([[2.0, 3, 2, 2]]))
    step = env.step(torch.tensor([[2, 0, 1, 2]]))
    torch.testing.assert_close(step.state, torch.tensor([[2 / 2, 3 / 3, 1 / 4, 3 / 5]]))
    assert step.obs[0, :, 0].tolist() == sure(step.state)[0].tolist()
    assert sure(step.position).tolist() == [[[2, 0], [3, 1], [1, 2], [3, 3]]]
    assert not step.done.any() and step.reward.abs().sum() == 0


@pytest.mark.parametrize(
    ("place", "action", "team", "ends"),
    [
        ((1, 1), (1, 1), 10, True),
        ((1, 1), (1, 0), 0, True),
        ((1, 2), (1, 1), 0, True),
        ((1, 1), (0, 0), 0, False),
        ((2, 2), (1, 1), 0, False),
        ((1, 1), (2, 2), 0, False),
    ],
)
def test_hallway_pays_those_who_arrive_together(place, action, team, ends):
    env = Hallway(num_envs=1)
    put(env, place=torch.tensor([place]).float())
    step = env.step(torch.tensor([action]))
    assert step.reward.tolist() == [[team / 2, team / 2]]
    assert step.terminated.tolist() == [ends] and not step.truncated.any()
    assert step.info["win"].tolist() == [team / 10]


def test_hallway_shows_integers_where_it_is_asked_to():
    env = Hallway("2x6x10", normalised=False, num_envs=500)
    step = env.reset(0)
    assert env.spec.horizon == 20
    assert torch.equal(step.obs[..., 0], sure(step.position)[..., 0])
    for agent, length in enumerate((2, 6, 10)):
        counts = torch.bincount(step.obs[:, agent, 0].long(), minlength=length + 1)
        assert counts[0] == 0 and len(counts) == length + 1
        assert stats.chisquare(counts[1:].numpy()).pvalue > 1e-3
    shown = Hallway((2, 6, 10), num_envs=500).reset(0).obs
    assert torch.allclose(shown[..., 0] * torch.tensor([2.0, 6, 10]), step.obs[..., 0])


def test_hallway_ends_ten_steps_after_the_longest():
    env = Hallway((2, 5), num_envs=3)
    step = env.reset(0)
    for _ in range(15):
        assert not step.done.any()
        step = env.step(torch.zeros(3, 2, dtype=torch.long))
    assert step.terminated.all() and not step.truncated.any()
    assert not step.reward.any() and not step.info["win"].any()


@pytest.mark.parametrize("lengths", [(4, 4), (2, 3, 2)])
def test_best_return_of_hallway_by_value_iteration(lengths):
    states = combinations(*lengths) + 1
    actions = combinations(*[3 for _ in lengths])
    env = Hallway(lengths, num_envs=len(states) * len(actions))
    put(env, place=states.repeat_interleave(len(actions), 0).float())
    step = env.step(actions.repeat(len(states), 1))
    reward = step.reward.sum(1).view(len(states), -1)
    following = (sure(step.position)[..., 0].long() - 1).clamp(min=0)
    number = torch.zeros(env.num_envs, dtype=torch.long)
    for agent, length in enumerate(lengths):
        number = number * length + following[:, agent]
    number, goes_on = number.view(len(states), -1), ~step.done.view(len(states), -1)
    value = torch.zeros(len(states))
    for _ in range(env.spec.horizon):
        value = (reward + goes_on * value[number]).amax(1)
    assert value.tolist() == pytest.approx([env.best_return(1)] * len(states))
    assert env.best_return(1) == 10


@pytest.mark.parametrize(("lengths", "most"), [((4, 4), 10 / 4), ((2, 4), 10 / 4)])
def test_best_return_of_hallway_without_memory_and_without_messages(lengths, most):
    policies = combinations(*[3**length for length in lengths], *lengths)
    env = Hallway(lengths, num_envs=len(policies))
    step = put(env, place=policies[:, 2:].float() + 1)

    def act(step):
        seen = (sure(step.position)[..., 0].long() - 1).clamp(min=0)
        return policies[:, :2] // 3**seen % 3

    total, _ = returns(env, step, act)
    of_policy = total.view(3 ** sum(lengths), -1).mean(1)
    assert of_policy.max().item() == pytest.approx(most) == env.best_return(0)
    if lengths == (4, 4):
        best = policies.view(3**8, 16, 4)[of_policy > 2.4, 0, :2]
        always_left = sum(1 * 3**seen for seen in range(4))
        assert best.tolist() == [[always_left, always_left]]


@pytest.mark.parametrize("lengths", [(4, 4), (6, 6), (4, 4, 4)])
def test_a_clock_takes_the_place_of_messages_in_hallway(lengths):
    env = Hallway(lengths, num_envs=300)
    step = env.reset(0)
    wait = torch.tensor(lengths) - sure(step.position)[..., 0]
    total, terminated = returns(env, step, lambda s: (s.time[:, None] >= wait).long())
    assert torch.allclose(total, torch.tensor(env.best_return(0, memory=True)))
    assert terminated.all()
    with pytest.raises(ValueError, match="with memory only"):
        env.best_return(1, delayed=True)


@pytest.mark.parametrize("text", ["6x6", [6, 6], (6, 6)])
def test_lengths_are_numbers_or_a_text(text):
    assert Hallway(text).lengths == (6, 6)
    assert make_env("hallway", lengths=text).spec.horizon == 16


def made(name, **options):
    env = make_env(name, **options)
    assert isinstance(env, Hallway)
    return env


def test_lengths_in_a_name():
    assert made("hallway:lengths=2x6x10,normalised=false").lengths == (2, 6, 10)
    assert made("hallway:lengths=3").lengths == (3,)


@pytest.mark.parametrize(
    ("words", "kept"),
    [(["hallway", "--env.lengths", "[3,5]"], [3, 5]), (["hallway:lengths=3x5"], "3x5")],
)
def test_lengths_on_the_command_line(words, kept, tmp_path, capsys):
    words = ["train", "--method", "ippo", "--method.rollout_length", "5", "--env", *words]
    words += ["--steps", "40", "--progress", "false", "--runs", str(tmp_path), "--name", "a"]
    assert main(words) == 0
    env = Run(tmp_path / "a").config()["env"]
    assert env["lengths"] == kept
    assert made(env.pop("name"), **env).lengths == (3, 5)
    capsys.readouterr()


@pytest.mark.parametrize("lengths", [(), "", "4x", "4x0", (4, 0), (4, -1), "axb", -3])
def test_what_is_no_length_is_refused(lengths):
    with pytest.raises(
        ValueError, match="allowed are (integers of at least 1, one|lists of whole numbers from 1)"
    ):
        make_env("hallway", lengths=lengths)


# Independent search


def test_search_pays_each_agent_that_stands_on_its_landmark():
    env = IndependentSearch(num_envs=1)
    assert env.landmark.sum() == 5
    place = torch.stack([env.landmark, env.landmark - torch.tensor([1.0, 0])])[None]
    put(env, place=place)
    assert env.step(torch.tensor([[0, 0]])).reward.tolist() == [[1 / 2, 0]]
    assert env.step(torch.tensor([[0, 2]])).reward.tolist() == [[1 / 2, 1 / 2]]
    assert env.step(torch.tensor([[1, 0]])).reward.tolist() == [[0, 1 / 2]]


def test_search_moves_by_one_and_stops_at_the_walls():
    env = IndependentSearch(num_agents=5, num_envs=1)
    corner = torch.tensor([0.0, 0])
    put(env, place=corner.expand(1, 5, 2))
    step = env.step(torch.arange(5)[None])
    assert (step.obs * 4).tolist() == [[[0, 0], [0, 0], [1, 0], [0, 0], [0, 1]]]
    assert torch.equal(sure(step.state), step.obs.flatten(1))
    put(env, place=(corner + 4).expand(1, 5, 2))
    step = env.step(torch.arange(5)[None])
    assert (step.obs * 4).tolist() == [[[4, 4], [3, 4], [4, 4], [4, 3], [4, 4]]]


def test_rooms_lie_apart():
    env = IndependentSearch(num_agents=3, size=2, distance=2, num_envs=1)
    place = sure(env.reset(0).position)[0]
    assert place[:, 0].tolist() == [0, 3, 6]
    assert env.scene(0).points["landmarks"][0].tolist() == [[1, 1], [4, 1], [7, 1]]


@pytest.mark.parametrize(
    ("options", "best"), [({}, 96), ({"num_agents": 3, "size": 4, "distance": 2, "horizon": 9}, 8)]
)
def test_best_return_of_search_by_dynamic_programming(options, best):
    rooms = IndependentSearch(**options)
    size, agents, horizon = rooms.last + 1, rooms.spec.num_agents, rooms.spec.horizon
    tried = combinations(size, size, 5)
    env = IndependentSearch(num_envs=len(tried), **options)
    put(env, place=tried[:, None, :2].float().expand(-1, agents, -1))
    step = env.step(tried[:, 2:].expand(-1, agents))
    cell = (step.obs[:, 0] * (size - 1)).round().long()
    number = (cell[:, 0] * size + cell[:, 1]).view(-1, 5)
    reward = step.reward.view(-1, 5, agents)
    start = (rooms.reset(0).obs[0] * (size - 1)).round().long()
    value = torch.zeros(size * size, agents)
    for _ in range(horizon):
        value = (reward + value[number]).amax(1)
    team = value[start[:, 0] * size + start[:, 1], torch.arange(agents)].sum()
    assert float(team) == pytest.approx(best) == horizon - options.get("distance", 5) + 1


def test_search_reaches_its_best_return():
    env = IndependentSearch(num_envs=2)
    step = env.reset(0)

    def act(step):
        left = env.landmark - (step.obs * 4).round()
        return torch.where(left[..., 0] > 0, 2, torch.where(left[..., 1] > 0, 4, 0))

    total, terminated = returns(env, step, act)
    assert total.tolist() == pytest.approx([96, 96])
    assert not terminated.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_agents": 0}, "num_agents is 0; allowed are whole numbers from 1"),
        ({"size": 1}, "size is 1; it must be at least 2"),
        ({"size": 3}, "distance is 5; allowed are 1 to 4"),
        ({"distance": 0}, "distance is 0; allowed are whole numbers from 1"),
    ],
)
def test_rooms_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_env("independent_search", **options)


# Grid agreement


def test_all_joint_actions_of_the_grid():
    joint = combinations(*[2] * 9)
    env = GridAgreement(num_envs=len(joint))
    env.reset(0)
    step = env.step(joint)
    team = step.reward.sum(1)
    assert len(team) == 512
    assert team.max() == 0 and joint[team == 0].float().mean(1).tolist() == [0, 1]
    assert team.mean().item() == pytest.approx(-12 / 2)
    # A chessboard breaks every edge; then each cell bears half of its edges.
    assert team.min() == -12
    worst = step.reward[(team == -12).nonzero()[0, 0]]
    assert (-2 * worst).view(3, 3).tolist() == [[2, 3, 2], [3, 4, 3], [2, 3, 2]]
    assert step.terminated.all() and not step.truncated.any()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (4, 1), (2, 3)])
def test_a_grid_charges_its_links(rows, columns):
    cells = rows * columns
    joint = combinations(*[2] * cells)
    env = GridAgreement(rows, columns, num_envs=len(joint))
    step = env.reset(0)
    reward = env.step(joint).reward
    sender, receiver = sure(step.links)
    expected = torch.zeros(joint.numel())
    unequal = (joint.flatten()[sender] != joint.flatten()[receiver]).float()
    expected.index_add_(0, receiver, -unequal / 2)
    assert torch.equal(reward.flatten(), expected)
    edges = rows * (columns - 1) + columns * (rows - 1)
    assert sender.numel() == 2 * edges * len(joint)
    assert reward.sum(1).mean().item() == pytest.approx(-edges / 2)


def test_links_join_the_cells_that_touch():
    env = GridAgreement(2, 3, num_envs=2)
    step = env.reset(0)
    place = sure(step.position).flatten(0, 1)
    assert place[:6].tolist() == [[x, y] for y, x in product((0, 1), (0, 1, 2))]
    edge = Links()(agent_graph(step, env.spec)).edge_index
    gap = (place[edge[0]] - place[edge[1]]).abs().sum(1)
    assert edge.shape[1] == 2 * 2 * 7 and (gap == 1).all()
    assert torch.equal(edge[0] // 6, edge[1] // 6)


def test_a_grid_tells_nothing_and_ends_after_its_rounds():
    env = GridAgreement(horizon=3, num_envs=2)
    action = torch.eye(9, dtype=torch.long)[:2]
    steps = [env.reset(0), *(env.step(action) for _ in range(3))]
    assert all((step.obs == 1).all() and (sure(step.state) == 1).all() for step in steps)
    assert [step.terminated.all().item() for step in steps] == [False, False, False, True]
    assert steps[1].reward.sum(1).tolist() == [-2, -3]


def test_a_grid_without_cells_is_refused():
    with pytest.raises(ValueError, match="rows is 0; allowed are whole numbers from 1"):
        make_env("grid_agreement", rows=0)
