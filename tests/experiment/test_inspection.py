"""What a policy computes is recorded as it acts: tables, graphs and files of it."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from inspected import inspected, trained
from torch import nn
from torch_geometric.nn import GATv2Conv, MessagePassing, TransformerConv
from toy import Toy

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.statistics import (
    graph_statistics,
    metrics_of,
    sent_statistics,
    turnover,
)
from graphmarl.experiment.inspection.tables import edge_table
from graphmarl.methods import METHODS, G2ANet
from graphmarl.nn import Channel, LayerMessages
from graphmarl.nn.conv import CommunicationTransformer as Transformer
from graphmarl.nn.conv import GatedConv

ATTENTION = {"dgn", "tarmac", "tarmac_qmix", "g2anet", "vpp", "mamba", "mamba_small"}
ATTENTION |= {"flatland_winner"}
SILENT = {"ippo", "mappo", "iql", "vdn", "qmix", "qtran", "coma", "maddpg", "maddpgs", "pic"}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_recorded_with_what_it_has(name):
    found, again = inspected(name), inspected(name)
    edges, agents, steps = found.edges(messages=True), found.agents(), found.steps()
    for one, two in ((edges, again.edges(messages=True)), (agents, again.agents())):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert found.contents["attention"] == (name in ATTENTION) == ("attention" in edges)
    assert found.contents["messages"] == (name not in SILENT) == ("norm" in edges)
    assert np.all(edges["sender"].to_numpy() != edges["receiver"].to_numpy())
    live = agents[agents["alive"]].groupby(["episode", "time"]).size()
    # On the complete graph each agent receives from every other one.
    assert steps["edges"].tolist() == [count * (count - 1) for count in live.tolist()]
    assert steps["reward"].to_numpy() == pytest.approx(
        agents.groupby(["episode", "time"])["reward"].sum().to_numpy()
    )
    policy = [column for column in agents if column.startswith(("policy_", "q_"))]
    assert len(policy) == 3, "three actions"
    if "policy_0" in agents:
        assert agents[policy].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert name in repr(found)


@pytest.mark.parametrize("name", sorted(ATTENTION - {"g2anet"}))
def test_attention_is_a_share(name):
    # Layers without attention have none in their rows.
    table = inspected(name).edges().dropna(subset="attention")
    heads = [column for column in table if column.startswith("attention")]
    keys = ["episode", "time", "layer", "round", "receiver"]
    total = table.groupby(keys)[heads].sum()
    assert total.to_numpy().min() > 0 and total.to_numpy().max() < 1, "the rest is for itself"


def test_a_gate_that_is_shut_is_told_from_one_that_is_open():
    opened, shut = inspected("g2anet").edges(), with_shut_gates()
    assert set(opened["gate"]) == {True}, "gates are open at initialisation"
    assert set(shut["gate"]) == {False} and set(shut["attention"]) == set(shut["bits"]) == {0}


def with_shut_gates() -> pd.DataFrame:
    env = Toy(num_envs=2)
    learner = G2ANet(env.spec).eval()
    conv: Any = next(m for m in learner.modules() if isinstance(m, GatedConv))
    nn.init.constant_(conv.gate.bias, -1.0)
    return inspected("g2anet", env=env, learner=learner).edges()


class Known(MessagePassing):
    """Sends x_j, weighted by given numbers of two heads."""

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, alpha: torch.Tensor) -> Any:
        return self.propagate(edge_index, x=x, alpha=alpha)

    def message(self, x_j: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        return (alpha[:, :, None] * x_j[:, None]).flatten(1)


def moment_of(network: nn.Module, *inputs: torch.Tensor) -> RecordedStep:
    with Channel(network, 3, attention=True) as channel:
        network(*inputs)
        step = Toy(2).reset(0)
        return RecordedStep(step, torch.zeros(2, 3), channel.messages, torch.tensor([True, False]))


def test_the_table_of_edges_holds_the_numbers_of_a_network():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [6.0, 8.0], [0, 0], [0, 0], [0, 0]])
    # Copy 1 has ended.
    edges = torch.tensor([[1, 2, 0, 4], [0, 0, 2, 3]])
    alpha = torch.tensor([[0.25, 0.75], [0.5, 0.0], [1.0, 1.0], [0.1, 0.2]])
    table = edge_table([moment_of(Known(), x, edges, alpha)], 3, messages=True)
    assert table[["episode", "time", "sender", "receiver"]].to_numpy().tolist() == [
        [0, 0, 1, 0],
        [0, 0, 2, 0],
        [0, 0, 0, 2],
    ]
    assert table[["attention", "attention_0", "attention_1"]].to_numpy().tolist() == [
        [0.5, 0.25, 0.75],
        [0.25, 0.5, 0.0],
        [1.0, 1.0, 1.0],
    ]
    sent = table[[f"message_{i}" for i in range(4)]].to_numpy().tolist()
    assert sent == [[0.75, 1.0, 2.25, 3.0], [3.0, 4.0, 0.0, 0.0], [1.0, 2.0, 1.0, 2.0]]
    assert table["norm"].to_numpy() == pytest.approx(np.linalg.norm(sent, axis=1))
    assert table["bits"].tolist() == [4, 4, 4] and set(table["gate"]) == {True}


def test_symbols_of_messages_are_their_numbers_and_missing_where_they_were_cut():
    edges = torch.tensor([[1, 2], [0, 0]])
    message = torch.tensor([[0.0, 1, 0, 1, 0], [0, 0, 1, 0, 0]])
    sent = LayerMessages(edges, message, message > 0, alphabet=(3, 2), layer="words")
    moment = replace(moment_of(Known(), torch.ones(6, 2), edges, torch.ones(2, 2)), messages=[sent])
    table = edge_table([moment], 3, messages=True)
    assert table["symbol_0"].tolist() == [1, 2] and table["symbol_1"].tolist()[0] == 0
    assert np.isnan(table["symbol_1"].tolist()[1])
    assert "symbol_0" not in edge_table([moment], 3)


@pytest.mark.parametrize("layer", [GATv2Conv(4, 3, heads=2), TransformerConv(4, 3, heads=2)])
def test_attention_of_layers_of_pytorch_geometric_is_recorded(layer):
    x, edges = torch.randn(6, 4), torch.tensor([[1, 2, 0, 1], [0, 0, 2, 2]])
    table = edge_table([moment_of(layer, x, edges)], 3)
    _, (index, alpha) = layer(x, edges, return_attention_weights=True)
    between = index[0] != index[1]
    assert table[["sender", "receiver"]].to_numpy().tolist() == index[:, between].T.tolist()
    found = table[["attention_0", "attention_1"]].to_numpy()
    assert found == pytest.approx(alpha[between].detach().numpy())


@pytest.mark.parametrize("edges", [[[0, 1, 2, 0, 1, 2], [1, 0, 0, 2, 2, 1]], [[0, 1], [1, 2]]])
def test_the_attention_of_a_transformer_is_that_of_its_queries_and_keys(edges):
    torch.manual_seed(0)
    conv, x, index = Transformer(4, 8, layers=1, heads=1), torch.randn(3, 4), torch.tensor(edges)
    conv.keeps_attention = True
    conv(x, index)
    (given,) = conv.attention_weights
    found = given()
    layer: Any = conv.layers[0]
    q, k, _ = layer.attended(conv.tokens(x, 3)).split(8, -1)
    scores = (q @ k.T / 8**0.5).exp().detach()
    for (sender, receiver), alpha in zip(index.T.tolist(), found[:, 0].tolist(), strict=True):
        heard = [receiver, *(s for s, r in index.T.tolist() if r == receiver)]
        share = scores[receiver, sender] / scores[receiver, heard].sum()
        assert alpha == pytest.approx(float(share), rel=1e-5)


def test_statistics_of_a_graph():
    # Copy 0 is empty. In copy 1: 0 <-> 1 -> 2, and 3 alone; 4 is dead.
    alive = torch.tensor([[True, False, False, False, False], [True, True, True, True, False]])
    edges = torch.tensor([[5, 6, 6], [6, 5, 7]])
    for rounds, around in ((0, 0), (1, 3 / 4), (2, 4 / 4)):
        found = graph_statistics(edges, alive, rounds)
        assert {name: value[1] for name, value in found.items()} == {
            "agents": 4,
            "edges": 3,
            "degree": 3 / 4,
            "reciprocity": pytest.approx(2 / 3),
            "components": 2,
            # 1 receives from 0, 0 from 1, 2 from 1 and, in a second round, from 0.
            "range": around,
        }
        empty = {name: value[0] for name, value in found.items() if name != "reciprocity"}
        assert empty == {"agents": 1, "edges": 0, "degree": 0, "components": 1, "range": 0}
        assert np.isnan(found["reciprocity"][0])


def test_turnover_counts_the_edges_that_only_one_of_two_steps_has():
    before = torch.tensor([[0, 1, 3], [1, 0, 4]])
    after = torch.tensor([[0, 2, 3], [1, 0, 4]])
    assert turnover(after, before, 3, 3).tolist()[:2] == [pytest.approx(2 / 3), 0]
    assert np.isnan(turnover(after, before, 3, 3)[2]), "no edges in both"
    assert np.isnan(turnover(after, None, 3, 1)).all()


def test_the_entropy_of_attention_is_that_of_its_shares():
    edges, nothing = torch.tensor([[1, 2, 4], [0, 0, 3]]), torch.zeros(3, 0)
    alpha = torch.tensor([[0.2, 0.5], [0.6, 0.0], [0.3, 0.3]])
    sent = LayerMessages(edges, nothing, nothing.bool(), weights=lambda: alpha)
    found = sent_statistics([sent], 3, 2)["entropy"]
    # Shares 1/4 and 3/4, and 1 and 0, of agent 0; one neighbour of agent 3.
    wanted = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / 2
    assert found == pytest.approx([wanted, 0.0], abs=1e-6)


def test_a_metric_of_several_numbers_has_several_columns():
    info = {"win": torch.tensor([1.0, 0.0]), "queue": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
    found = {name: column.tolist() for name, column in metrics_of(info).items()}
    assert found == {"win": [1, 0], "queue_0": [1, 3], "queue_1": [2, 4]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(str(tmp_path_factory.mktemp("runs")))


def test_recording_gives_the_returns_of_an_evaluation(run):
    played, found = gm.evaluate(run, 4), gm.inspect(run, 4)
    returns = found.agents().groupby("episode")["reward"].sum()
    assert returns.tolist() == pytest.approx(played.returns)
    assert found.steps().groupby("episode").size().tolist() == played.lengths
    bits = found.steps().groupby("episode")["bits"].mean()
    assert bits.tolist() == pytest.approx(played.sent["bits"])
    layers = found.edges()["layer"].unique().tolist()
    assert layers == list(found.layers) and len(layers) == 2, "DGN has two layers"


def test_graphs_of_a_step_hold_what_the_tables_do(run):
    found = gm.inspect(run, 2)
    network, data = found.to_networkx(1, 1), found.to_pyg(1, 1)
    assert data.edge_index is not None
    edges = found.edges().query("episode == 1 and time == 1")
    assert network.number_of_edges() == len(edges) == 2 * data.num_edges
    last = edges[edges["layer"] == found.layers[-1]]
    ends = zip(last["sender"].tolist(), last["receiver"].tolist(), strict=True)
    assert data.edge_index.T.tolist() == [list(pair) for pair in ends]
    assert data.attention.mean(1).tolist() == pytest.approx(last["attention"].tolist())
    key = f"{found.layers[-1]}:0"
    for _, row in last.iterrows():
        attributes = network.edges[row["sender"], row["receiver"], key]
        assert attributes["attention"] == row["attention"]
    with pytest.raises(ValueError, match="step 99 of episode 0 was not recorded; allowed are"):
        found.to_pyg(99)


def test_a_cut_message_has_no_bits_and_no_open_gate(run):
    table = gm.inspect(run, 2, cut="rank=100").edges()
    assert set(table["gate"]) == {False} and set(table["bits"]) == set(table["norm"]) == {0}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_command_writes_tables_and_graphs(run, form, capsys):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    words = ["inspect", str(run.path), "--episodes", "2", "--format", form, "--trust", "yes"]
    assert main(words) == 0
    said, folder = capsys.readouterr().out, run.path / "inspection"
    assert "2 episodes" in said and "attention, messages" in said
    read = pd.read_csv if form == "csv" else pd.read_parquet
    table, found = read(folder / f"edges.{form}"), gm.inspect(run, 2).edges(messages=True)
    pd.testing.assert_frame_equal(table, found, check_dtype=False)
    network = nx.read_graphml(folder / "graphs" / "step_0.graphml")
    assert len(network) == 3 and network.nodes["0"]["reward"] in (0.0, 1.0)


def test_parquet_without_its_extra_is_refused_by_name(run, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"graphmarl\[inspect\]"):
        gm.inspect(run).write(tmp_path)


def test_agents_have_what_they_observe():
    found = inspected("ippo")
    table = found.agents(observations=True)
    seen = [f"obs_view_{i}" for i in range(4)] + ["obs_position_0", "obs_position_1"]
    first = table.query("time == 0 and episode == 1")
    assert first[seen].to_numpy().tolist() == found.recorded[0].step.obs[1].tolist()
    assert table.drop(columns=seen).equals(found.agents())


def test_the_step_after_an_action_is_that_which_follows():
    recorded = inspected("ippo").recorded
    assert all(one.after is two.step for one, two in pairwise(recorded))
    assert recorded[-1].after is not None and bool(recorded[-1].after.done.any())
