"""MAMBA: Egorov and Shpilman 2022, "Scalable Multi-Agent Model-Based Reinforcement Learning"."""

from __future__ import annotations

from typing import Any, Literal

from graphmarl.learners import Dreamer
from graphmarl.learners.imagination import ImaginedActions, ImaginedReward
from graphmarl.methods.base import Method
from graphmarl.nn import (
    ContinuousPolicy,
    Encoder,
    Hops,
    LatentAgent,
    LatentCritic,
    LogStd,
    Std,
    WorldModel,
)
from graphmarl.ranges import (
    Layers,
    LearningRate,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    UnitInterval,
    Width,
)
from graphmarl.step import Spec


class MAMBA(Method, Dreamer):
    """Shared recurrent state-space model with communication; PPO on imagined rollouts.

    Messages are the discrete latent states and actions. The settings are those of the paper on
    SMAC. Its ablations are `information_coef=0`, `kl_balance=0.5`, `dropout=0` and
    `positional=false`. As in the paper's code, local graphs are used in acting only, unless
    `masked_training`. Unlike the paper, each agent processes the messages of its neighbours by
    itself unless `hops` is `layer` (`CommunicationTransformer`), dead agents are masked unless they
    are `absorbing`, no embedding table limits the number of agents, and actions may be continuous:
    messages hold them as they are, and their prediction is the mean of a Gaussian.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        recurrent: size of the deterministic state.
        categoricals: number of categorical variables of the stochastic state.
        classes: classes of each categorical variable.
        layers: transformer layers of the communication block.
        heads: attention heads of the transformer.
        dropout: dropout of the transformer while the model is trained.
        positional: add a positional encoding of the agent index.
        policy_gain: gain of the initialisation of the policy's last layer. Unlike the paper's code,
            where it is 1, the first policy is all but uniform by default.
        critic_input: the critic reads the whole `latent` state, as in the paper's code, or its
            `stochastic` part z, as in the text.
        normalize_observations: standardise observations inside the world model, by the statistics
            of all that were played; unlike the paper, for observations of different scales.
        hops: messages travel a `single` hop in each step, or one in each `layer` of the
            transformer, as in the paper's code.
        policy: policy of continuous actions in [-1, 1]: `squashed` is a Gaussian squashed by tanh,
            `beta` a beta distribution.
        std: the standard deviation of the Gaussian is one `free` parameter of each action
            component, or depends on the `state`.
        log_std_init: its initial logarithm.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first.
        learner: arguments of `Dreamer`.

    Raises:
        ValueError: a number out of range.
    """

    continuous = True
    pictures = "option"
    default_graph = "complete"
    recurrent = True
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        *,
        hidden: Width = 256,
        recurrent: Width = 256,
        categoricals: Width = 32,
        classes: Width = 32,
        layers: Layers = 3,
        heads: Layers = 8,
        dropout: UnitInterval = 0.1,
        positional: bool = True,
        policy_gain: PositiveFloat = 0.01,
        critic_input: Literal["latent", "stochastic"] = "latent",
        normalize_observations: bool = False,
        hops: Hops = "single",
        policy: ContinuousPolicy = "squashed",
        std: Std = "free",
        log_std_init: LogStd = 0.0,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        latent: dict[str, Any] = {"recurrent": recurrent, "categoricals": categoricals}
        block = {"layers": layers, "heads": heads, "dropout": dropout, "positional": positional}
        model = WorldModel(
            self.observed(spec, encoder),
            spec.num_actions,
            spec.action,
            hidden=hidden,
            **(latent | block),
            classes=classes,
            has_available=spec.has_available and spec.action == "discrete",
            normalize_observations=normalize_observations,
            hops=hops,
        )
        form = {"policy": policy, "std": std, "log_std_init": log_std_init}
        agent = LatentAgent(model, hidden, policy_gain, form)
        read = model.size if critic_input == "latent" else model.stochastic
        super().__init__(agent, LatentCritic(read, hidden, heads), **learner)


class MAMBASmall(MAMBA):
    """MAMBA with a smaller model, smaller batches and fewer updates, for a few CPU cores.

    As the model is inaccurate early in training, actions that are unlikely to be available are
    masked in imagination, and the KL divergence has a smaller weight. Rare events such as a win are
    not predicted for about ten thousand steps; the entropy bonus starts much larger, to keep the
    policy from converging before. Unlike the paper, agents receive the team reward until all of
    them have ended: if it stops with an agent's own death, agents first learn to flee.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        recurrent: size of the deterministic state.
        categoricals: number of categorical variables of the stochastic state.
        classes: classes of each categorical variable.
        layers: transformer layers of the communication block.
        heads: attention heads of the transformer.
        model_learning_rate: learning rate of the world model.
        kl_coef: weight of the KL divergence.
        train_interval: environment steps between rounds of training.
        model_gradient_steps: gradient steps of the model per round.
        batch_size: sequences per update.
        sequence_length: states per sequence.
        learning_starts: environment steps before the first round.
        imagination_starts: maximum number of initial joint states of a rollout; 0 for all.
        imagination_horizon: steps of an imagined rollout.
        epochs: epochs over each imagined rollout.
        minibatch_size: joint states per optimiser step of policy and critic.
        entropy_coef: weight of the entropy bonus.
        entropy_decay: factor on `entropy_coef` with each minibatch.
        imagined_actions: available actions in imagination, see `Dreamer`.
        reward: imagined reward, see `Dreamer`.
        mamba: other arguments of `MAMBA`.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        hidden: Width = 128,
        recurrent: Width = 128,
        categoricals: Width = 16,
        classes: Width = 8,
        layers: Layers = 1,
        heads: Layers = 4,
        model_learning_rate: LearningRate = 1e-3,
        kl_coef: NonNegativeFloat = 0.1,
        train_interval: PositiveInt = 100,
        model_gradient_steps: PositiveInt = 30,
        batch_size: PositiveInt = 16,
        sequence_length: PositiveInt = 16,
        learning_starts: NonNegativeInt = 1000,
        imagination_starts: NonNegativeInt = 0,
        imagination_horizon: PositiveInt = 12,
        epochs: PositiveInt = 3,
        minibatch_size: PositiveInt = 1600,
        entropy_coef: NonNegativeFloat = 0.1,
        entropy_decay: PositiveShare = 0.9998,
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
