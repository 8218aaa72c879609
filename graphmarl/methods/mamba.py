"""MAMBA: Egorov and Shpilman 2022, "Scalable Multi-Agent Model-Based Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import WorldModelLearner
from graphmarl.learners.imagination import Legal, Paid
from graphmarl.methods.ippo import require_discrete
from graphmarl.nn import LatentAgent, LatentCritic, WorldModel
from graphmarl.step import Spec


class MAMBA(WorldModelLearner):
    """Agents with a world model that talk by its discrete states, and learn in its imagination.

    The settings are those of the paper on SMAC. Its ablations are flags: `information=0`,
    `balance=0.5`, `dropout=0` and `positional=false`. Local graphs are used in acting alone, as in
    the paper's code, unless `masked_training`. Unlike the paper, an agent makes of its neighbours'
    messages what it can by itself (`TransformerConv`), who is dead in imagination counts no more,
    and no table limits the number of agents.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        recurrent: size of the deterministic state.
        categoricals: categorical variables of the stochastic state.
        classes: classes of each.
        layers: transformer layers of the communication block.
        heads: heads of their attention.
        dropout: in these layers, while the model is trained.
        positional: let agents tell each other apart by their places.
        learner: arguments of `WorldModelLearner`.

    Raises:
        ValueError: a number out of range, or the actions are not discrete.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        *,
        hidden: int = 256,
        recurrent: int = 256,
        categoricals: int = 32,
        classes: int = 32,
        layers: int = 3,
        heads: int = 8,
        dropout: float = 0.1,
        positional: bool = True,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "MAMBA")
        model = WorldModel(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            recurrent=recurrent,
            categoricals=categoricals,
            classes=classes,
            layers=layers,
            heads=heads,
            dropout=dropout,
            positional=positional,
            has_available=spec.has_available,
        )
        critic = LatentCritic(model.size, hidden, heads)
        super().__init__(LatentAgent(model, hidden), critic, **learner)


class MAMBASmall(MAMBA):
    """MAMBA with a smaller model, smaller batches and fewer updates, for a few cores.

    A model that has seen little is easily fooled: in imagination nobody counts on unlikely actions
    being legal, and observations weigh more beside the divergence. What is rare, as a win, it does
    not foresee for some ten thousand steps, and a policy that has settled by then does not learn to
    win: the entropy bonus is much larger at first. Unlike the paper, agents are paid to the end of
    their team: where each is paid to its own death, they first learn to run away.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        recurrent: size of the deterministic state.
        categoricals: categorical variables of the stochastic state.
        classes: classes of each.
        layers: transformer layers of the communication block.
        heads: heads of their attention.
        model_rate: learning rate of the world model.
        kl: weight of the divergence.
        every: environment steps between rounds of learning.
        model_updates: of the model in each round.
        batch: sequences in each update.
        length: states in each sequence.
        warmup: environment steps before the first round.
        starts: joint states at most from which a dream begins; 0 for all of a batch.
        horizon: steps that are imagined.
        epochs: times that each dream is seen.
        minibatch: joint states in each step of the policy.
        entropy: weight of the entropy bonus.
        entropy_decay: factor on it with each minibatch.
        legal: which actions are legal in imagination.
        reward: who is paid what there.
        mamba: other arguments of `MAMBA`.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        hidden: int = 128,
        recurrent: int = 128,
        categoricals: int = 16,
        classes: int = 8,
        layers: int = 1,
        heads: int = 4,
        model_rate: float = 1e-3,
        kl: float = 0.1,
        every: int = 100,
        model_updates: int = 30,
        batch: int = 16,
        length: int = 16,
        warmup: int = 1000,
        starts: int = 0,
        horizon: int = 12,
        epochs: int = 3,
        minibatch: int = 1600,
        entropy: float = 0.1,
        entropy_decay: float = 0.9998,
        legal: Legal = "likely",
        reward: Paid = "team_to_end",
        **mamba: Any,
    ) -> None:
        size = {"hidden": hidden, "recurrent": recurrent, "layers": layers, "heads": heads}
        size |= {"categoricals": categoricals, "classes": classes}
        work = {"every": every, "model_updates": model_updates, "warmup": warmup}
        work |= {"batch": batch, "length": length}
        dreams = {"starts": starts, "horizon": horizon, "epochs": epochs, "minibatch": minibatch}
        rest: dict[str, Any] = {
            "model_rate": model_rate,
            "kl": kl,
            "entropy": entropy,
            "legal": legal,
        }
        rest |= {"entropy_decay": entropy_decay, "reward": reward} | mamba
        super().__init__(spec, **size, **work, **dreams, **rest)
