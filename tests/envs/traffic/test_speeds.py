"""The rules of driving, with the arithmetic written out."""

import pytest
import torch

from graphmarl.envs.traffic.speeds import (
    brake_distance,
    can_yield,
    headway_speed,
    no_collision_speed,
    reach_seconds,
    stop_before_speed,
)


def real(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_brake_distance():
    # 9^2 / (2 x 4.5)
    assert brake_distance(real(9.0), real(4.5)).tolist() == [9.0]


def test_no_collision_speed_behind_a_standing_leader():
    # v^2 / 9 + v / 2 + 10 / 2 + 2 - 34 = 0 has the root v = (sqrt(1/4 + 4 x 27 / 9) - 1/2) / (2/9)
    # = (3.5 - 0.5) x 4.5 = 13.5; one second of the leader: 2 x 0 - 4.5 + 2 (34 - 2) = 59.5.
    speed = no_collision_speed(real(0.0), real(4.5), real(10.0), real(4.5), real(34.0), 2.0)
    assert speed.tolist() == pytest.approx([13.5])
    # From 13.5 m/s one drives (10 + 13.5) / 2 = 11.75 m, then brakes for 13.5^2 / 9 = 20.25 m.
    assert 11.75 + brake_distance(real(13.5), real(4.5)).item() == 34 - 2


def test_no_collision_speed_keeps_the_distance_in_this_second():
    # A leader that brakes with 4.5 m/s^2 from 8 m/s: v^2 / 9 + v / 2 - 64 / 9 - 1 = 0 has the root
    # v = (sqrt(1/4 + 4 (73/9) / 9) - 1/2) 4.5 = 6.58; one second allows 2 x 8 - 4.5 + 2 x 1 = 13.5.
    speed = no_collision_speed(real(8.0), real(4.5), real(0.0), real(4.5), real(1.0), 0.0)
    assert speed.tolist() == pytest.approx([((1 / 4 + 4 * (73 / 9) / 9) ** 0.5 - 0.5) * 4.5])
    # One with brakes of 7.5 m/s^2, 9 m/s fast and 1 m too near: v^2 / 9 + v / 2 + 1 - 81 / 15 = 0,
    # v = (sqrt(1/4 + 4 x 4.4 / 9) - 1/2) 4.5 = 4.43; in one second 2 x 9 - 7.5 + 2 (-1) = 8.5.
    # At 4 m/s, 2 x 4 - 7.5 - 2 = -1.5 counts, below the root of v^2 / 9 + v / 2 + 1 - 16 / 15 = 0.
    speed = no_collision_speed(
        real(9.0, 4.0), real(7.5), real(0.0, 0.0), real(4.5), real(2.0, 2.0), 3.0
    )
    assert speed.tolist() == pytest.approx([((1 / 4 + 4 * 4.4 / 9) ** 0.5 - 0.5) * 4.5, -1.5])


def test_no_speed_is_safe():
    # 1/4 < 4 (1/9) (9 / 2 - 0): no root.
    speed = no_collision_speed(real(0.0), real(4.5), real(9.0), real(4.5), real(0.0), 0.0)
    assert speed.tolist() == [-100.0]


def test_headway_speed():
    # (20 + 4 + (10 - 4) / 2 - 10 / 2) / (1.5 + 1/2) = 22 / 2
    assert headway_speed(real(4.0), real(10.0), real(20.0), real(1.5)).tolist() == [11.0]
    # A faster leader is not closed in on: (20 + 10 - 4 / 2) / 2
    assert headway_speed(real(10.0), real(4.0), real(20.0), real(1.5)).tolist() == [14.0]


@pytest.mark.parametrize(
    ("distance", "speed", "expected"),
    [
        # Faster: 2 -> 4 m/s takes (2 + 4) / 2 = 3 m, and 4^2 / 9 = 1.8 m to brake.
        (4.8, 2.0, 4.0),
        # 4.7 m do not suffice: k = 2 x 4.7 / 2 = 4.7 s, of which 4 are whole: 2 - 2 / 4.
        (4.7, 2.0, 1.5),
        # k = 2 x 3 / 8 = 0.75: 8 - 8 / 0.75 < 0, it stops within the second.
        (3.0, 8.0, 8 - 8 / 0.75),
        # It stands at the place.
        (0.0, 0.0, -float("inf")),
    ],
)
def test_stop_before_speed(distance, speed, expected):
    found = stop_before_speed(real(distance), real(speed), real(2.0), real(4.5))
    assert found.tolist() == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize(
    ("distance", "target", "speed", "expected"),
    [
        # There already.
        (-1.0, 10.0, 5.0, 0),
        # Faster than the target: 25 / 12 s, rounded up.
        (25.0, 10.0, 12.0, 3),
        # 4 -> 10 m/s with 2 m/s^2 takes 3 s and (4 + 10) / 2 x 3 = 21 m; 9 m more at 10 m/s: 1 s.
        (30.0, 10.0, 4.0, 4),
        # 12 m while it accelerates: (sqrt(16 + 4 x 12) - 4) / 2 = 2 s.
        (12.0, 10.0, 4.0, 2),
        # To 9 m/s: 2 whole seconds to 8 m/s over 12 m, then (8 + 9) / 2 = 8.5 m: 3 s; 9.5 m in 2 s.
        (30.0, 9.0, 4.0, 5),
    ],
)
def test_reach_seconds(distance, target, speed, expected):
    found = reach_seconds(real(distance), real(target), real(speed), real(2.0))
    assert found.tolist() == [expected]


@pytest.mark.parametrize(
    ("distance", "speed", "can"),
    [
        # 9^2 / 9 = 9 m to brake, and 5 m between the place where it yields and the point.
        (14.1, 9.0, True),
        (14.0, 9.0, False),
        # A front 5.1 m beyond the point has its rear beyond it too.
        (-5.1, 9.0, True),
        (-5.0, 9.0, False),
        (0.0, 0.0, False),
    ],
)
def test_can_yield(distance, speed, can):
    assert can_yield(real(distance), real(speed), real(4.5), real(5.0)).tolist() == [can]
