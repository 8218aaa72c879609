"""Modules of NVIF: observation autoencoder, FlowNet, variational encoder and decoder."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.communication.modules import CommunicationModule
from graphmarl.nn.conv import FlowConv, symmetric_norm
from graphmarl.nn.network import Output, mlp


class ObservationAutoencoder(nn.Module):
    """Autoencoder of single observations (NVIF, Section IV-A).

    Args:
        obs_size: size of an observation, each entry in [0, 1].
        code_size: size of the code.
        hidden: hidden width of encoder and decoder.
        variational: the encoder gives a Gaussian N(mu, sigma^2), of which the decoder reads a
            sample; the code is its mean.

    Shapes:
        observations (row, obs_size); code (row, code_size); logits (row, obs_size).
    """

    def __init__(
        self, obs_size: int, code_size: int = 64, hidden: int = 256, variational: bool = False
    ) -> None:
        super().__init__()
        self.code_size, self.variational = code_size, variational
        self.encoder = mlp(obs_size, hidden, code_size * (1 + variational), last_gain=1.0)
        self.decoder = mlp(code_size, hidden, obs_size, last_gain=1.0)

    def distribution(
        self, obs: Float[Tensor, "row obs"]
    ) -> tuple[Float[Tensor, "row code"], Float[Tensor, "row code"]]:
        """Mean and standard deviation of the code; the latter is 0 unless variational."""
        code = self.encoder(obs)
        if not self.variational:
            return code, torch.zeros_like(code)
        mu, raw = code.chunk(2, -1)
        return mu, F.softplus(raw) + 1e-3

    def encode(self, obs: Float[Tensor, "row obs"]) -> Float[Tensor, "row code"]:
        """Code of each observation."""
        return self.distribution(obs)[0]

    def forward(self, obs: Float[Tensor, "row obs"]) -> Float[Tensor, "row obs"]:
        """Logits of the reconstruction, of a sample of the code if variational."""
        mu, sigma = self.distribution(obs)
        return self.decoder(mu + sigma * torch.randn_like(sigma) if self.variational else mu)


class FlowNet(nn.Module):
    """L graph convolutions with ReLU: L rounds of communication per step (NVIF, eq. 9).

    Args:
        in_size: size of the input features.
        out_size: output size of every layer.
        layers: number of layers, L.
    """

    def __init__(self, in_size: int, out_size: int, layers: int) -> None:
        super().__init__()
        sizes = [in_size] + [out_size] * layers
        self.convs = nn.ModuleList(FlowConv(a, b) for a, b in pairwise(sizes))

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        norm: tuple[Tensor, Tensor],
    ) -> Float[Tensor, "row out"]:
        """Features after L rounds."""
        for conv in self.convs:
            x = conv(x, edge_index, norm).relu()
        return x


class FlowEncoder(CommunicationModule):
    """Variational encoder q(s | phi, psi) of NVIF (eqs. 5, 10-12).

    phi = FlowNet_o(o), psi = FlowNet_h(h), h' = GRU(phi, psi), mu, sigma = f(h'),
    s ~ N(mu, sigma^2), where o is the code of the agent's view with its unique features. As a
    communication module of a policy it is frozen. Unlike the paper, the policy reads the mean mu
    unless `sample_latent` is set, as sampling only adds noise.

    Args:
        view: part of the observation that is encoded by the autoencoder.
        unique: part of the observation that is not encoded, such as the agent's position.
        code_size: size of the observation code.
        hidden: size of phi, psi and the memory h.
        latent: size of s.
        layers: rounds of communication within a step, L.
        sample_latent: output a sample of s instead of the mean mu.
        variational_code: the autoencoder of views is variational.
        replaces_input: the output is s with the code and the unique features, which agents read
            instead of their observation.

    Shapes:
        graph.x (row, obs_size), memory (row, hidden); s (row, latent).
    """

    stored = True

    def __init__(
        self,
        view: slice,
        unique: slice,
        code_size: int = 64,
        hidden: int = 64,
        latent: int = 32,
        layers: int = 2,
        sample_latent: bool = False,
        variational_code: bool = False,
        replaces_input: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}; allowed are 1 and more rounds of communication")
        self.view, self.unique = view, unique
        self.latent, self.replaces_input = latent, replaces_input
        own = code_size + unique.stop - unique.start
        self.size = latent + (own if replaces_input else 0)
        self.memory_size = hidden
        self.rounds = layers
        self.noise = sample_latent
        self.autoencoder = ObservationAutoencoder(
            view.stop - view.start, code_size, variational=variational_code
        )
        self.flow_o = FlowNet(own, hidden, layers)
        self.flow_h = FlowNet(hidden, hidden, layers)
        self.gru = nn.GRUCell(hidden, hidden)
        self.head = nn.Linear(hidden, 2 * latent)

    def observe(self, graph: Data) -> Float[Tensor, "row code"]:
        """Code of the view and unique features, o_i."""
        assert graph.x is not None, "the agent graph carries observations"
        x = graph.x.flatten(1)
        return torch.cat([self.autoencoder.encode(x[:, self.view]), x[:, self.unique]], 1)

    def inference(
        self,
        phi: Float[Tensor, "row hidden"],
        memory: Float[Tensor, "row hidden"],
        edge_index: Int[Tensor, "2 edge"],
        norm: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean mu and standard deviation sigma of q(s | phi, psi), and the next memory."""
        h = self.gru(phi, self.flow_h(memory, edge_index, norm))
        mu, raw = self.head(h).chunk(2, -1)
        return mu, F.softplus(raw) + 1e-3, h

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Set the latent s; returns the next memory."""
        assert graph.edge_index is not None, "a builder has set the edges"
        norm = symmetric_norm(graph.edge_index, graph.num_nodes or 0)
        own = self.observe(graph)
        phi = self.flow_o(own, graph.edge_index, norm)
        mu, sigma, h = self.inference(phi, memory, graph.edge_index, norm)
        s = mu + sigma * torch.randn_like(sigma) if self.noise else mu
        output.latent = torch.cat([s, own], 1) if self.replaces_input else s
        return h


class FlowDecoder(nn.Module):
    """Decoder of observations from the latent s_i and unique features x_i (NVIF, eq. 13).

    Args:
        latent: size of s.
        unique: size of x.
        obs_size: size of the reconstruction.
        hidden: width of the hidden layer.
        logits: initial bias of the output, such as the log-odds of the data.
    """

    def __init__(
        self,
        latent: int,
        unique: int,
        obs_size: int,
        hidden: int = 256,
        logits: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.layers = mlp(latent + unique, hidden, obs_size, last_gain=1.0)
        if logits is not None:
            last = self.layers[-1]
            assert isinstance(last, nn.Linear), "mlp ends in a linear layer"
            with torch.no_grad():
                last.bias.copy_(logits)

    def forward(
        self, s: Float[Tensor, "row latent"], x: Float[Tensor, "row unique"]
    ) -> Float[Tensor, "row obs"]:
        """Logits of the reconstruction."""
        return self.layers(torch.cat([s, x], -1))
