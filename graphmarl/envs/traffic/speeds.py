"""CityFlow's car-following model as pure functions of tensors.

Units are metres, seconds, m/s and m/s^2. Each function gives a bound on the speed one time step
later (dt = 1 s); acceleration is constant during the step.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

TURN_SPEED = 8.3333
"""Maximum speed of a vehicle when entering a turning lane link."""

YIELD_DISTANCE = 5.0
"""Distance before a conflict point at which a yielding vehicle stops."""

UNSAFE = -100.0
"""Result where no speed is safe."""

_STILL = 1e-8


def brake_distance(
    speed: Float[Tensor, "*n"], deceleration: Float[Tensor, "*#n"]
) -> Float[Tensor, "*n"]:
    """Braking distance v^2 / 2d."""
    return 0.5 * speed * speed / deceleration


def no_collision_speed(
    leader_speed: Float[Tensor, "*n"],
    leader_deceleration: Float[Tensor, "*#n"],
    speed: Float[Tensor, "*n"],
    deceleration: Float[Tensor, "*#n"],
    gap: Float[Tensor, "*n"],
    target_gap: Float[Tensor, "*#n"] | float,
) -> Float[Tensor, "*n"]:
    """Largest next speed that still allows a stop `target_gap` behind a braking leader.

    The positive root of v^2 / 2d + v dt/2 + (v_0 dt/2 + target - v_L^2 / 2d_L - gap) = 0, bounded
    by the speed that keeps the distance in this second if the leader brakes:
    2 v_L - d_L dt + 2 (gap - target) / dt. -100 where there is no root.
    """
    # Same order of sums as CityFlow: near standstill the root amplifies rounding errors.
    constant = speed / 2 + target_gap - brake_distance(leader_speed, leader_deceleration) - gap
    quadratic = 0.5 / deceleration
    discriminant = 0.25 - 4 * quadratic * constant
    root = 0.5 / quadratic * (discriminant.clamp(min=0).sqrt() - 0.5)
    kept = 2 * leader_speed - leader_deceleration + 2 * (gap - target_gap)
    speed = torch.minimum(root, kept)
    return torch.where(discriminant < 0, UNSAFE, speed)


def headway_speed(
    leader_speed: Float[Tensor, "*n"],
    speed: Float[Tensor, "*n"],
    gap: Float[Tensor, "*n"],
    headway_time: Float[Tensor, "*#n"],
) -> Float[Tensor, "*n"]:
    """Headway bound (gap + (v_L + max(0, v - v_L) / 2) dt - v dt/2) / (headway + dt/2)."""
    closing = (speed - leader_speed).clamp(min=0)
    return (gap + (leader_speed + closing / 2) - speed / 2) / (headway_time + 0.5)


def stop_before_speed(
    distance: Float[Tensor, "*n"],
    speed: Float[Tensor, "*n"],
    acceleration: Float[Tensor, "*#n"],
    deceleration: Float[Tensor, "*#n"],
) -> Float[Tensor, "*n"]:
    """Next speed of a vehicle that must stop within `distance`.

    It accelerates if it could still brake afterwards. Otherwise stopping takes
    k = 2 distance / v seconds, and v decreases by v / floor(k), or by v / k where k < 1. The result
    is minus infinity (maximum deceleration) for a vehicle at distance 0.
    """
    faster = speed + acceleration
    fits = (speed + faster) / 2 + faster * faster / deceleration / 2 < distance
    seconds = 2 * distance / (speed + _STILL)
    slower = speed - speed / torch.where(seconds >= 1, seconds.floor(), seconds)
    return torch.where(fits, faster, slower.nan_to_num(nan=-torch.inf, neginf=-torch.inf))


def _distance_until_speed(
    target: Float[Tensor, "*#n"], speed: Float[Tensor, "*n"], acceleration: Float[Tensor, "*#n"]
) -> Float[Tensor, "*n"]:
    seconds = ((target - speed) / acceleration).floor()
    reached = speed + seconds * acceleration
    whole = (speed + reached) * seconds / 2
    last = torch.where(reached < target, (reached + target) / 2, 0.0)
    return torch.where(target <= speed, 0.0, whole + last)


def reach_seconds(
    distance: Float[Tensor, "*n"],
    target: Float[Tensor, "*#n"],
    speed: Float[Tensor, "*n"],
    acceleration: Float[Tensor, "*#n"],
) -> Float[Tensor, "*n"]:
    """Whole seconds to cover `distance` while accelerating to the speed `target`."""
    far = _distance_until_speed(target, speed, acceleration)
    after = (speed * speed + 2 * acceleration * distance).clamp(min=0).sqrt()
    ramp = ((after - speed) / acceleration).ceil()
    full = ((target - speed) / acceleration).ceil() + ((distance - far) / target).ceil()
    seconds = torch.where(far > distance, ramp, full)
    seconds = torch.where(speed > target, (distance / speed).ceil(), seconds)
    return torch.where(distance <= 0, 0.0, seconds)


def can_yield(
    distance: Float[Tensor, "*n"],
    speed: Float[Tensor, "*n"],
    deceleration: Float[Tensor, "*#n"],
    length: Float[Tensor, "*#n"],
) -> Bool[Tensor, "*n"]:
    """Whether a vehicle can still stop before a conflict point, or has already passed it.

    Args:
        distance: distance to the point; negative where the front has passed it.
        speed: speed of the vehicle.
        deceleration: maximum deceleration of the vehicle.
        length: length of the vehicle.
    """
    before = (distance > 0) & (brake_distance(speed, deceleration) < distance - YIELD_DISTANCE)
    return before | ((distance < 0) & (distance + length < 0))
