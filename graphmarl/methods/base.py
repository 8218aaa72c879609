"""The base class of methods: what a method supports and what it needs of an environment."""

from __future__ import annotations

from typing import ClassVar, Literal

from graphmarl.learners import Learner
from graphmarl.nn import Encoder, ObsSize
from graphmarl.resolver import options_of
from graphmarl.step import Spec

Action = Literal["discrete", "continuous"]
Support = Literal["default", "option"]


class Method(Learner):
    """Base class of all methods, beside a learner: `class IPPO(Method, PPO)`.

    Class attributes declare what the method supports; the table of `graphmarl methods` is made from
    them. `default` is what holds unless an option changes it, `option` what an option brings. A
    constructor calls `check_spec` first.

    Attributes:
        discrete: whether it takes discrete actions; True by default.
        continuous: whether it takes continuous actions; False by default.
        needs_state: whether it needs a global state; False by default.
        needs_position: whether it needs positions; False by default.
        recurrent: whether agents have a memory, or may have one by an option; False by default.
        sends_messages: whether information travels along the edges; False by default. Such a method
            sets `default_graph`, for example to "complete".
        pictures: whether observations can be read by convolutions; False by default.
        any_number: whether trained weights run with another number of agents; True by default.
    """

    discrete: ClassVar[bool] = True
    continuous: ClassVar[bool] = False
    needs_state: ClassVar[bool | Support] = False
    needs_position: ClassVar[bool] = False
    recurrent: ClassVar[bool | Support] = False
    sends_messages: ClassVar[bool] = False
    pictures: ClassVar[bool | Support] = False
    any_number: ClassVar[bool | Support] = True

    @classmethod
    def check_spec(cls, spec: Spec) -> None:
        """Refuse an environment that lacks what the method needs.

        Args:
            spec: shapes of the environment.

        Raises:
            ValueError: says what the environment has and what the method takes.
        """
        name = cls.__name__
        if not (cls.discrete if spec.action == "discrete" else cls.continuous):
            takes = "discrete" if cls.discrete else "continuous"
            raise ValueError(
                f"{name} takes {takes} actions; this environment has {spec.action} ones, which"
                f" {', '.join(methods_for(spec.action))} take"
            )
        if cls.needs_state is True and not spec.state_size:
            raise ValueError(f"{name} needs a global state; this environment has none")
        if cls.needs_position and not spec.has_position:
            raise ValueError(f"{name} needs positions; the agents of this environment have none")

    @staticmethod
    def observed(spec: Spec, encoder: Encoder) -> ObsSize:
        """What the networks are to read: vectors, or pictures that they encode by themselves.

        Args:
            spec: shapes of the environment.
            encoder: `mlp` for flattened observations, `cnn` for pictures.
        """
        return spec.obs_size if encoder == "mlp" else spec.obs_shape

    @staticmethod
    def others_with(option: str) -> str:
        """Names of the methods that have an option, to be added to a message; empty if none has.

        Args:
            option: its name.
        """
        from graphmarl.methods import METHODS

        names = [name for name, cls in METHODS.items() if option in options_of(cls)]
        return f"; methods that have it: {', '.join(names)}" if names else ""


def methods_for(action: Action) -> list[str]:
    """Names of the methods that take a kind of action.

    Args:
        action: discrete or continuous.
    """
    from graphmarl.methods import METHODS

    return [name for name, cls in METHODS.items() if getattr(cls, action, False)]
