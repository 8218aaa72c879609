"""A recurrent state-space model of the world that all agents share and talk inside (MAMBA)."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphmarl.functional import sample_index, straight_through
from graphmarl.nn.adjacency import Adjacency
from graphmarl.nn.conv.transformer import CommunicationTransformer
from graphmarl.nn.network import mlp


class Latent(NamedTuple):
    """What an agent's model knows.

    Args:
        z: the stochastic state (row, categoricals * classes), one-hot by categorical.
        h: the deterministic state (row, recurrent).
    """

    z: Tensor
    h: Tensor

    @property
    def features(self) -> Tensor:
        """Both, side by side."""
        return torch.cat(self, -1)


class Prediction(NamedTuple):
    """What a state says of the present.

    Args:
        obs: the observation.
        did: logits of the action that led here.
    """

    obs: Tensor
    did: Tensor


class WorldModel(nn.Module):
    r"""The dynamics of one agent beside others, shared by all of them (MAMBA, Section 4).

    .. math::
        e^i_t &= \mathrm{transformer}(\{ z^j_{t-1}, a^j_{t-1} \}_{j \in N_i \cup i}), \quad
        h^i_t = \mathrm{GRU}(e^i_t, h^i_{t-1}) \\
        \hat z^i_t &\sim p(z \mid h^i_t), \quad z^i_t \sim q(z \mid h^i_t, o^i_t)

    What agents tell each other is their discrete state and their action. Observation, previous
    action and the legal actions are predicted from (z_t, h_t); the reward and whether the agent
    goes on from (z_t, h_{t+1}), in which the action is.

    Args:
        obs_size: numbers in an agent's observation.
        num_actions: number of actions.
        hidden: width of all layers, H.
        recurrent: size of h.
        categoricals: categorical variables of z.
        classes: classes of each.
        layers: transformer layers of the communication block.
        heads: heads of their attention.
        dropout: of these layers, while the model is trained.
        positional: let agents tell each other apart by their places.
        has_available: predict which actions are legal.

    Shapes:
        all rows are agents of as many graphs as there are, num_agents rows each.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        obs_size: int,
        num_actions: int,
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
        letters = (*(classes,) * categoricals, num_actions)
        block = (layers, heads, dropout, positional, letters)
        self.talk = CommunicationTransformer(self.stochastic + num_actions, hidden, *block)
        self.gru = nn.GRUCell(hidden, recurrent)
        self.encoder = mlp(obs_size, hidden, hidden, hidden)
        self.prior = mlp(recurrent, hidden, self.stochastic)
        self.posterior = mlp(recurrent + hidden, hidden, self.stochastic)
        self._add_heads(obs_size, hidden, has_available)
        xavier(self)

    def _add_heads(self, obs_size: int, hidden: int, has_available: bool) -> None:
        actions, known = self.num_actions, self.size
        self.decoder = nn.Sequential(*mlp(known, hidden, hidden), nn.ReLU())
        self.obs = nn.Linear(hidden, obs_size)
        self.did = elu_mlp(hidden, hidden, actions)
        self.reward = elu_mlp(known, hidden, hidden, 1)
        self.goes_on = elu_mlp(known, hidden, hidden, 1)
        self.available = mlp(known, hidden, hidden, actions) if has_available else None

    def start(self, rows: int) -> Latent:
        """What is known before anything was seen."""
        like = self.obs.weight
        return Latent(like.new_zeros(rows, self.stochastic), like.new_zeros(rows, self.recurrent))

    def split(self, features: Tensor) -> Latent:
        """The two parts of features."""
        return Latent(*features.split([self.stochastic, self.recurrent], -1))

    def advance(
        self, latent: Latent, did: Tensor, hearing: Adjacency, num_agents: int, drop: bool = False
    ) -> Tensor:
        """The next h, when all do what is `did` (row, action), one-hot."""
        tokens = self.talk.tokens(torch.cat([latent.z, did], -1), num_agents)
        return self.gru(self.talk.think(tokens, hearing, drop), latent.h)

    def imagine(self, h: Tensor) -> Latent:
        """What may be seen next, by the prior."""
        return Latent(self.draw(self.prior(h)), h)

    def observe(self, h: Tensor, encoded: Tensor, sample: bool = True) -> tuple[Latent, Tensor]:
        """What the posterior makes of an encoded observation, and its logits."""
        logits = self.posterior(torch.cat([h, encoded], -1))
        return Latent(self.draw(logits, sample), h), logits

    def draw(self, logits: Tensor, sample: bool = True) -> Tensor:
        """A state from logits (row, categoricals * classes), or the most likely one."""
        logits = logits.unflatten(-1, self.shape)
        index = sample_index(logits) if sample else logits.argmax(-1)
        return straight_through(logits, index).flatten(-2)

    def present(self, features: Tensor) -> Prediction:
        """What can be told of the present from (z_t, h_t)."""
        decoded = self.decoder(features)
        return Prediction(self.obs(decoded), self.did(decoded))

    def legal(self, features: Tensor) -> Tensor | None:
        """Logits of each action being legal; None where all are."""
        return None if self.available is None else self.available(features)

    def future(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Reward, and the logit of going on, from z_t and h_{t+1}."""
        known = torch.cat([z, h], -1)
        return self.reward(known).squeeze(-1), self.goes_on(known).squeeze(-1)


def elu_mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with ELU between them."""
    layers: list[nn.Module] = []
    for size, following in pairwise(sizes):
        layers += [nn.Linear(size, following), nn.ELU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def xavier(module: nn.Module) -> None:
    """Weights of all linear layers as Glorot and Bengio 2010 have them, and no bias."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.GRUCell):
            nn.init.xavier_uniform_(layer.weight_ih)
            nn.init.xavier_uniform_(layer.weight_hh)
