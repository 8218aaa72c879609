"""QMIX: Rashid et al. 2018, "Monotonic Value Function Factorisation for Deep MARL"."""

from typing import Any, Literal, get_args

from graphmarl.methods.q_agents import QAgents
from graphmarl.nn import Mixer, MonotonicMixer, SumMixer
from graphmarl.step import Spec


class QMIX(QAgents):
    """The value of the team rises with each agent's value, by weights that the state gives.

    Reads no edges. The agents are those of IQL.

    Args:
        spec: shapes of the environment, which must have a global state.
        embed: width of the mixing layer.
        hyper_hidden: width of the networks that make its weights; 0 makes them by one linear layer.
        agents: arguments of `QAgents`.
    """

    def __init__(self, spec: Spec, embed: int = 32, hyper_hidden: int = 64, **agents: Any) -> None:
        super().__init__(spec, lambda: make_mixer("qmix", spec, embed, hyper_hidden), **agents)


Mixing = Literal["qmix", "stateless", "vdn", "none"]
"""What a method with messages is mixed by; `stateless` is QMIX whose weights read no state."""


def make_mixer(name: Mixing, spec: Spec, embed: int = 32, hyper_hidden: int = 64) -> Mixer | None:
    """A mixer by name, for methods that run on top of any.

    Raises:
        ValueError: an unknown name, or there is no global state for QMIX.
    """
    if name not in get_args(Mixing):
        raise ValueError(f"mixer is {name!r}; allowed are {', '.join(get_args(Mixing))}")
    if name == "none":
        return None
    if name == "vdn":
        return SumMixer()
    if name == "qmix" and not spec.state_size:
        raise ValueError("QMIX's mixer reads the global state; this environment has none")
    state_size = spec.state_size if name == "qmix" else 0
    return MonotonicMixer(spec.num_agents, state_size, embed, hyper_hidden)
