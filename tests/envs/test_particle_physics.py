"""The laws of the particle worlds, and where their things begin."""

import pytest
import torch
from torch.nn.functional import softplus

from graphmarl.envs.counter_rng import CounterRNG
from graphmarl.envs.particle.physics import Gaps, Physics
from graphmarl.envs.particle.placement import check_room, poisson_disc


def step(physics, position, velocity=None, force=None):
    still = torch.zeros_like(position)
    push = physics.push(Gaps.between(position, position))
    return physics.step(
        position, still if velocity is None else velocity, still if force is None else force, push
    )


def test_a_free_particle_by_hand():
    # v = 0.75 v + 0.1 f / m, then x = x + 0.1 v.
    physics = Physics([0.1, 0.1], mass=[1.0, 4.0])
    position = torch.tensor([[[0.0, 0.0], [5.0, 5.0]]])
    velocity = torch.tensor([[[1.0, -2.0], [0.0, 0.4]]])
    force = torch.tensor([[[5.0, 0.0], [-2.0, 0.0]]])
    place, speed = step(physics, position, velocity, force)
    torch.testing.assert_close(speed, torch.tensor([[[1.25, -1.5], [-0.05, 0.3]]]))
    torch.testing.assert_close(place, torch.tensor([[[0.125, -0.15], [4.995, 5.03]]]))
    physics = Physics([0.1, 0.1], mass=[1.0, 4.0], order="position")
    place, other = step(physics, position, velocity, force)
    torch.testing.assert_close(place, torch.tensor([[[0.1, -0.2], [5.0, 5.04]]]))
    assert torch.equal(speed, other)


def test_a_constant_push_ends_at_the_terminal_speed():
    # v = 0.75 v + 0.5 rests at 2.
    physics, place = Physics([0.1]), torch.zeros(1, 1, 2)
    speed = torch.zeros(1, 1, 2)
    for _ in range(80):
        place, speed = step(physics, place, speed, torch.tensor([[[5.0, 0.0]]]))
    torch.testing.assert_close(speed, torch.tensor([[[2.0, 0.0]]]))


def test_no_one_is_faster_than_allowed_and_keeps_its_direction():
    physics = Physics([0.1] * 3, max_speed=[1.0, 1.3, 1.0])
    force = torch.tensor([[[30.0, 40.0], [-30.0, 40.0], [0.3, 0.4]]])
    speed = step(physics, torch.tensor([[[0.0, 0], [3, 0], [6, 0]]]), force=force)[1]
    torch.testing.assert_close(speed[0, 0], torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(speed[0, 1], torch.tensor([-0.78, 1.04]))
    torch.testing.assert_close(speed[0, 2], torch.tensor([0.03, 0.04]))


def test_two_that_touch_keep_their_momentum():
    physics = Physics([0.1, 0.2], mass=[1.0, 3.0])
    position = torch.tensor([[[0.0, 0.0], [0.12, 0.16]]])
    speed = step(physics, position)[1]
    # They overlap by 0.1, so each is pushed with 100 * 0.1 along (-0.6, -0.8) or against it.
    torch.testing.assert_close(speed[0, 0], torch.tensor([-0.6, -0.8]))
    torch.testing.assert_close(speed[0, 0] + 3 * speed[0, 1], torch.zeros(2))


@pytest.mark.parametrize("gap", [-0.05, -1e-3, 0.0, 1e-3, 5e-3, 0.09, 0.2])
def test_the_force_of_a_contact_is_exact_on_both_sides(gap):
    position = torch.tensor([[[0.0, 0.0], [0.3 + gap, 0.0]]])
    speed = step(Physics([0.15, 0.15]), position)[1]
    overlap = torch.tensor(0.3, dtype=torch.float64) - position[0, 1, 0].double()
    force = 100 * 1e-3 * softplus(overlap / 1e-3, threshold=700)
    assert speed[0, 1, 0].item() == pytest.approx(0.1 * force.item(), rel=2e-4, abs=1e-30)


def test_who_collides_who_moves_and_a_distance_for_all():
    position = torch.tensor([[[0.0, 0.0], [0.15, 0.0], [0.0, 0.15]]])
    size = [0.1, 0.1, 0.1]
    moved = step(Physics(size, moves=[True, False, True]), position)[1][0]
    assert moved[1].tolist() == [0, 0] and moved[0].max() < 0 and moved[2, 1] > 0
    passed = step(Physics(size, collides=[True, False, True]), position)[1][0]
    assert passed[1].tolist() == [0, 0] and passed[0, 0] == 0 and passed[0, 1] < 0
    apart = step(Physics(size, contact_distance=0.02), position)[1]
    assert not apart.any()


def test_two_in_the_same_place_are_finite():
    assert not step(Physics([0.1, 0.1]), torch.ones(1, 2, 2))[1].any()


def test_gaps_and_what_is_nearest():
    here = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]])
    gaps = Gaps.between(here, here)
    assert gaps.squared[0, 0].tolist() == [torch.inf, 25, 1]
    assert gaps.nearest(2)[0].tolist() == [[2, 1], [2, 0], [0, 1]]
    assert gaps.to(gaps.nearest(2))[0, 0].tolist() == [0, 1, 3, 4]
    # From (0, 1) the gaps are (0, -1) and (3, 3); less (0, 1) again they are (0, -2) and (3, 2).
    assert gaps.nearest(2, here)[0, 2].tolist() == [0, 1]


def draws(copies, seed=0):
    made = CounterRNG(copies)
    made.seed(seed)
    return made


@pytest.mark.parametrize(
    ("number", "half_width"), [(3, 3.0), (15, 2.2), (30, 3.0), (100, 5.0), (200, 7.0), (4, 0.62)]
)
def test_landmarks_are_all_there_and_keep_their_distance(number, half_width):
    check_room(number, half_width, 0.675)
    points = poisson_disc(draws(20).uniform, number, half_width, 0.675)
    assert points.shape == (20, number, 2) and points.abs().max() <= half_width
    distance = (points[:, :, None] - points[:, None]).norm(dim=3)
    distance.diagonal(dim1=1, dim2=2).fill_(9)
    assert distance.min() >= 0.675
    # Over all quarters of the square there is as much room.
    if number == 200:
        quarter = (points > 0).float().mean((0, 1))
        assert (quarter - 0.5).abs().max() < 0.03


def test_landmarks_of_a_copy_do_not_depend_on_the_others():
    many = poisson_disc(draws(40).uniform, 4, 0.62, 0.675)
    assert torch.equal(many[:1], poisson_disc(draws(1).uniform, 4, 0.62, 0.675))
    assert not torch.equal(many[0], many[1])


def test_a_square_without_room_is_refused():
    with pytest.raises(ValueError, match=r"half_width is 1.0; 15 landmarks 0.675 apart need 1.49"):
        check_room(15, 1.0, 0.675)
