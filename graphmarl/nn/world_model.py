"""Recurrent state-space model with communication between agents (MAMBA)."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphmarl.functional import sample_index, straight_through
from graphmarl.nn.adjacency import Adjacency
from graphmarl.nn.conv.transformer import CommunicationTransformer, Hops
from graphmarl.nn.moments import RunningMoments
from graphmarl.nn.network import mlp
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, flat_size, observation_encoder
from graphmarl.nn.policy import Action


class Latent(NamedTuple):
    """Latent state of the world model.

    Args:
        z: the stochastic state (row, categoricals * classes), one-hot by categorical.
        h: the deterministic state (row, recurrent).
    """

    z: Tensor
    h: Tensor

    @property
    def features(self) -> Tensor:
        """Concatenation of z and h."""
        return torch.cat(self, -1)


class Prediction(NamedTuple):
    """Predictions from the latent state (z_t, h_t).

    Args:
        obs: reconstructed observation.
        previous_action: logits of the previous action, or a continuous one.
    """

    obs: Tensor
    previous_action: Tensor


class WorldModel(nn.Module):
    r"""Recurrent state-space model with communication, shared by all agents (MAMBA, Section 4).

    .. math::
        e^i_t &= \mathrm{transformer}(\{ z^j_{t-1}, a^j_{t-1} \}_{j \in N_i \cup i}), \quad
        h^i_t = \mathrm{GRU}(e^i_t, h^i_{t-1}) \\
        \hat z^i_t &\sim p(z \mid h^i_t), \quad z^i_t \sim q(z \mid h^i_t, o^i_t)

    A message consists of the sender's discrete state and action. Observation, previous action and
    available actions are predicted from (z_t, h_t); reward and continuation from (z_t, h_{t+1}),
    which depends on the action.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        hidden: width of all layers, H.
        recurrent: size of h.
        categoricals: number of categorical variables of z.
        classes: classes of each categorical variable.
        layers: transformer layers of the communication block.
        heads: attention heads of the transformer.
        dropout: dropout of the transformer while the model is trained.
        positional: add a positional encoding of the agent index.
        has_available: predict the available actions.
        normalize_observations: observations are standardised by the statistics of all that were
            played, before they are encoded and where they are predicted.
        hops: messages travel one `single` hop, or one hop in each `layer`.

    Shapes:
        rows are the agents of all graphs, num_agents rows per graph.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        action: Action = "discrete",
        *,
        hidden: int = 256,
        recurrent: int = 256,
        categoricals: int = 32,
        classes: int = 32,
        layers: int = 3,
        heads: int = 8,
        dropout: float = 0.1,
        positional: bool = True,
        has_available: bool = False,
        normalize_observations: bool = False,
        hops: Hops = "single",
    ) -> None:
        super().__init__()
        sizes = (hidden, recurrent, categoricals, classes)
        if min(sizes) < 1:
            raise ValueError(
                f"hidden, recurrent, categoricals and classes are {sizes}; allowed are 1 and more"
            )
        self.shape = (categoricals, classes)
        self.stochastic, self.recurrent = categoricals * classes, recurrent
        self.size, self.num_actions = self.stochastic + recurrent, num_actions
        self.discrete = action == "discrete"
        alphabet = (*(classes,) * categoricals, num_actions) if self.discrete else ()
        block = (layers, heads, dropout, positional, alphabet, hops)
        self.communication = CommunicationTransformer(self.stochastic + num_actions, hidden, *block)
        self.gru = nn.GRUCell(hidden, recurrent)
        self.observation = observation_encoder(obs_size)
        self.encoder = mlp(encoded_size(obs_size), hidden, hidden, hidden)
        self.prior = mlp(recurrent, hidden, self.stochastic)
        self.posterior = mlp(recurrent + hidden, hidden, self.stochastic)
        self._add_heads(flat_size(obs_size), hidden, has_available)
        self.moments = RunningMoments(flat_size(obs_size)) if normalize_observations else None
        xavier(self)

    def _add_heads(self, obs_size: int, hidden: int, has_available: bool) -> None:
        actions, size = self.num_actions, self.size
        self.decoder = nn.Sequential(*mlp(size, hidden, hidden), nn.ReLU())
        self.obs = nn.Linear(hidden, obs_size)
        self.previous_action = elu_mlp(hidden, hidden, actions)
        self.reward = elu_mlp(size, hidden, hidden, 1)
        self.continues = elu_mlp(size, hidden, hidden, 1)
        self.available = mlp(size, hidden, hidden, actions) if has_available else None

    def standardise(self, obs: Tensor) -> Tensor:
        """Observations as they are encoded and predicted."""
        return obs if self.moments is None else self.moments.standardise(obs)

    def original(self, predicted: Tensor) -> Tensor:
        """Predicted observations in the units of the environment."""
        return predicted if self.moments is None else self.moments.original(predicted)

    def encode(self, obs: Tensor) -> Tensor:
        """Features of observations."""
        return self.encoder(self.observation(self.standardise(obs)))

    def initial(self, rows: int) -> Latent:
        """Initial latent state of zeros."""
        like = self.obs.weight
        return Latent(like.new_zeros(rows, self.stochastic), like.new_zeros(rows, self.recurrent))

    def split(self, features: Tensor) -> Latent:
        """Latent state from its concatenated features."""
        return Latent(*features.split([self.stochastic, self.recurrent], -1))

    def advance(
        self,
        latent: Latent,
        action: Tensor,
        adjacency: Adjacency,
        num_agents: int,
        drop: bool = False,
    ) -> Tensor:
        """Next deterministic state h after the joint action (row, action).

        Args:
            latent: latent states.
            action: actions of all agents, one-hot if discrete.
            adjacency: edges of the messages.
            num_agents: rows per graph.
            drop: apply dropout.
        """
        tokens = self.communication.tokens(torch.cat([latent.z, action], -1), num_agents)
        return self.gru(self.communication.encode(tokens, adjacency, drop), latent.h)

    def imagine(self, h: Tensor) -> Latent:
        """Sample the latent state from the prior p(z | h)."""
        return Latent(self.sample_state(self.prior(h)), h)

    def observe(self, h: Tensor, encoded: Tensor, sample: bool = True) -> tuple[Latent, Tensor]:
        """Latent state from the posterior q(z | h, o) of an encoded observation, and its logits."""
        logits = self.posterior(torch.cat([h, encoded], -1))
        return Latent(self.sample_state(logits, sample), h), logits

    def sample_state(self, logits: Tensor, sample: bool = True) -> Tensor:
        """Sample z from logits (row, categoricals * classes), or take the mode."""
        logits = logits.unflatten(-1, self.shape)
        index = sample_index(logits) if sample else logits.argmax(-1)
        return straight_through(logits, index).flatten(-2)

    def decode(self, features: Tensor) -> Prediction:
        """Reconstruct observation and previous action from (z_t, h_t)."""
        decoded = self.decoder(features)
        return Prediction(self.obs(decoded), self.previous_action(decoded))

    def available_logits(self, features: Tensor) -> Tensor | None:
        """Logits of each action being available; None if all are."""
        return None if self.available is None else self.available(features)

    def predict(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Reward and continuation logit from z_t and h_{t+1}."""
        features = torch.cat([z, h], -1)
        return self.reward(features).squeeze(-1), self.continues(features).squeeze(-1)


def elu_mlp(*sizes: int) -> nn.Sequential:
    """Multi-layer perceptron with ELU activations."""
    layers: list[nn.Module] = []
    for size, out_size in pairwise(sizes):
        layers += [nn.Linear(size, out_size), nn.ELU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def xavier(module: nn.Module) -> None:
    """Xavier-uniform initialisation (Glorot and Bengio 2010) with zero bias."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.GRUCell):
            nn.init.xavier_uniform_(layer.weight_ih)
            nn.init.xavier_uniform_(layer.weight_hh)
