"""What all tests share."""

import logging

import jaxtyping
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@pytest.fixture
def unchecked(monkeypatch):
    """Shapes are not checked: for long runs of code whose shapes other tests check."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
