"""Convolutional encoder of observations that are pictures."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Encoder = Literal["mlp", "cnn"]
ObsSize = int | tuple[int, ...]
"""Size of an observation, or (height, width, channels) of pictures that are encoded."""
FEATURES = 128
"""Size of an encoded picture."""
SMALLEST = 8
"""Smallest height and width of a picture."""
ATARI_LAYERS = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))
SMALL_LAYERS = ((32, 3, 2, 1), (64, 3, 2, 1), (64, 3, 1, 1))
ATARI_SMALLEST = 36


class PictureEncoder(nn.Sequential):
    """Three convolutions and a linear layer, as in DQN (Mnih et al. 2015), for any pictures.

    Pictures of less than 36 pixels, where the strides of DQN leave nothing, are read by kernels of
    3 x 3 with two strides of 2. Unlike in DQN, the linear layer has 128 units.

    Args:
        shape: height, width and channels.

    Shapes:
        x (..., height * width * channels), a flattened picture in [0, 1]; out (..., 128).

    Raises:
        ValueError: no picture of 8 x 8 pixels and more.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 3 or min(shape[:2]) < SMALLEST:
            raise ValueError(
                "encoder 'cnn' reads pictures of (height, width, channels) with at least"
                f" {SMALLEST} x {SMALLEST} pixels; observations have the shape {shape}"
            )
        height, width, channels = shape
        layers: list[nn.Module] = []
        large = min(height, width) >= ATARI_SMALLEST
        for out, kernel, stride, padding in ATARI_LAYERS if large else SMALL_LAYERS:
            layers += [nn.Conv2d(channels, out, kernel, stride, padding), nn.ReLU(inplace=True)]
            height, width = ((n + 2 * padding - kernel) // stride + 1 for n in (height, width))
            channels = out
        linear = nn.Linear(channels * height * width, FEATURES)
        super().__init__(*layers, nn.Flatten(), linear, nn.ReLU(inplace=True))
        self.shape = tuple(shape)
        for layer in self:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.orthogonal_(layer.weight, 2**0.5)
                assert layer.bias is not None, "made with one"
                nn.init.zeros_(layer.bias)

    def forward(self, x: Float[Tensor, "*axes size"]) -> Float[Tensor, "*axes feature"]:
        """Features of each picture."""
        pictures = x.reshape(-1, *self.shape).movedim(-1, 1)
        return super().forward(pictures).unflatten(0, x.shape[:-1])


class FrozenEncoder(nn.Module):
    """The encoder of another network, which alone trains it: no gradient passes.

    Args:
        encoder: the encoder, which stays a part of the other network only.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.shared = [encoder]

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "*axes size"]) -> Float[Tensor, "*axes feature"]:
        """Features of each observation."""
        return self.shared[0](x)


def observation_encoder(obs_size: ObsSize) -> nn.Module:
    """What reads a flattened observation: an encoder of pictures, or nothing.

    Args:
        obs_size: size of an observation, or the shape of pictures.
    """
    return nn.Identity() if isinstance(obs_size, int) else PictureEncoder(obs_size)


def encoded_size(obs_size: ObsSize) -> int:
    """Size of an observation after its encoder.

    Args:
        obs_size: size of an observation, or the shape of pictures.
    """
    return obs_size if isinstance(obs_size, int) else FEATURES


def flat_size(obs_size: ObsSize) -> int:
    """Size of a flattened observation.

    Args:
        obs_size: size of an observation, or the shape of pictures.
    """
    return obs_size if isinstance(obs_size, int) else math.prod(obs_size)
