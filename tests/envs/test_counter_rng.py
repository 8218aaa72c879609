"""Random numbers that are hashes of their place behave as random numbers."""

import pytest
import torch
from scipy import stats

from graphmarl.envs.counter_rng import CounterRNG, mix, signed

COPIES, NUMBERS = 1_000, 64


def drawn(seed=0, copies=COPIES, episode=0, time=0, phase=0, numbers=NUMBERS):
    draws = CounterRNG(copies)
    draws.seed(seed)
    draws.begin(torch.full((copies,), episode))
    draws.move(torch.full((copies,), time), phase)
    return draws.uniform(numbers)


def correlation(one, other):
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_the_hash_is_splitmix64():
    # The first numbers of the generator with seed 1234567, from its authors' C program.
    places = torch.tensor([signed(1234567 + n * 0x9E3779B97F4A7C15) for n in (1, 2, 3, 4, 5)])
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert mix(places).tolist() == [signed(number) for number in expected]


@pytest.mark.parametrize("seed", [0, 1, 2**40, 2**64 - 1])
def test_they_are_uniform(seed):
    values = drawn(seed)
    number = values.numel()
    assert values.min() >= 0 and values.max() < 1
    assert abs(float(values.mean()) - 1 / 2) < 4 * (1 / 12 / number) ** 0.5
    assert float(values.var()) == pytest.approx(1 / 12, rel=0.03)
    for cells in (2, 10, 97):
        counts = torch.histc(values, cells, 0, 1)
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert stats.kstest(values.flatten().numpy(), "uniform").pvalue > 1e-3


def test_every_bit_is_set_half_of_the_time():
    draws = CounterRNG(COPIES)
    draws.seed(3)
    bits = draws.bits(NUMBERS).flatten()
    share = torch.stack([((bits >> bit) & 1).float().mean() for bit in range(64)])
    assert (share - 0.5).abs().max() < 4.5 * 0.5 / len(bits) ** 0.5


@pytest.mark.parametrize("number", [0, 5])
def test_neighbours_are_unrelated(number):
    here = drawn(number, episode=number, time=number)
    limit = 4.5 / here.numel() ** 0.5
    nearby = {
        "copies": drawn(number, COPIES + 1, episode=number, time=number)[1:],
        "draws": drawn(number, episode=number, time=number, numbers=NUMBERS + 1)[:, 1:],
        "seeds": drawn(number + 1, episode=number, time=number),
        "episodes": drawn(number, episode=number + 1, time=number),
        "times": drawn(number, episode=number, time=number + 1),
        "phases": drawn(number, episode=number, time=number, phase=1),
        "seeds and copies": drawn(number + 1, COPIES + 1, episode=number, time=number)[1:],
        "episodes and copies": drawn(number, COPIES + 1, episode=number + 1, time=number)[1:],
    }
    for name, there in nearby.items():
        assert not torch.equal(here, there), name
        assert abs(correlation(here, there)) < limit, name
        # Pairs must fill the square too, which a correlation of 0 does not say.
        cell = (here * 8).long() * 8 + (there * 8).long()
        assert stats.chisquare(torch.bincount(cell.flatten(), minlength=64)).pvalue > 1e-4, name
        if name not in ("copies", "draws"):  # those are the same numbers, shifted by one
            assert len(torch.cat([here, there]).unique()) > 1.98 * here.numel(), name


def test_the_first_draws_of_many_episodes_and_copies_are_uniform_together():
    first = torch.stack([drawn(episode=episode, numbers=1) for episode in range(100)])
    assert stats.chisquare(torch.histc(first, 50, 0, 1).numpy()).pvalue > 1e-3
    sums = first.mean(0)
    assert float(sums.var()) == pytest.approx(1 / 12 / 100, rel=0.15)


def test_they_depend_on_place_and_not_on_what_was_drawn_before():
    whole = drawn(7, numbers=6)
    draws = CounterRNG(3)
    draws.seed(7)
    draws.move(torch.zeros(3, dtype=torch.long), 0)
    parts = [draws.uniform(), draws.uniform(2), draws.uniform(3, 1)]
    assert torch.equal(torch.cat([part.view(3, -1) for part in parts], 1), whole[:3])
    draws.move(torch.tensor([0, 4, 0]), 0)
    assert torch.equal(draws.uniform(6)[::2], whole[:3:2])
    assert torch.equal(drawn(7, time=4)[1, :6], drawn(7, time=4, copies=2, numbers=6)[1])


def test_integers_are_within_their_own_bounds_and_equally_likely():
    draws = CounterRNG(20_000)
    draws.seed(1)
    high = torch.tensor([2, 4, 11])
    values = draws.integers(1, high, 3)
    assert values.shape == (20_000, 3)
    for column, top in enumerate(high.tolist()):
        counts = torch.bincount(values[:, column], minlength=top)
        assert counts[0] == 0 and len(counts) == top
        if top > 2:
            assert stats.chisquare(counts[1:].numpy()).pvalue > 1e-3
    assert set(draws.integers(-2, 1).tolist()) == {-2, -1, 0}
