"""How much memory a replay takes, beside the numbers that it keeps."""

import torch

from graphmarl.agent_graph import Edges
from graphmarl.data import Replay, Trajectory
from graphmarl.step import Spec


def test_a_transition_takes_hardly_more_than_what_it_says():
    # An agent: 26 numbers seen, 2 of place, 1 action, 1 reward of 4 bytes each, 1 byte of life.
    # 100 agents hear 8 neighbours each: sender and receiver of 4 bytes each.
    bare = 100 * (4 * (26 + 2 + 1 + 1) + 1) + 800 * 2 * 4
    assert bare == 18_500
    shape, yes = (50, 2, 100), torch.ones(50, 2, dtype=torch.bool)
    index = torch.randint(100, (2, 50 * 2 * 800), dtype=torch.int32)
    trajectory = Trajectory(
        spec=Spec(100, (26,), 5, 1000),
        edges=Edges(index, torch.arange(0, 50 * 2 * 800 + 1, 800), 100),
        obs=torch.rand(*shape, 26),
        alive=torch.ones(shape, dtype=torch.bool),
        time=torch.arange(50)[:, None].repeat(1, 2),
        action=torch.zeros(shape, dtype=torch.long),
        reward=torch.zeros(shape),
        survived=torch.ones(shape, dtype=torch.bool),
        terminated=~yes,
        truncated=~yes,
        valid=yes,
        memory=torch.zeros(200, 0),
        position=torch.rand(*shape, 2),
        last_action=torch.zeros(shape, dtype=torch.long),
    )
    # Beside it: who survived (1 byte) and the last action (4) of each agent, and a few numbers.
    replay = Replay(1000)
    for _ in range(4):
        replay.add(trajectory)
    assert replay.num_bytes >= 400 * bare
    assert replay.num_bytes / len(replay) <= 1.05 * bare
