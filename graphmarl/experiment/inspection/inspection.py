"""Inspection of a trained policy: who receives what from whom, and whether it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import torch
from torch_geometric.explain import Explainer
from torch_geometric.explain.algorithm import ExplainerAlgorithm

from graphmarl.checks import checked
from graphmarl.experiment.config import Named
from graphmarl.experiment.inspection.agreement import agreement_table
from graphmarl.experiment.inspection.deletion import deletion_curve
from graphmarl.experiment.inspection.explaining import step_explainer
from graphmarl.experiment.inspection.imagination import imagination_table
from graphmarl.experiment.inspection.importance import importance_table
from graphmarl.experiment.inspection.page import inspection_page
from graphmarl.experiment.inspection.pictures import Pictures
from graphmarl.experiment.inspection.probes import latent_samples, message_samples, probe_table
from graphmarl.experiment.inspection.recording import record, record_again, scale_of
from graphmarl.experiment.policies import load_policy
from graphmarl.nn import AgentNetwork, Cut
from graphmarl.ranges import Copies, NonNegativeInt, PositiveInt, Range, Seed
from graphmarl.results.run import Run

Folds = Annotated[int, Range(low=2, high=1_000)]
"""Number of folds of a cross-validation."""


@dataclass(frozen=True, repr=False)
class Inspection(Pictures):
    """What a policy computed in some episodes, and what it depends on.

    Args:
        recorded: the steps; in each, all copies.
        spec: shapes of the environment.
        title: what was played.
        layers: names of the message-passing layers.
        rounds: hops that information travels along the edges in a step.
        network: the network that acted.
        arguments: arguments of `inspect`.
        reward_scale: factor on the rewards that the network was trained on.
    """

    network: AgentNetwork | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    reward_scale: float = 1.0

    @cached_property
    def _importance(self) -> pd.DataFrame:
        assert self.network is not None, "an inspection of a run has its network"
        cut = self.arguments.get("cut") is not None
        return importance_table(self.recorded, self.network, self.spec.num_agents, cut)

    def importance(self) -> pd.DataFrame:
        """Counterfactual importance of each edge in each step.

        The importance of an edge is the divergence KL( pi_i || pi_i without it ) of the policy of
        its receiver i, in nats, or the largest absolute change of a Q-value of a legal action, if
        this edge alone is removed from all layers of the step, with memory as it was. Messages that
        are sampled are replaced by their means. An edge along which nothing was sent, since its
        gate was shut or its message was cut, has importance 0, as have all edges of a method whose
        policy reads none.

        Columns: `episode`, `time`, `sender`, `receiver`, `importance`, `action_changed` (whether
        the greedy discrete action of the receiver is another one without the edge).
        """
        return self._importance.copy()

    @checked
    def agreement(self, by_receiver: bool = False) -> pd.DataFrame:
        """Whether attention agrees with importance: their rank correlation.

        Spearman's rho over the edges of a step, as a mean over steps and then over episodes.
        Columns: `layer`, `round`, `head`, `rho` and the `half_width` of its 95 % interval over
        `episodes`; `groups` counts the steps in which both vary.

        Args:
            by_receiver: rank the edges of each receiver separately, instead of those of a step.

        Raises:
            ValueError: the method has no attention.
        """
        return agreement_table(self.edges(), self._importance, by_receiver)

    @checked
    def probe(
        self,
        source: Literal["message", "latent"] = "message",
        targets: Sequence[str] | None = None,
        by_edge: bool = False,
        permutations: NonNegativeInt = 20,
        folds: Folds = 5,
        samples: PositiveInt = 2_000,
    ) -> pd.DataFrame:
        """What messages say about their sender, or latent features about their agent.

        Ridge regression predicts each target from the numbers of a message; targets of up to 10
        values by their indicators, scored by balanced accuracy, others scored by R2. The score is
        cross-validated over episodes, and compared with `chance`, its mean if the targets of
        episodes are permuted; `p_value` is the share of permutations that are as good.

        Args:
            source: probe each `message` that was sent, or each agent's `latent` features.
            targets: parts of the sender's observation by name, `action`, `state`, or one of their
                numbers as `state_0`; by default all parts. The R2 of a part with several numbers is
                the mean over them, weighted by their variance.
            by_edge: probe each pair of sender and receiver separately.
            permutations: number of permutations.
            folds: folds of the cross-validation.
            samples: most samples of a probe; of more, these many are drawn.

        Raises:
            ImportError: scikit-learn is not installed.
            ValueError: an unknown target, too few episodes, or nothing to probe.
        """
        size = self.recorded, self.spec
        found = latent_samples(*size) if source == "latent" else message_samples(*size, by_edge)
        table = probe_table(found, targets, permutations, folds, samples)
        if table.empty:
            raise ValueError(f"this method has no {source}s to probe")
        return table

    @checked
    def imagination(
        self,
        horizon: PositiveInt = 8,
        samples: PositiveInt = 16,
        targets: Sequence[str] | None = None,
        seed: Seed = 0,
    ) -> pd.DataFrame:
        """What the world model of a method predicts from each recorded state, beside what happened.

        From the latent state of each step the model is rolled forward along the recorded actions,
        without further observations. Columns: `episode`, `time` of the state, `ahead` (steps from
        it, from 1), `agent`, `target`, what was `real`, the mean of the `imagined` values over
        samples, and their standard `deviation`. Targets are the `reward`, whether the agent
        `continues`, and the parts of the observation that follows, which an agent that has ended
        has not (NaN). Agents that lived in the state have rows, up to the end of the episode.

        Args:
            horizon: steps that are predicted.
            samples: rollouts from each state.
            targets: what is predicted; by default all.
            seed: seed of the samples.

        Raises:
            ValueError: the method has no world model, or an unknown target.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            shape = self.spec, horizon, samples, targets, self.reward_scale
            return imagination_table(self.recorded, self.network, *shape)

    @checked
    def deletion_curve(self, **options: Any) -> pd.DataFrame:
        """Return of the policy against the share of edges removed; see `deletion_curve`.

        Args:
            options: arguments of `deletion_curve`; those of the inspection are the default.
        """
        kept = ("run", "seed", "graph", "greedy", "checkpoint", "env", "trust")
        own = {name: self.arguments[name] for name in kept if name in self.arguments}
        return deletion_curve(**(own | options))

    @checked
    def explainer(
        self,
        step: NonNegativeInt = 0,
        episode: NonNegativeInt = 0,
        algorithm: ExplainerAlgorithm | None = None,
        **settings: Any,
    ) -> Explainer:
        """An explainer of PyTorch Geometric for the decisions of one step.

        It is called as `explainer(data.x, data.edge_index, index=agent)`, where `data` is
        `to_pyg(step, episode)`, and explains the logits of policies, or Q-values as a regression.

        Args:
            step: number of the step.
            episode: number of the episode.
            algorithm: how to explain; by default `GNNExplainer`.
            settings: further arguments of the `Explainer`.

        Raises:
            ValueError: there is no such step, or the method reads no edges.
        """
        assert self.network is not None, "an inspection of a run has its network"
        place = self._at(step, episode), episode, self.spec.num_agents
        return step_explainer(self.network, *place, algorithm, settings)

    @checked
    def replay(
        self,
        run: str | Path | Run | None = None,
        graph: Named | None = None,
        checkpoint: str | Path | None = None,
        cut: str | Cut | None = None,
        title: str = "",
    ) -> Inspection:
        """What another policy computes in the same states, as a recording of its own.

        The other policy observes each step, and the actions that were recorded are taken.

        Args:
            run: another run; by default the same one.
            graph: another graph builder than that of the run.
            checkpoint: another checkpoint than the last.
            cut: which bits of the messages are not sent, as in `evaluate`.
            title: what it is, for pictures; by default what differs.

        Raises:
            ValueError: the environment of the other run has another form.
        """
        own = self.arguments
        found = own["run"] if run is None else run if isinstance(run, Run) else Run(run)
        options = {name: own[name] for name in ("greedy", "env", "trust")}
        options |= {"graph": graph, "checkpoint": checkpoint, "cut": cut}
        with load_policy(found, self.episodes, attention=True, **options) as loaded:
            if loaded.env.spec != self.spec:
                raise ValueError(
                    f"{found.path.name} is of another environment; its agents, observations and "
                    f"actions must be those of {self.title}"
                )
            recorded = record_again(loaded, self.recorded)
            names = list(loaded.channel.names.values()) if loaded.channel else []
            parts = [
                str(part) for part in (graph, checkpoint and Path(checkpoint).stem, cut) if part
            ]
            name = title or ", ".join([found.path.name, *parts])
            shape = loaded.env.spec, name, names, loaded.network.rounds
            arguments = own | options | {"run": found}
            return Inspection(recorded, *shape, loaded.network, arguments, scale_of(loaded))

    def page(self, deletion_episodes: NonNegativeInt = 16) -> str:
        """A page of HTML: what the run is, its curve, graphs, statistics, importance and messages.

        Args:
            deletion_episodes: episodes of each point of the deletion curve; 0 leaves it out.

        Raises:
            ImportError: plotly is not installed.
        """
        return inspection_page(self, deletion_episodes)


@checked
def inspect(
    run: str | Path | Run,
    episodes: Copies = 1,
    steps: PositiveInt | None = None,
    seed: Seed = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    cut: str | Cut | None = None,
    trust: bool = False,
) -> Inspection:
    """Play episodes with a checkpoint of a run and record all that its network computes to act.

    Args:
        run: the run folder.
        episodes: number of episodes, each the first of an environment copy of its own.
        steps: stop after so many steps, or when the last episode has ended.
        seed: seed of the episodes and of sampling.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        checkpoint: another checkpoint than the last.
        env: options of the environment to change, as in `{size: 48}`.
        cut: which bits of the messages are not sent, as in `evaluate`.
        trust: import classes and functions from outside the library that the run names.

    Raises:
        FileNotFoundError: the folder holds no run or no checkpoint.
        CheckpointError: the checkpoint is damaged.
        ValueError: a name or value that is not allowed.
    """
    run = run if isinstance(run, Run) else Run(run, trust)
    options: dict[str, Any] = {"graph": graph, "greedy": greedy, "checkpoint": checkpoint}
    options |= {"env": env, "trust": trust}
    with load_policy(run, episodes, cut=cut, attention=True, **options) as loaded:
        names = list(loaded.channel.names.values()) if loaded.channel else []
        recorded = record(loaded, seed, steps, scenes=True)
        arguments = {"run": run, "seed": seed, "cut": cut} | options
        shape = loaded.env.spec, str(run.path.name), names, loaded.network.rounds
        return Inspection(recorded, *shape, loaded.network, arguments, scale_of(loaded))
