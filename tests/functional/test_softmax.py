"""Softmax over short rows is PyTorch's, with its gradients."""

import pytest
import torch

from graphmarl.functional import log_softmax, softmax


@pytest.mark.parametrize("shape", [(5,), (7, 1), (7, 3), (4, 6, 8), (2, 3, 4, 15), (9, 16), (0, 5)])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(softmax, torch.softmax), (log_softmax, torch.log_softmax)]
)
def test_values_and_gradients_are_those_of_pytorch(shape, ours, theirs):
    logits = (10 * torch.randn(shape, dtype=torch.float64)).requires_grad_()
    weight = torch.randn(shape, dtype=torch.float64)
    found, expected = ours(logits), theirs(logits, -1)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((out * weight).sum(), logits)[0] for out in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_masked_classes_have_no_weight():
    logits = torch.tensor([[0.0, float("-inf"), 0.0], [1.0, 1.0, float("-inf")]])
    assert softmax(logits).tolist() == [[0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
