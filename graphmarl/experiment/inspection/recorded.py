"""Recorded episodes as tables, graphs and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import pandas as pd
from torch_geometric.data import Data

from graphmarl.agent_graph import agent_graph
from graphmarl.checks import checked
from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.statistics import step_table
from graphmarl.experiment.inspection.tables import agent_table, edge_table
from graphmarl.ranges import NonNegativeInt
from graphmarl.step import Spec
from graphmarl.visualization.graphs import one_graph

Format = Literal["parquet", "csv"]


@dataclass(frozen=True, repr=False)
class Tables:
    """What a policy computed in some episodes: edges, messages, attention, outputs and actions.

    Args:
        recorded: the steps; in each, all copies.
        spec: shapes of the environment.
        title: what was played.
        layers: names of the message-passing layers.
        rounds: hops that information travels along the edges in a step.
    """

    recorded: Sequence[RecordedStep]
    spec: Spec
    title: str
    layers: Sequence[str] = ()
    rounds: int = 0

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.recorded[0].running)

    @property
    def contents(self) -> dict[str, bool]:
        """Whether there is attention, a gate that was shut, and messages."""
        sent = [each for step in self.recorded for each in step.messages]
        return {
            "attention": any(each.weights is not None for each in sent),
            "gates": any(bool((~each.open).any()) for each in sent if each.keep.shape[1]),
            "messages": any(bool(each.keep.any()) for each in sent),
        }

    def __repr__(self) -> str:
        """What was played and what it has, in one line."""
        count, has = len(self.recorded), [name for name, there in self.contents.items() if there]
        what = f"with {', '.join(has)}" if has else "this method sends no messages along edges"
        episodes = f"{self.episodes} episode{'s' * (self.episodes > 1)}"
        return f"Inspection of {self.title}: {episodes}, {count} steps, {what}"

    def edges(self, messages: bool = False) -> pd.DataFrame:
        """One row for each edge, layer, round and step.

        Columns: `episode`, `time`, `layer`, `round`, `sender`, `receiver`; `attention` of the
        receiver to the sender, the mean over heads, and `attention_0` and so on for each head;
        `gate`, whether anything was sent; `norm` of the message and the `bits` that were sent. A
        method without message-passing layers has the edges of its graph, without a layer.

        Args:
            messages: also the numbers of the messages, as `message_0` and so on, and `symbol_0` and
                so on of messages that are one-hot symbols, such as states of a world model.
        """
        return edge_table(self.recorded, self.spec.num_agents, messages)

    def agents(self, observations: bool = False) -> pd.DataFrame:
        """One row for each agent and step.

        Columns: `episode`, `time`, `agent`, `kind`, `alive`, `x` and `y` (positions), `action` or
        `action_0` and so on (continuous), the `reward` that followed, and what the network has of
        `value`, `policy_0` and so on (probabilities; or means and logarithms of standard
        deviations; or concentrations), `q_0` and so on, `latent_0` and so on.

        Args:
            observations: also what the agent observes, as `obs_NAME`, by the names of the targets
                of `probe`.
        """
        return agent_table(self.recorded, self.spec, observations)

    def steps(self) -> pd.DataFrame:
        """One row for each episode and step.

        Columns: `episode`, `time`, `reward` of the team, numbers of live `agents` and of `edges`,
        mean in-`degree`, `reciprocity` (share of edges whose reverse is an edge), `components`
        (weakly connected), `range` (mean number of other agents whose information reaches an agent
        within the rounds of the method), `turnover` (share of the edges of this step and the one
        before that only one of them has), `messages` and `bits` sent, mean `entropy` of the
        attention of an agent to its neighbours in nats (normalised over them), and the metrics of
        the environment after the actions.
        """
        return step_table(self.recorded, self.spec.num_agents, self.rounds)

    @checked
    def to_pyg(self, step: NonNegativeInt, episode: NonNegativeInt = 0) -> Data:
        """The agent graph of one step as PyTorch Geometric data.

        Beside what agent graphs hold, `action`, and `attention` (edge, head) of the last layer that
        has some, whose edges are then those of the graph.

        Args:
            step: number of the step.
            episode: number of the episode.

        Raises:
            ValueError: there is no such step or episode.
        """
        recorded = self._at(step, episode)
        graph = agent_graph(recorded.step, self.spec)
        attended = [each for each in recorded.messages if each.weights is not None]
        graph.edge_index = attended[-1].edge_index if attended else recorded.edge_index
        graph.edge_attr = attended[-1].attention if attended else None
        own = graph.edge_index[1] // self.spec.num_agents == episode
        part = one_graph(graph, episode, self.spec.num_agents)
        part.action = recorded.action[episode]
        if graph.edge_attr is not None:
            part.attention = graph.edge_attr[own]
        # Tensors of a recording take no part in gradients until they are copied.
        return part.clone()

    @checked
    def to_networkx(
        self, step: NonNegativeInt, episode: NonNegativeInt = 0, heads: bool = True
    ) -> nx.MultiDiGraph:
        """The live agents of one step as a graph with the columns of the tables as attributes.

        Each edge of each layer and round is an edge from sender to receiver, whose key names both.

        Args:
            step: number of the step.
            episode: number of the episode.
            heads: also the attention of single heads, beside their mean.

        Raises:
            ValueError: there is no such step or episode.
        """
        moment = [self._at(step, episode)]
        agents = agent_table(moment, self.spec).query("episode == @episode and alive")
        edges = edge_table(moment, self.spec.num_agents).query("episode == @episode")
        network = nx.MultiDiGraph()
        for row in agents.drop(columns=["episode", "alive"]).to_dict("records"):
            network.add_node(row.pop("agent"), **plain(row))
        single = [name for name in edges if str(name).startswith("attention_") and not heads]
        for row in edges.drop(columns=["episode", *single]).to_dict("records"):
            ends, key = (row.pop("sender"), row.pop("receiver")), f"{row['layer']}:{row['round']}"
            network.add_edge(*ends, key, **plain(row))
        return network

    def _at(self, step: int, episode: int) -> RecordedStep:
        if step >= len(self.recorded) or episode >= self.episodes:
            raise ValueError(
                f"step {step} of episode {episode} was not recorded; allowed are steps 0 to "
                f"{len(self.recorded) - 1} of episodes 0 to {self.episodes - 1}"
            )
        recorded = self.recorded[step]
        if not recorded.running[episode]:
            raise ValueError(f"episode {episode} has ended before step {step}")
        return recorded

    @checked
    def write(self, folder: str | Path, format: Format = "parquet") -> list[Path]:
        """Write the three tables, and the graph of each step of the first episode as GraphML.

        The graphs have the mean of the attention of all heads, the tables that of each head too.

        Args:
            folder: where to.
            format: `parquet`, or `csv`.

        Returns:
            the files, without the graphs.

        Raises:
            ImportError: Parquet needs an extra that is not installed.
        """
        folder = Path(folder)
        (folder / "graphs").mkdir(parents=True, exist_ok=True)
        tables = {"edges": self.edges(messages=True), "agents": self.agents()}
        tables["steps"] = self.steps()
        written = []
        for name, table in tables.items():
            path = folder / f"{name}.{format}"
            if format == "csv":
                table.to_csv(path, index=False)
            else:
                write_parquet(table, path)
            written.append(path)
        for number, recorded in enumerate(self.recorded):
            if recorded.running[0]:
                path = folder / "graphs" / f"step_{number}.graphml"
                nx.write_graphml(self.to_networkx(number, heads=False), path)
        return written


def plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Attributes of GraphML: without those that are missing.

    Args:
        row: values by name.
    """
    return {str(name): value for name, value in row.items() if value == value}


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet.

    Args:
        table: the table.
        path: the file.

    Raises:
        ImportError: names the extra that is not installed.
    """
    try:
        import_module("pyarrow")
    except ImportError as error:
        text = "Parquet needs pip install 'graphmarl[inspect]'; or choose the format csv"
        raise ImportError(text) from error
    table.to_parquet(path, index=False)
