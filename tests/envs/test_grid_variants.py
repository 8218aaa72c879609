"""Grid agreement that cannot be solved alone: its best returns, found by trying everything.

What is enumerated is played by the environment itself, each possibility in a copy of its own.
"""

import pytest
import torch
from particles import put, whole
from scipy.spatial import ConvexHull
from test_didactic import combinations

from graphmarl.envs import GridAgreement

pytestmark = pytest.mark.usefixtures("unchecked")

SIDES = (1, 5, 7, 3)  # in a circle, so that a corner lies between each and the next


def signs(number):
    """All ways to choose a sign for each."""
    return 2.0 * combinations(*[2] * number) - 1


def played(env, action, **fields):
    put(env, **fields)
    return env.step(action).reward.sum(1)


def test_a_fixed_boundary_by_hand():
    env = GridAgreement(2, 2, boundary="fixed", field=3.0, num_envs=2)
    step = put(env, sign=torch.tensor([1.0, -1.0]))
    assert step.obs[:, :, 1].tolist() == [[1, 1, 0, 0], [-1, -1, 0, 0]]
    assert whole(step).tolist() == [[1, 1], [1, -1]]
    # Cell 0 chose 1, its neighbours to the right and above chose 0, and so did the fourth.
    step = env.step(torch.tensor([[1, 0, 0, 0]] * 2))
    assert step.reward.tolist() == [[-1, -0.5 - 3, -0.5, 0], [-1 - 3, -0.5, -0.5, 0]]


def test_random_couplings_by_hand():
    env = GridAgreement(2, 2, couplings="random", num_envs=1)
    # To the right: 0-1 and 2-3; upwards: 0-2 and 1-3.
    step = put(env, coupling=torch.tensor([[1.0, -1.0, -1.0, 1.0]]))
    right, left, above, below = range(1, 5)
    assert step.obs[0, 0, [right, left, above, below]].tolist() == [1, 0, -1, 0]
    assert step.obs[0, 1, [right, left, above, below]].tolist() == [0, 1, 1, 0]
    assert step.obs[0, 2, [right, left, above, below]].tolist() == [-1, 0, 0, -1]
    assert step.obs[0, 3, [right, left, above, below]].tolist() == [0, -1, 0, 1]
    assert whole(step).tolist() == [[1, 1, -1, -1, 1]]
    # 0 and 1 agree as they should, 2 and 3 do too and should not, 0 and 2 should not, 1 and 3 do.
    step = env.step(torch.ones(1, 4, dtype=torch.long))
    assert step.reward.tolist() == [[-0.5, 0, -1, -0.5]]


def test_signs_are_drawn_anew_and_are_fair():
    env = GridAgreement(boundary="fixed", couplings="random", num_envs=4000)
    first = whole(env.reset(0))
    env.step(torch.zeros(4000, 9, dtype=torch.long))
    second = whole(env.step(torch.zeros(4000, 9, dtype=torch.long)))
    for seen in (first, second, first * second):
        assert seen[:, 1:].mean(0).abs().max() < 0.07
    assert env.spec.obs_size == 6 and env.spec.state_size == 14


@pytest.mark.parametrize(
    ("rounds", "field", "best"),
    [(0, 1.0, -1.5), (0, 4.0, -1.5), (0, 0.5, -0.75), (1, 1.0, -1.5), (1, 0.5, -0.75)],
)
def test_best_returns_with_a_fixed_boundary(rounds, field, best):
    # A cell that the sign has reached has four policies of it, any other has two.
    knows = 3 * (rounds + 1)
    policies = combinations(*[4] * knows, *[2] * (9 - knows))
    signs_of = torch.tensor([-1.0, 1.0])
    env = GridAgreement(boundary="fixed", field=field, num_envs=2 * len(policies))
    of_sign = [
        torch.cat([policies[:, :knows] // 2**bit % 2, policies[:, knows:]], 1) for bit in (0, 1)
    ]
    action = torch.stack(of_sign, 1).flatten(0, 1)
    team = played(env, action, sign=signs_of.repeat(len(policies))).view(-1, 2).mean(1)
    assert team.max().item() == pytest.approx(best) == env.best_return(rounds)


def test_the_best_return_once_the_sign_is_everywhere():
    joint = combinations(*[2] * 9)
    env = GridAgreement(boundary="fixed", num_envs=len(joint))
    for sign in (-1.0, 1.0):
        team = played(env, joint, sign=torch.full((512,), sign))
        assert team.max() == 0 and joint[team.argmax()].float().mean() == (sign > 0)
    assert env.best_return(rounds=2) == 0
    assert GridAgreement(boundary="fixed", horizon=2).best_return(2, delayed=True) == -1.5
    assert GridAgreement(boundary="fixed", horizon=3).best_return(1, memory=True) == -1.5
    assert GridAgreement(boundary="fixed", horizon=3).best_return(1) == -4.5
    assert GridAgreement().best_return(0) == 0


def test_the_optimum_with_random_couplings():
    couplings, joint = signs(12), combinations(*[2] * 9)
    env = GridAgreement(couplings="random", num_envs=len(couplings))
    put(env, coupling=couplings)
    best = torch.full((len(couplings),), -torch.inf)
    for action in joint[: len(joint) // 2]:  # all cells the other way round cost the same
        best = torch.maximum(best, env.advance(action.expand(len(couplings), -1))[0].sum(1))
    assert best.mean().item() == pytest.approx(-1.375) == env.best_return(rounds=4)


def side_policies():
    """Mean of a side cell's sign, and its correlation with the coupling to each of three others.

    Of all 256 functions of three signs. The gain is linear in these numbers of one cell, so that
    corners of their convex hull are enough; and those with a negative mean are left out, because
    to turn around one cell with all its couplings changes no cost.
    """
    function = signs(8)
    found = torch.cat([function.mean(1, keepdim=True), function @ signs(3) / 8], 1).unique(dim=0)
    found = found[torch.from_numpy(ConvexHull(found.numpy()).vertices).long()]
    return found[found[:, 0] >= 0]


def test_the_best_alone_with_random_couplings():
    """Couplings are independent, so what an edge gains depends on few numbers of its two ends.

    With s_i the action as a sign, m_i = E[s_i] and c_ij = E[s_i J_ij], the mean of J_ij s_i s_j is
    m_i c_ji + m_j c_ij, and the cost is half of 12 less the sum of these. Given what the side cells
    do, a corner or the centre i does best by the sign of sum_j (c_ji + m_j J_ij), which
    gains the mean of its absolute value. So only the sides' policies need be tried.
    """
    side = side_policies()
    mean, one, other, centre = side.T
    two, four = signs(2), signs(4)
    # A corner between two sides, of which each has its own correlation with it.
    given = one[:, None] + other[None, :]
    turned = mean[:, None, None] * two[:, 0] + mean[None, :, None] * two[:, 1]
    corner = (given[..., None] + turned).abs().mean(2)
    best = 0.0
    for first in range(len(side)):
        # Opposite sides are `first` and third, second and fourth; all of the last three at once.
        second = corner[first][:, None, None] + corner[:, :, None]
        fourth = corner[:, first][None, None, :] + corner[None, :, :]
        bound = second + fourth  # axes: second, third, fourth
        if float(bound.max()) + centre_bound(mean, centre, first) <= best:
            continue
        for third in range(len(side)):
            known = centre[first] + centre[third] + centre[:, None] + centre[None, :]
            middle = torch.zeros_like(known)
            for signs_of in four:
                fixed = signs_of[0] * mean[first] + signs_of[2] * mean[third]
                free = signs_of[1] * mean[:, None] + signs_of[3] * mean[None, :]
                middle += (known + fixed + free).abs() / len(four)
            best = max(best, float((bound[:, third] + middle).max()))
    env = GridAgreement(couplings="random")
    assert best / 2 - 12 / 2 == pytest.approx(-3) == env.best_return(rounds=0)
    with pytest.raises(ValueError, match="on free 3 x 3 only"):
        GridAgreement(rows=2, couplings="random").best_return(0)


def centre_bound(mean, centre, first):
    """No more than this is gained at the centre."""
    each = mean.abs() + centre.abs()
    return float(each[first] + 3 * each.max())


def test_the_best_alone_is_reached():
    # The sides do what most of their edges want, beside neighbours who always choose 1.
    couplings = signs(12)
    env = GridAgreement(couplings="random", num_envs=len(couplings))
    obs = put(env, coupling=couplings).obs
    action = torch.ones(len(couplings), 9, dtype=torch.long)
    for cell in SIDES:
        action[:, cell] = (obs[:, cell, 1:].sum(1) > 0).long()
    assert env.step(action).reward.sum(1).mean().item() == pytest.approx(-3)


def test_a_field_must_be_positive():
    with pytest.raises(ValueError, match=r"field is 0.0; it must be positive"):
        GridAgreement(field=0.0)
