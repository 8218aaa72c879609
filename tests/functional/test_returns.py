"""Advantages against arithmetic written out."""

import torch

from graphmarl.functional import generalised_advantage


def test_advantage_by_hand_with_a_bootstrap_at_the_end():
    # gamma 0.5, lambda 0.5: delta = [1 + 0.5 * 4 - 2, 2 + 0.5 * 6 - 4] = [1, 1]
    reward, discount = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.5])
    value = torch.tensor([2.0, 4.0, 6.0])
    advantage = generalised_advantage(reward, discount, 0.5 * discount, value[:-1], value[1:])
    assert advantage.tolist() == [1 + 0.25 * 1, 1]


def test_termination_and_truncation_differ_in_the_value_of_what_follows():
    reward, value = torch.tensor([1.0]), torch.tensor([2.0, 10.0])
    terminated = generalised_advantage(
        reward, torch.tensor([0.0]), torch.tensor([0.0]), value[:-1], value[1:]
    )
    truncated = generalised_advantage(
        reward, torch.tensor([0.5]), torch.tensor([0.0]), value[:-1], value[1:]
    )
    assert terminated.item() == 1 - 2
    assert truncated.item() == 1 + 0.5 * 10 - 2


def test_a_zero_trace_hides_the_next_episode():
    reward = torch.tensor([1.0, 100.0])
    value = torch.tensor([0.0, 50.0, 7.0])
    trace, discount = torch.tensor([0.0, 0.9]), torch.tensor([0.0, 0.9])
    advantage = generalised_advantage(reward, discount, trace, value[:-1], value[1:])
    assert advantage[0].item() == 1


def test_lambda_one_is_the_discounted_return():
    reward, discount = torch.tensor([1.0, 2.0, 4.0]), torch.full((3,), 0.5)
    value = torch.tensor([3.0, 1.0, 5.0, 8.0])
    advantage = generalised_advantage(reward, discount, discount, value[:-1], value[1:])
    expected = 1 + 0.5 * 2 + 0.25 * 4 + 0.125 * 8
    assert torch.isclose(advantage[0] + value[0], torch.tensor(expected))
