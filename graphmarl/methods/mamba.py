"""MAMBA: Egorov and Shpilman 2022, "Scalable Multi-Agent Model-Based Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import Dreamer
from graphmarl.learners.imagination import ImaginedActions, ImaginedReward
from graphmarl.nn import LatentAgent, LatentCritic, WorldModel
from graphmarl.step import Spec, require_discrete


class MAMBA(Dreamer):
    """Agents with a world model that talk by its discrete states, and learn in its imagination.

    The settings are those of the paper on SMAC. Its ablations are flags: `information_coef=0`,
    `kl_balance=0.5`, `dropout=0` and `positional=false`. Local graphs are used in acting alone, as
    in the paper's code, unless `masked_training`. Unlike the paper, an agent makes of its
    neighbours' messages what it can by itself (`CommunicationTransformer`), who is dead in
    imagination counts no more, and no table limits the number of agents.

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
        learner: arguments of `Dreamer`.

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
        model_learning_rate: learning rate of the world model.
        kl_coef: weight of the divergence.
        train_interval: environment steps between rounds of learning.
        model_gradient_steps: of the model in each round.
        batch_size: sequences in each update.
        sequence_length: states in each sequence.
        learning_starts: environment steps before the first round.
        imagination_starts: joint states at most from which a dream begins; 0 for all of a batch.
        imagination_horizon: steps that are imagined.
        epochs: times that each dream is seen.
        minibatch_size: joint states in each step of the policy.
        entropy_coef: weight of the entropy bonus.
        entropy_decay: factor on it with each minibatch.
        imagined_actions: which actions are legal in imagination.
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
        model_learning_rate: float = 1e-3,
        kl_coef: float = 0.1,
        train_interval: int = 100,
        model_gradient_steps: int = 30,
        batch_size: int = 16,
        sequence_length: int = 16,
        learning_starts: int = 1000,
        imagination_starts: int = 0,
        imagination_horizon: int = 12,
        epochs: int = 3,
        minibatch_size: int = 1600,
        entropy_coef: float = 0.1,
        entropy_decay: float = 0.9998,
        imagined_actions: ImaginedActions = "likely",
        reward: ImaginedReward = "team_to_end",
        **mamba: Any,
    ) -> None:
        size = {"hidden": hidden, "recurrent": recurrent, "layers": layers, "heads": heads}
        size |= {"categoricals": categoricals, "classes": classes}
        updates: dict[str, Any] = {"train_interval": train_interval, "batch_size": batch_size}
        updates |= {"model_gradient_steps": model_gradient_steps, "kl_coef": kl_coef}
        updates |= {"learning_starts": learning_starts, "sequence_length": sequence_length}
        updates |= {"model_learning_rate": model_learning_rate}
        rollouts = {"imagination_starts": imagination_starts, "epochs": epochs}
        rollouts |= {"imagination_horizon": imagination_horizon, "minibatch_size": minibatch_size}
        policy: dict[str, Any] = {"entropy_coef": entropy_coef, "entropy_decay": entropy_decay}
        policy |= {"imagined_actions": imagined_actions, "reward": reward}
        super().__init__(spec, **size, **updates, **rollouts, **policy, **mamba)
