"""Linear probes: what messages and latent features say about the state."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphmarl.agent_graph import scaled
from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.step import Spec

Array = NDArray[Any]
CLASSES = 10
"""Most values of a target that is classified; others are regressed."""


@dataclass(frozen=True)
class Samples:
    """Features of messages or agents, with what they may say something about.

    Args:
        features: (sample, feature).
        targets: (sample,) by name.
        episode: episode of each sample.
        label: columns that say where the samples are from.
    """

    features: Array
    targets: Mapping[str, Array]
    episode: Array
    label: Mapping[str, Any]


def targets_of(moment: RecordedStep, spec: Spec) -> dict[str, Tensor]:
    """What each agent observes, its action, and the state of its environment, (row,) by name.

    Parts of the observation have the names of `Spec.layout`, with a number if they are longer.

    Args:
        moment: a recorded step.
        spec: shapes of the environment.
    """
    found = observed(moment.step.obs, spec)
    if moment.action.ndim == 2:
        found["action"] = moment.action.flatten()
    if moment.step.state is not None:
        each = moment.step.state.repeat_interleave(spec.num_agents, 0)
        found |= {f"state_{number}": column for number, column in enumerate(each.unbind(1))}
    return found


def observed(obs: Tensor, spec: Spec) -> dict[str, Tensor]:
    """The numbers that each agent observes, (row,) by name; those without a name are `obs`.

    Args:
        obs: observations (env, agent, ...).
        spec: shapes of the environment.
    """
    return named_parts(scaled(obs).flatten(2).flatten(0, 1), spec)


def named_parts(rows: Tensor, spec: Spec) -> dict[str, Tensor]:
    """The columns of flattened observations by the names of `Spec.layout`.

    Args:
        rows: flattened observations (row, number).
        spec: shapes of the environment.
    """
    parts = dict(spec.layout) or {"obs": slice(0, spec.obs_size)}
    found: dict[str, Tensor] = {}
    for name, part in parts.items():
        columns = rows[:, part].unbind(1)
        numbered = len(columns) > 1
        found |= {f"{name}_{i}" if numbered else name: each for i, each in enumerate(columns)}
    return found


def message_samples(
    recorded: Sequence[RecordedStep], spec: Spec, by_edge: bool
) -> Iterator[Samples]:
    """Messages that were sent, with the targets of their senders, by layer and round.

    Args:
        recorded: the steps.
        spec: shapes of the environment.
        by_edge: separately for each pair of sender and receiver.
    """
    size = spec.num_agents
    parts: dict[tuple[Any, ...], list[tuple[Array, dict[str, Array], Array]]] = {}
    for moment in recorded:
        targets = targets_of(moment, spec)
        for sent in moment.messages:
            copy = sent.edge_index[1] // size
            there = (moment.running[copy] & sent.open).nonzero().flatten()
            sender, receiver = sent.edge_index[:, there]
            pair = (sender % size * size + receiver % size) if by_edge else torch.zeros_like(sender)
            for number in pair.unique().tolist() if sent.keep.shape[1] else []:
                own = pair == number
                rows, columns = sender[own], sent.message[there[own]].cpu().numpy()
                chosen = {name: value[rows].cpu().numpy() for name, value in targets.items()}
                key = (sent.layer, sent.round, *(divmod(number, size) if by_edge else ()))
                episode = copy[there[own]].cpu().numpy()
                parts.setdefault(key, []).append((columns, chosen, episode))
    names = ("layer", "round", "sender", "receiver")
    for key, found in parts.items():
        yield stacked(found, dict(zip(names, key, strict=False)))


def latent_samples(recorded: Sequence[RecordedStep], spec: Spec) -> Iterator[Samples]:
    """Latent features of live agents, with their own targets.

    Args:
        recorded: the steps.
        spec: shapes of the environment.
    """
    parts = []
    for moment in recorded:
        latent = moment.output.latent if moment.output else None
        if latent is None:
            continue
        alive = (moment.step.alive & moment.running[:, None]).flatten()
        targets = targets_of(moment, spec)
        chosen = {name: value[alive].cpu().numpy() for name, value in targets.items()}
        copy = torch.arange(len(moment.running)).repeat_interleave(spec.num_agents)[alive]
        parts.append((latent.flatten(1)[alive].cpu().numpy(), chosen, copy.numpy()))
    if parts:
        yield stacked(parts, {})


def stacked(
    parts: Sequence[tuple[Array, dict[str, Array], Array]], label: Mapping[str, Any]
) -> Samples:
    """Samples of several steps in one.

    Args:
        parts: features, targets and episodes of each.
        label: where they are from.
    """
    features, targets, episode = zip(*parts, strict=True)
    joined = {name: np.concatenate([each[name] for each in targets]) for name in targets[0]}
    return Samples(np.concatenate(features), joined, np.concatenate(episode), label)


def probe_table(
    samples: Iterator[Samples],
    names: Sequence[str] | None,
    permutations: int,
    folds: int,
    most: int,
) -> pd.DataFrame:
    """Scores of linear probes; see `Inspection.probe`.

    Args:
        samples: the samples.
        names: the targets; None for all.
        permutations: number of permutations for the level of chance.
        folds: folds of the cross-validation.
        most: most samples of a probe, which are drawn at random.
    """
    rows = []
    for part in samples:
        unknown = sorted(set(names or ()) - set(part.targets))
        if unknown:
            raise ValueError(f"targets are {unknown}; there are {', '.join(part.targets)}")
        part = drawn(part, most)
        rows += [
            {**part.label, "target": name, **score(part, name, permutations, folds)}
            for name in names or part.targets
        ]
    return pd.DataFrame(rows)


def drawn(part: Samples, most: int) -> Samples:
    """Some of the samples, in their order.

    Args:
        part: the samples.
        most: how many are kept.
    """
    if len(part.episode) <= most:
        return part
    some = np.random.default_rng(0).choice(len(part.episode), most, replace=False)
    some.sort()
    targets = {name: value[some] for name, value in part.targets.items()}
    return Samples(part.features[some], targets, part.episode[some], part.label)


def score(part: Samples, name: str, permutations: int, folds: int) -> dict[str, Any]:
    """Cross-validated score of a linear probe, and that of permuted targets.

    Whole episodes are held out. The targets are permuted between episodes, so that the samples of
    an episode stay together.

    Args:
        part: the samples.
        name: the target.
        permutations: number of permutations.
        folds: folds of the cross-validation.
    """
    target, group = part.targets[name], part.episode
    values, count = np.unique(target), len(np.unique(group))
    row: dict[str, Any] = {"samples": len(target)}
    if count < 2 * folds:
        raise ValueError(
            f"a probe with {folds} folds needs {2 * folds} episodes or more; {count} have samples"
        )
    if len(values) < 2:
        nothing = float("nan")
        return row | {"metric": "constant", "score": nothing, "chance": nothing, "p_value": nothing}
    classes = len(values) <= CLASSES
    chance = np.random.default_rng(0)
    found = cross_validated(part.features, target, group, classes, folds)
    null = [
        cross_validated(part.features, permuted(target, group, chance), group, classes, folds)
        for _ in range(permutations)
    ]
    at_least = sum(each >= found for each in null)
    row |= {"metric": "balanced accuracy" if classes else "R2", "score": found}
    return row | {"chance": float(np.mean(null)), "p_value": (1 + at_least) / (1 + permutations)}


def permuted(target: Array, group: Array, generator: np.random.Generator) -> Array:
    """Targets in which the episodes have changed places.

    Each sample takes the target of a sample of another episode, at the same place in it where it
    is as long, and so on from its beginning where it is shorter.

    Args:
        target: the targets.
        group: episode of each.
        generator: source of the permutation.
    """
    order = np.argsort(group, kind="stable")
    starts = np.unique(group[order], return_index=True)[1]
    parts = np.split(order, starts[1:])
    out = np.empty_like(target)
    for own, other in zip(parts, generator.permutation(len(parts)), strict=True):
        out[own] = np.resize(target[parts[other]], len(own))
    return out


def cross_validated(x: Array, target: Array, group: Array, classes: bool, folds: int) -> float:
    """Balanced accuracy or R2 of a linear model on episodes that were held out.

    Args:
        x: features.
        target: targets.
        group: episode of each.
        classes: classify.
        folds: number of folds.
    """
    linear, selection = sklearn("linear_model"), sklearn("model_selection")
    scaler = sklearn("preprocessing").StandardScaler()
    model = linear.LogisticRegression(max_iter=1000) if classes else linear.Ridge()
    pipeline = sklearn("pipeline").make_pipeline(scaler, model)
    labels = np.unique(target, return_inverse=True)[1] if classes else target
    folded = selection.StratifiedGroupKFold(folds) if classes else selection.GroupKFold(folds)
    predicted = np.empty(len(target), dtype=labels.dtype)
    with warnings.catch_warnings():
        # A value in fewer episodes than folds is predicted in those that have it, and counts.
        warnings.filterwarnings("ignore", "The least populated class")
        parts = list(folded.split(x, labels, group))
    for train, test in parts:
        if classes and len(np.unique(labels[train])) < 2:
            predicted[test] = labels[train][0]
        else:
            predicted[test] = pipeline.fit(x[train], labels[train]).predict(x[test])
    metrics = sklearn("metrics")
    measure = metrics.balanced_accuracy_score if classes else metrics.r2_score
    return float(measure(labels, predicted))


def sklearn(name: str) -> Any:
    """A module of scikit-learn.

    Args:
        name: its name.

    Raises:
        ImportError: names the extra that is not installed.
    """
    try:
        return import_module(f"sklearn.{name}")
    except ImportError as error:
        raise ImportError("probes need pip install 'graphmarl[inspect]'") from error
