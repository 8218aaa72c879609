"""Action values, returns and schedules against arithmetic written out."""

import math

import pytest
import torch

from graphmarl.functional import geometric, greedy_action, lambda_return, taken


def test_the_best_action_is_legal_and_the_first_of_equals():
    q = torch.tensor([[1.0, 5.0, 3.0], [2.0, 2.0, 2.0], [-9.0, -8.0, -7.0]])
    assert greedy_action(q, None).tolist() == [1, 0, 2]
    available = torch.tensor([[True, False, True], [False, True, True], [True, False, False]])
    assert greedy_action(q, available).tolist() == [2, 1, 0]


def test_the_value_of_one_action_each_and_its_gradient():
    q = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], requires_grad=True)
    values = taken(q, torch.tensor([[1, 0]]))
    assert values.tolist() == [[2.0, 3.0]]
    values.sum().backward()
    assert q.grad is not None
    assert q.grad.tolist() == [[[0, 1], [1, 0]]]


REWARD, VALUE = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([10.0, 20.0, 40.0])
HALF = torch.full((3,), 0.5)


def test_lambda_zero_is_one_step():
    returns = lambda_return(REWARD, HALF, torch.zeros(3), VALUE)
    assert returns.tolist() == [1 + 0.5 * 10, 2 + 0.5 * 20, 4 + 0.5 * 40]


def test_lambda_one_is_all_that_follows_and_the_value_of_the_end():
    returns = lambda_return(REWARD, HALF, torch.tensor([1.0, 1.0, 0.0]), VALUE)
    last = 4 + 0.5 * 40
    assert returns.tolist() == [1 + 0.5 * 2 + 0.25 * last, 2 + 0.5 * last, last]


def test_lambda_between_mixes_what_is_expected_and_what_came():
    returns = lambda_return(REWARD, HALF, torch.tensor([0.25, 0.25, 0.0]), VALUE)
    last = 4 + 0.5 * 40
    middle = 2 + 0.5 * (0.75 * 20 + 0.25 * last)
    assert returns.tolist() == [1 + 0.5 * (0.75 * 10 + 0.25 * middle), middle, last]


def test_nothing_follows_on_an_end_whatever_the_trace_and_nothing_crosses_a_zero_trace():
    discount = torch.tensor([0.5, 0.0, 0.5])
    returns = lambda_return(REWARD, discount, torch.ones(3), VALUE)
    assert returns.tolist()[:2] == [1 + 0.5 * 2, 2]
    returns = lambda_return(REWARD, HALF, torch.tensor([0.5, 0.0, 0.5]), VALUE)
    assert returns.tolist()[:2] == [1 + 0.5 * (0.5 * 10 + 0.5 * 12), 2 + 0.5 * 20]


def test_every_column_has_its_own_return():
    reward = torch.stack([REWARD, 3 * REWARD], 1)
    both = lambda_return(reward, HALF[:, None].expand(3, 2), torch.zeros(3, 2), 0 * reward)
    assert both[:, 1].tolist() == [3, 6, 12]


def test_the_geometric_schedule_goes_by_equal_factors_and_is_constant_outside():
    values = [geometric(1.0, 0.01, x) for x in (-1, 0, 0.5, 1, 3)]
    assert values == pytest.approx([1, 1, 0.1, 0.01, 0.01])
    assert geometric(1e-3, 1e-3, 0.7) == 1e-3
    assert geometric(2.0, 8.0, 0.5) == pytest.approx(math.sqrt(2 * 8))
