"""Importance of edges: equal to removing each edge alone, and 0 where nothing was sent."""

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from inspected import inspected, untrained
from torch import Tensor, nn
from torch.distributions import Categorical, kl_divergence
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing
from toy import Toy

import graphmarl as gm
from graphmarl.experiment.inspection.agreement import agreement_table
from graphmarl.experiment.inspection.importance import distant_groups, edge_importance
from graphmarl.methods import METHODS, G2ANet
from graphmarl.nn import (
    AgentNetwork,
    Channel,
    GatedConv,
    Output,
    Rank,
    policy_kl,
    policy_rows,
    without_noise,
)
from graphmarl.nn.communication.cuts import Threshold
from graphmarl.nn.distributions import ScaledBeta, SquashedNormal

SILENT = {"ippo", "mappo", "iql", "vdn", "qmix", "qtran", "coma", "maddpg", "maddpgs", "pic"}


class Sum(MessagePassing):
    """Q-values x_i + sum_j c x_j, in some rounds."""

    def __init__(self, rounds: int) -> None:
        super().__init__(aggr="sum")
        self.rounds = rounds

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for _ in range(self.rounds):
            x = x + self.propagate(edge_index, x=x)
        return x

    def message(self, x_j: Tensor) -> Tensor:
        return 0.5 * x_j


class SumNetwork(AgentNetwork):
    def __init__(self, rounds: int = 1) -> None:
        super().__init__()
        self.rounds, self.conv = rounds, Sum(rounds)

    def forward(self, graph: Data, memory: Tensor) -> tuple[Output, Tensor]:
        assert graph.x is not None and graph.edge_index is not None
        return Output(q=self.conv(graph.x, graph.edge_index)), memory


def test_importance_is_what_the_receiver_loses_by_hand():
    x = torch.tensor([[1.0, 0.0], [0.0, -4.0], [3.0, 3.0]])
    edges = torch.tensor([[0, 1, 2, 2], [1, 2, 1, 0]])
    graph = Data(x=x, edge_index=edges, num_nodes=3)
    value, changed = edge_importance(graph, torch.zeros(3, 0), SumNetwork(), 3, edges)
    # The largest of |0.5 x_j|.
    assert value.tolist() == [0.5, 2.0, 1.5, 1.5]
    # Agent 1 has (2, -2.5), without agent 2 (0.5, -4): the same action. Agent 2 has (3, 1) and
    # (3, 3) without agent 1; agent 0 has (2.5, 1.5) and (1, 0).
    assert changed.tolist() == [0, 0, 0, 0]


def test_an_illegal_action_has_no_part_and_a_changed_action_is_said():
    x = torch.tensor([[4.0, 0.0, 0.0], [1.0, 1.5, 9.0]])
    edges = torch.tensor([[0], [1]])
    legal = torch.tensor([[True, True, True], [False, True, True]])
    graph = Data(x=x, edge_index=edges, num_nodes=2)
    value, changed = edge_importance(graph, torch.zeros(2, 0), SumNetwork(), 2, edges)
    assert value.tolist() == [2.0] and changed.tolist() == [0], "(3, 1.5, 9) and (1, 1.5, 9)"
    graph.x = torch.tensor([[4.0, 0.0, 0.0], [1.0, 1.5, 0.0]])
    assert edge_importance(graph, torch.zeros(2, 0), SumNetwork(), 2, edges)[1].tolist() == [1]
    graph.available = legal
    value, changed = edge_importance(graph, torch.zeros(2, 0), SumNetwork(), 2, edges)
    assert value.tolist() == [0.0] and changed.tolist() == [0], "action 0 is illegal"


def by_hand(found: Any, network: AgentNetwork, time: int) -> dict[tuple[int, ...], float]:
    """Importance of the edges of a step, one pass for each."""
    values: dict[tuple[int, ...], float] = {}
    moment, size = found.recorded[time], found.spec.num_agents
    graph, used = moment.graph, found.edges().query("time == @time")
    pairs = used[["episode", "sender", "receiver"]].drop_duplicates().to_numpy().tolist()
    with without_noise(network), torch.inference_mode():
        whole, _ = network(graph, moment.memory)
        for episode, sender, receiver in pairs:
            changed, first = graph.clone(), episode * size
            for name in ("edge_index", "previous_edge_index"):
                ends = torch.tensor([[first + sender], [first + receiver]])
                changed[name] = graph[name][:, (graph[name] != ends).any(0)]
            output, _ = network(changed, moment.memory)
            row = first + receiver
            if whole.q is None:
                value = float(kl_divergence(whole.distribution, output.distribution)[row])
            else:
                value = float((whole.q - output.q)[row].abs()[graph.available[row]].max())
            values[episode, sender, receiver] = value
    return values


@pytest.mark.parametrize("method", sorted(set(METHODS) - SILENT))
@pytest.mark.parametrize("graph", [pytest.param("complete", marks=pytest.mark.slow), "knn:k=1"])
def test_importance_equals_that_of_one_edge_at_a_time(method, graph):
    env = Toy(num_envs=2, num_agents=5)
    learner = untrained(method, env)
    # Outputs of an untrained policy hardly depend on anything.
    for name, weight in learner.network.named_parameters():
        if weight.ndim == 2:
            weight.data.mul_(20 if name.startswith("actor") else 2)
    largest = 0.0
    found = inspected(method, graph, env, learner)
    for time in (0, 1):
        table = found.importance().query("time == @time")
        table = table.set_index(["episode", "sender", "receiver"])["importance"]
        wanted = by_hand(found, learner.network, time)
        assert set(table.index) == set(wanted)
        largest = max(largest, *wanted.values())
        for key, value in wanted.items():
            assert table[key] == pytest.approx(value, rel=2e-3, abs=1e-5), key
    assert largest > 2e-5


@pytest.mark.parametrize("name", sorted(SILENT))
def test_a_policy_that_reads_no_edges_has_no_important_edge(name):
    table = inspected(name).importance()
    assert len(table) and set(table["importance"]) == {0.0}
    assert set(table["action_changed"]) == {False}


def test_nothing_sent_is_of_no_importance():
    env = Toy(num_envs=2)
    learner = G2ANet(env.spec).eval()
    conv: Any = next(m for m in learner.modules() if isinstance(m, GatedConv))
    nn.init.constant_(conv.gate.bias, -1.0)
    assert set(inspected("g2anet", env=env, learner=learner).importance()["importance"]) == {0.0}
    for name in ("ndq", "dgn", "tarmac", "commnet", "vpp", "nvif_ppo", "mamba_small"):
        table = inspected(name, cut=Rank(100)).importance()
        assert len(table) and set(table["importance"]) == {0.0}, name


def test_an_edge_that_was_cut_is_of_no_importance_beside_one_that_was_not():
    env = Toy(num_envs=2)
    found = inspected("ndq", env=env, cut=Threshold(0.2), test_noise=False)
    table = found.edges(importance=True)
    assert set(table["gate"]) == {True, False}
    assert set(table.loc[~table["gate"], "importance"]) == {0.0}
    assert (table.loc[table["gate"], "importance"] > 0).all()


def test_under_a_cut_the_other_bits_stay_cut():
    cut, env = Threshold(0.1), Toy(num_envs=2)
    learner = untrained("ndq", env, test_noise=False)
    found = inspected("ndq", env=env, learner=learner, cut=cut)
    moment: Any = found.recorded[1]
    assert not moment.messages[0].keep.all() and moment.messages[0].keep.any()
    table = found.importance().query("time == 1 and importance > 0")
    assert len(table)
    for row in table.to_dict("records"):
        at = 3 * row["episode"]
        graph, ends = moment.graph.clone(), [[at + row["sender"]], [at + row["receiver"]]]
        graph.edge_index = graph.edge_index[:, (graph.edge_index != torch.tensor(ends)).any(0)]
        with torch.inference_mode(), Channel(learner.network, 3, cut):
            q = learner.network(graph, moment.memory)[0].q
        change = (moment.output.q - q)[at + row["receiver"]].abs()
        legal = moment.graph.available[at + row["receiver"]]
        assert row["importance"] == pytest.approx(float(change[legal].max()), rel=1e-3, abs=1e-6)


def test_an_edge_that_was_dropped_is_not_in_the_table():
    found = inspected("dgn", "none")
    assert found.importance().empty and found.edges(importance=True).empty


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_no_row_reaches_another_of_its_group(hops):
    network = nx.gnp_random_graph(40, 0.05, seed=1, directed=True)
    edges = np.array(network.edges).T
    group = distant_groups(edges, hops)
    for row, lengths in nx.all_pairs_shortest_path_length(network, cutoff=hops):
        for other in set(lengths) - {row}:
            assert group[row] != group[other]
    assert len(set(group)) == 1 if hops == 0 else len(set(group)) < 30


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_importance_of_several_rounds_is_that_of_one_edge_at_a_time(rounds):
    torch.manual_seed(0)
    network, x = SumNetwork(rounds), torch.randn(12, 3)
    edges = torch.tensor(list(nx.gnp_random_graph(12, 0.15, seed=2, directed=True).edges)).T
    graph = Data(x=x, edge_index=edges, num_nodes=12)
    memory = torch.zeros(12, 0)
    value, _ = edge_importance(graph, memory, network, 12, edges)
    whole = network(graph, memory)[0].q
    for number, (_, receiver) in enumerate(edges.T.tolist()):
        left = torch.cat([edges[:, :number], edges[:, number + 1 :]], 1)
        alone = network(Data(x=x, edge_index=left, num_nodes=12), memory)[0].q
        assert whole is not None and alone is not None
        change = (whole - alone)[receiver].abs().max()
        assert float(value[number]) == pytest.approx(float(change), rel=1e-5)


def test_divergence_of_policies_by_hand():
    p = Categorical(probs=torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    q = Categorical(probs=torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    wanted = [0.5 * np.log(2) + 0.5 * np.log(2 / 3), np.log(2)]
    assert policy_kl(p, q).tolist() == pytest.approx(wanted, abs=1e-6)
    assert policy_kl(
        policy_rows(p, torch.tensor([1])), policy_rows(q, torch.tensor([1]))
    ).tolist() == pytest.approx([np.log(2)], abs=1e-5)
    # KL( N(0, 1) || N(1, 1) ) = 1 / 2, for each of two components.
    zero, one = torch.zeros(1, 2), torch.ones(1, 2)
    assert policy_kl(SquashedNormal(zero, zero), SquashedNormal(one, zero)).tolist() == [1.0]
    # KL( B(1, 1) || B(2, 1) ) = -E log(2 x) = 1 - log 2.
    kl = policy_kl(ScaledBeta(one, one), ScaledBeta(2 * one, one))
    assert kl.tolist() == pytest.approx([2 * (1 - np.log(2))], abs=1e-6)


def test_agreement_is_the_rank_correlation_of_each_step():
    from scipy.stats import spearmanr

    generator = np.random.default_rng(0)
    rows = [
        {"episode": e, "time": t, "layer": "conv", "round": 0, "sender": s, "receiver": r}
        for e in range(3)
        for t in range(2)
        for s in range(4)
        for r in range(4)
        if s != r
    ]
    edges = pd.DataFrame(rows)
    edges["attention"] = generator.random(len(edges)).round(1)
    importance = pd.DataFrame(edges[["episode", "time", "sender", "receiver"]])
    importance["importance"] = edges["attention"] + 0.3 * generator.random(len(edges))
    (row,) = agreement_table(edges, importance).to_dict("records")
    whole = edges.merge(importance)
    means = []
    for episode in range(3):
        own = whole[whole["episode"] == episode]
        steps = [own[own["time"] == time] for time in range(2)]
        found: list[Any] = [spearmanr(step["attention"], step["importance"]) for step in steps]
        means.append(np.mean([each.statistic for each in found]))
    assert row["rho"] == pytest.approx(np.mean(means)) and row["groups"] == 6
    # Student's t with two degrees of freedom.
    assert row["half_width"] == pytest.approx(4.302653 * np.std(means, ddof=1) / 3**0.5, rel=1e-5)
    importance["importance"] = 1.0
    (row,) = agreement_table(edges, importance).to_dict("records")
    assert row["groups"] == 0 and np.isnan(row["rho"])
    with pytest.raises(ValueError, match="no attention"):
        agreement_table(edges.drop(columns="attention"), importance)


@pytest.mark.slow
def test_on_sensor_the_edge_from_sensor_3_to_1_decides_and_no_other(tmp_path):
    run = gm.train(
        "ndq", "sensor:num_envs=64", None, 150_000, 0, "a", str(tmp_path), progress=False
    )
    found = gm.inspect(run, 400)
    table = found.importance().groupby(["sender", "receiver"])
    mean, changed = table["importance"].mean(), table["action_changed"].mean()
    others = [pair for pair in mean.index if pair != (2, 0)]
    assert mean.idxmax() == (2, 0) and mean[(2, 0)] > 5 * mean[others].max()
    assert changed[(2, 0)] > 0.4 and changed[others].max() == 0
    probes = found.probe(by_edge=True, targets=["east"]).set_index(["sender", "receiver"])
    # Sensor 3 observes target 2 to its east.
    assert probes.loc[(2, 0), "score"] > 0.95 and probes.loc[(2, 0), "p_value"] < 0.05
