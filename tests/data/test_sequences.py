"""Sequences that a replay gives, and what of them is left of the absorbed."""

import pytest
import torch
from batches import batch
from toy import Toy

from graphmarl.data import Collector, Replay
from graphmarl.graphs import make_graph
from graphmarl.learners.sequences import Sequences
from graphmarl.methods.mamba import MAMBASmall
from graphmarl.nn import BlockMask, NeighborLists


def test_sequences_are_stretches_of_what_was_played_with_the_edges_of_each_state():
    env = Toy(num_envs=2, num_agents=4)
    learner = MAMBASmall(env.spec, learning_starts=10_000)
    replay, whole = Replay(60), []
    for trajectory in Collector(env, make_graph("random:k=1"), learner, 100, 10, seed=1):
        replay.add(trajectory)
        whole.append(trajectory)
    drawn = replay.sequences(40, 7)
    assert drawn.time.shape == (7, 40)
    seen = torch.cat([each.obs for each in whole])
    oldest = len(seen) - replay.slots
    starts = set()
    for pick in range(40):
        match = (seen.unfold(0, 7, 1).movedim(-1, 0) == drawn.obs[:, None, pick, None]).flatten(3)
        ((step, copy),) = match.all(-1).all(0).nonzero().tolist()
        assert step >= oldest
        starts.add(step)
        for t in range(7):
            page, row = divmod(step + t, 10)
            ours = drawn.edges.select(torch.tensor([t * 40 + pick]))[0]
            theirs = whole[page].edges.select(torch.tensor([row * 2 + copy]))[0]
            assert torch.equal(ours, theirs)
    assert len(starts) > 10, "they start anywhere"
    assert (drawn.time[1:] == 0).any() and not drawn.valid[:-1].all(), "and run over seams"
    assert not drawn.valid[-1].any(), "what follows the last state is not known"


def test_too_long_a_sequence_is_refused():
    replay = Replay(10)
    replay.add(batch([[[0.0]]] * 3, [[0]] * 2, [[0.0]] * 2))
    with pytest.raises(ValueError, match="no sequence of 4 states yet"):
        replay.sequences(1, 4)
    assert replay.sequences(1, 3).num_steps == 3


def absorbed(ends: str) -> Sequences:
    """Three agents; the first dies on the way to the second state, the third ends the episode."""
    alive = [[True] * 3, [False, True, True], [False, True, True], [True] * 3, [True] * 3]
    game = batch(
        torch.arange(1.0, 16).view(5, 3, 1).tolist(),
        torch.zeros(4, 3, dtype=torch.long).tolist(),
        [[1.0, 2.0, 3.0], [9.0, 5.0, 6.0], [9.0, 9.0, 9.0], [7.0, 8.0, 9.0]],
        [[(0, 1), (1, 2)]] + [[(1, 2)]] * 2 + [[(2, 0)]] * 2,
        alive=alive,
        survived=[*alive[1:], [True] * 3],
        last_action=torch.zeros(5, 3, dtype=torch.long),
        valid=[True, True, False, True, False],
        **{ends: [False, True, False, False, False]},
    )
    game.time[:, 0] = torch.tensor([4, 5, 6, 0, 1])
    return Sequences.of(game, masked=True)


def test_an_agent_is_inactive_after_death_or_termination():
    seq = absorbed("terminated")
    assert seq.obs[..., 0].tolist() == [[1, 2, 3], [0, 5, 6], [0, 0, 0], [10, 11, 12], [13, 14, 15]]
    assert seq.active.int().tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 1, 1]]
    # The reward of the step in which an agent dies is its last; on the seam nothing moves.
    assert seq.reward.tolist() == [[1, 2, 3], [0, 5, 6], [0, 0, 0], [7, 8, 9]]
    assert seq.continues.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert seq.valid[:, 0].tolist() == [True, True, False, True]
    assert seq.same_episode[:, 0, 0].tolist() == [1, 1, 1, 0, 1]
    assert seq.has_previous.int().tolist() == [
        [1, 1, 1],
        [0, 1, 1],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
    ]
    assert not seq.previous_action[3].any() and seq.previous_action[1].any()
    assert seq.start[:, 0].tolist() == [True, True, False, True, False]


def test_truncation_is_not_an_end():
    seq = absorbed("truncated")
    assert seq.obs[2, :, 0].tolist() == [0, 8, 9]
    assert seq.continues[1].tolist() == [0, 1, 1]
    assert seq.start[:, 0].tolist() == [True, True, False, True, False]


def test_messages_use_the_edges_of_the_state_in_which_they_were_sent():
    received = []
    for each in absorbed("terminated").adjacency:
        if isinstance(each, BlockMask):
            each = NeighborLists(torch.arange(3)[None].expand(3, 3), each.mask[0])
        rows = zip(each.neighbors, each.mask, strict=True)
        received.append([set(p[h].tolist()) for p, h in rows])
    first, later, new = [{0}, {0, 1}, {1, 2}], [{0}, {1}, {1, 2}], [{0, 2}, {1}, {2}]
    # The first state and the one after the seam have none before them.
    assert received == [first, first, later, new, new]
