"""Which library computes matrix products on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

SMALLEST = 2**22
"""Multiplications of a product from which oneDNN is used; it takes longer to begin than MKL."""


@cache
def onednn_is_faster() -> bool:
    """Whether oneDNN multiplies in single precision by wider instructions than MKL.

    MKL has AVX-512 on processors of its maker only. PyTorch hands products to oneDNN where their
    precision may be `medium`, which it lowers only on processors with matrix units (AMX), and these
    are left out. A product is compared with that of MKL, in case another version does otherwise.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or torch.cpu._is_amx_tile_supported():
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    with _onednn():
        error = (a @ b - exact).abs().max()
    return bool(error <= 2 * (a @ b - exact).abs().max())


@contextmanager
def _onednn() -> Iterator[None]:
    """Compute products by oneDNN inside the block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def fast_products(rows: int, width: int) -> Iterator[None]:
    """Compute large products on the CPU by the faster library, in full single precision.

    Without effect on other devices, and where the precision was lowered already.

    Args:
        rows: rows of the features that are multiplied, over all graphs of a call.
        width: features of each row.
    """
    large = rows * width**2 >= SMALLEST
    if large and torch.get_float32_matmul_precision() == "highest" and onednn_is_faster():
        with _onednn():
            yield
    else:
        yield
