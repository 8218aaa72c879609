"""Linear probes: what messages and latent features say about the state."""

from __future__ import annotations

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
        targets: (sample, number) by name.
        episode: episode of each sample.
        label: columns that say where the samples are from.
    """

    features: Array
    targets: Mapping[str, Array]
    episode: Array
    label: Mapping[str, Any]


def targets_of(moment: RecordedStep, spec: Spec) -> dict[str, Tensor]:
    """What each agent observes, its action, and the state of its environment, by name.

    Parts of the observation have the names of `Spec.layout`.

    Args:
        moment: a recorded step.
        spec: shapes of the environment.

    Returns:
        (row, number) each.
    """
    obs = scaled(moment.step.obs).flatten(2).flatten(0, 1)
    parts = dict(spec.layout) or {"obs": slice(0, spec.obs_size)}
    found = {name: obs[:, part] for name, part in parts.items()}
    found["action"] = moment.action.flatten(0, 1).view(len(obs), -1)
    if moment.step.state is not None:
        found["state"] = moment.step.state.repeat_interleave(spec.num_agents, 0)
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
        part = drawn(part, most)
        for name in names or part.targets:
            target = target_of(part, name)
            found = score(part.features, target, part.episode, permutations, folds)
            rows.append({**part.label, "target": name, **found})
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


def target_of(part: Samples, name: str) -> Array:
    """A target: a part by name, or one of its numbers as `name_0`.

    Args:
        part: the samples.
        name: the target.

    Raises:
        ValueError: there is no such part or number.
    """
    whole, _, number = name.rpartition("_")
    if name in part.targets:
        return part.targets[name]
    if whole in part.targets and number.isdigit() and int(number) < part.targets[whole].shape[1]:
        return part.targets[whole][:, [int(number)]]
    sizes = {each: value.shape[1] for each, value in part.targets.items()}
    there = ", ".join(each if n == 1 else f"{each} (of {n})" for each, n in sizes.items())
    raise ValueError(f"target is {name!r}; there are {there}, and numbers of them as NAME_0")


def score(
    features: Array, target: Array, group: Array, permutations: int, folds: int
) -> dict[str, Any]:
    """Cross-validated score of a linear probe, and that of permuted targets.

    Whole episodes are held out. The targets are permuted between episodes, so that the samples of
    an episode stay together.

    Args:
        features: (sample, feature).
        target: (sample, number).
        group: episode of each sample.
        permutations: number of permutations.
        folds: folds of the cross-validation.
    """
    count, nothing = len(np.unique(group)), float("nan")
    row: dict[str, Any] = {"samples": len(target)}
    if count < 2 * folds:
        raise ValueError(
            f"a probe with {folds} folds needs {2 * folds} episodes or more; {count} have samples"
        )
    target = target[:, (target != target[:1]).any(0)]
    if not target.shape[1]:
        return row | {"metric": "constant", "score": nothing, "chance": nothing, "p_value": nothing}
    classes = target.shape[1] == 1 and len(np.unique(target)) <= CLASSES
    chance = np.random.default_rng(0)
    shuffled = [permuted(target, group, chance) for _ in range(permutations)]
    found, *null = cross_validated(features, [target, *shuffled], group, classes, folds)
    at_least = sum(each >= found for each in null)
    row |= {"metric": "balanced accuracy" if classes else "R2", "score": found}
    mean = float(np.mean(null)) if null else nothing
    return row | {"chance": mean, "p_value": (1 + at_least) / (1 + permutations)}


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
        out[own] = target[parts[other]][np.arange(len(own)) % len(parts[other])]
    return out


def cross_validated(
    x: Array, targets: Sequence[Array], group: Array, classes: bool, folds: int
) -> list[float]:
    """Balanced accuracy or R2 of ridge regression on episodes that were held out, by target.

    A class is predicted by the regression of its indicator, divided by the share of the class.

    Args:
        x: features.
        targets: targets with the same values, in other orders.
        group: episode of each sample.
        classes: classify.
        folds: number of folds.
    """
    metrics, values = sklearn("metrics"), np.unique(targets[0])
    y = np.stack(targets, 1)
    y = (y == values).astype(float) if classes else y
    shape, y = y.shape, y.reshape(len(y), -1)
    scaler, ridge = sklearn("preprocessing").StandardScaler(), sklearn("linear_model").Ridge()
    pipeline = sklearn("pipeline").make_pipeline(scaler, ridge)
    predicted = np.empty_like(y, dtype=float)
    for train, test in sklearn("model_selection").GroupKFold(folds).split(x, y, group):
        rows = pipeline.fit(x[train], y[train]).predict(x[test])
        predicted[test] = rows.reshape(len(test), -1)
        if classes:
            predicted[test] /= np.maximum(y[train].mean(0), 1e-9)
    chosen = predicted.reshape(shape)
    if classes:
        measure, best = metrics.balanced_accuracy_score, chosen.argmax(2)
        numbers = [np.searchsorted(values, true[:, 0]) for true in targets]
        return [float(measure(true, best[:, i])) for i, true in enumerate(numbers)]
    return [
        float(metrics.r2_score(true, chosen[:, i], multioutput="variance_weighted"))
        for i, true in enumerate(targets)
    ]


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
