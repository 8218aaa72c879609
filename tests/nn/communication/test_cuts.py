"""Each rule on numbers written by hand."""

import pytest
import torch

from graphmarl.nn import CUTS
from graphmarl.nn.communication.cuts import Budget, RandomCut, Rank, Threshold

# Three messages of two bits; the first two are of graph 0, the last of graph 1.
IMPORTANCE = torch.tensor([[0.1, 3.0], [2.0, 0.5], [0.2, 0.3]])
GRAPH = torch.tensor([0, 0, 1])
NOTHING = torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)
EVERY = [Threshold(1), Rank(50), Rank(50, "graph"), Budget(1), RandomCut(50)]


def sent(cut, importance=IMPORTANCE, graph=GRAPH) -> list[list[int]]:
    return cut(importance, graph).int().tolist()


def test_a_threshold_sends_bits_of_at_least_its_importance():
    assert sent(Threshold(2)) == [[0, 1], [1, 0], [0, 0]]
    assert sent(Threshold(0)) == [[1, 1], [1, 1], [1, 1]]
    assert sent(Threshold(3.5)) == [[0, 0], [0, 0], [0, 0]]


def test_a_rank_cuts_the_lowest_of_all_graphs_together():
    # In order: 0.1, 0.2, 0.3, 0.5, 2, 3; half of them are three.
    assert sent(Rank(50)) == [[0, 1], [1, 1], [0, 0]]


def test_a_rank_within_graphs_cuts_the_same_share_of_each():
    assert sent(Rank(50, "graph")) == [[0, 1], [1, 0], [0, 1]]
    order = torch.tensor([1, 0, 1])  # graphs need not come in order
    assert sent(Rank(50, "graph"), IMPORTANCE, order) == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize("within", ["step", "graph"])
def test_a_rank_of_0_sends_all_and_one_of_100_nothing(within):
    assert sent(Rank(0, within)) == [[1, 1]] * 3
    assert sent(Rank(100, within)) == [[0, 0]] * 3


def test_a_rank_rounds_to_whole_bits():
    assert sent(Rank(24)) == [[0, 1], [1, 1], [1, 1]]  # 1.44 of six bits
    assert sent(Rank(26)) == [[0, 1], [1, 1], [0, 1]]  # 1.56
    # 1.2 of four bits, 0.6 of two
    assert sent(Rank(30, "graph")) == [[0, 1], [1, 1], [0, 1]]


def test_of_equal_bits_the_first_go_first():
    equal = torch.ones(3, 2)
    assert sent(Rank(50), equal) == [[0, 0], [0, 1], [1, 1]]
    assert sent(Rank(50, "graph"), equal) == [[0, 0], [1, 1], [0, 1]]


def test_a_rank_of_many_bits_is_that_of_a_sorted_list():
    importance, graph = torch.rand(500, 3), torch.randint(7, (500,))
    kept = Rank(80, "graph")(importance, graph)
    for number in range(7):
        mine = importance[graph == number].flatten()
        lowest = sorted(range(len(mine)), key=lambda i: float(mine[i]))[: round(0.8 * len(mine))]
        cut = (~kept[graph == number].flatten()).nonzero().flatten().tolist()
        assert cut == sorted(lowest)


def test_a_budget_sends_the_best_bits_of_each_message():
    importance = torch.tensor([[0.1, 3.0, 2.0], [5.0, 5.0, 5.0]])
    graph = torch.tensor([0, 0])
    assert sent(Budget(0), importance, graph) == [[0, 0, 0], [0, 0, 0]]
    assert sent(Budget(1), importance, graph) == [[0, 1, 0], [1, 0, 0]]
    assert sent(Budget(2), importance, graph) == [[0, 1, 1], [1, 1, 0]]
    assert sent(Budget(9), importance, graph) == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("percent", [0, 30, 100])
def test_a_random_cut_has_the_given_rate_and_is_drawn_anew(percent):
    cut, importance, graph = RandomCut(percent), torch.ones(20_000, 2), torch.zeros(20_000).long()
    first, second = (~cut(importance, graph) for _ in range(2))
    share = percent / 100
    # Five standard deviations of the mean of 20,000 draws.
    bound = 5 * (share * (1 - share) / 20_000) ** 0.5
    assert ((first.float().mean(0) - share).abs() <= bound).all()
    both = (first & second).float().mean()
    assert abs(float(both) - share**2) <= bound


@pytest.mark.parametrize("cut", EVERY)
def test_cuts_accept_no_messages(cut):
    kept = cut(*NOTHING)
    assert kept.shape == (0, 2)
    assert kept.dtype == torch.bool


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Threshold(-1), "value is -1"),
        (lambda: Threshold(float("nan")), "value is nan"),
        (lambda: Rank(-1), "percent is -1; allowed are numbers from 0 to 100"),
        (lambda: Rank(101), "percent is 101"),
        (lambda: Budget(-1), "bits is -1; allowed are whole numbers from 0"),
        (lambda: RandomCut(100.5), "percent is 100.5; allowed are numbers from 0 to 100"),
        (lambda: RandomCut(-0.5), "percent is -0.5"),
    ],
)
def test_a_bad_value_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_rule_has_a_name():
    assert set(CUTS.values()) == {type(cut) for cut in EVERY}
