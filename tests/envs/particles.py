"""What the tests of the particle worlds share."""

from typing import Any

from torch import Tensor

from graphmarl.step import Step


def put(env: Any, **fields: Tensor) -> Step:
    """The step of an environment whose copies are in a chosen state, at time 0."""
    env.reset(0)
    state = env.state_dict()
    assert fields.keys() <= state.keys()
    return env.load_state_dict(state | fields)


def places(step: Step) -> Tensor:
    """Positions of the agents, which these worlds have."""
    assert step.position is not None
    return step.position


def whole(step: Step) -> Tensor:
    """The state, which these worlds have."""
    assert step.state is not None
    return step.state
