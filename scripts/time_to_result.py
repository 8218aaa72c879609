"""Time to the same result: training of one side for some minutes, and the table of all sides.

Each side, task and seed is trained on its own and has a file of evaluations; those that have one
are not trained again. Seconds are CPU time of training with all child processes, without imports,
setup and evaluations. `time_to_result_peers.py` trains the sides that are another code. The
threshold of a task is the mean return of the last three evaluations of its peer, over seeds, unless
it is a number. A side reaches it at the first evaluation from which the mean of that and the next
two is at least as high.

Examples:
  python scripts/time_to_result.py ours-pic results --seed 0 --minutes 20 --stop
  python scripts/time_to_result.py --table results
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from time_to_result_env import SpreadFromStarts
from time_to_result_record import COLUMNS_OF, Record, read, table, threshold

import graphmarl as gm
from graphmarl.data import Collector
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import LearnerPolicy
from graphmarl.learners import Learner
from graphmarl.resolver import split_name

EPISODES = 2_000_000
"""Seed of the episodes of evaluations."""
# The settings that PIC is released with, and what its code does: of its gradients only the first
# is clipped.
PIC = (
    "pic:actions=relaxed,target_action=relaxed,learning_rate=1e-2,final_learning_rate=0,"
    "batch_size=1024,gradient_steps=8,buffer_size=100000,learning_starts=1024,"
    "max_grad_norm=1e9,reward_scale=15"
)
PIC_SUITE = (
    "pic:learning_rate=1e-3,batch_size=128,gradient_steps=2,rollout_length=4,"
    "buffer_size=100000,learning_starts=2000"
)
SPREAD = "navigation:num_agents=15,quirks=True"
# BenchMARL's defaults, with the layers of `benchmark_peers.py`; a minibatch of 400 frames.
MAPPO = {
    "name": "benchmark_training:GraphMAPPO",
    "layer": "GraphConv",
    "options": {"aggr": "mean"},
    "hidden": 64,
    "learning_rate": 5e-5,
    "final_learning_rate": 1.0,
    "gamma": 0.99,
    "gae_lambda": 0.9,
    "clip_range": 0.2,
    "entropy_coef": 0.0,
    "value_coef": 1.0,
    "epochs": 45,
    "minibatch_size": 1200,
    "max_grad_norm": 5.0,
    "optimizer_eps": 1e-6,
    "normalize_advantage": False,
    "reward_scale": 1.0,
    "rollout_length": 100,
}
# Its policy has a standard deviation of 1 at the beginning. That of ours depends on the state
# through a tanh, or is a free parameter; layers begin as orthogonal ones, or as PyTorch makes them.
STATE_STD = MAPPO | {"policy": {"gain": 1.0, "log_std_init": 0.0}}
FREE_STD = MAPPO | {
    "orthogonal": False,
    "policy": {"std": "free", "log_std_init": 0.0},
}
TUNED = {"learning_rate": 3e-4, "epochs": 10}
GRAPH_MAPPO = {
    "ours-gnn-mappo-defaults": MAPPO,
    "ours-gnn-mappo-state-std": STATE_STD,
    "ours-gnn-mappo-state-std-tuned": STATE_STD | TUNED,
    "ours-gnn-mappo": FREE_STD,
    "ours-gnn-mappo-tuned": FREE_STD | TUNED,
}


class Side(NamedTuple):
    """A method of graphmarl on a task.

    Args:
        task: the task.
        method: method and options.
        env: environment and options.
        steps: environment steps for which schedules are made.
        every: CPU seconds of training between evaluations.
        episodes: episodes of an evaluation.
        scale: factor on returns that makes them those of the peer.
    """

    task: str
    method: Any
    env: str
    steps: int
    every: float
    episodes: int = 128
    scale: float = 1.0


SIDES = {
    "ours-pic": Side(
        "spread-15", f"{PIC},rollout_length=104", f"{SPREAD},num_envs=1", 1_500_000, 30
    ),
    "ours-pic-copies": Side(
        "spread-15", f"{PIC},rollout_length=26", f"{SPREAD},num_envs=4", 1_500_000, 30
    ),
    "ours-pic-suite": Side("spread-15", PIC_SUITE, f"{SPREAD},num_envs=32", 1_000_000, 5),
    # Another method, whose agents are paid what the team would lose without them.
    "ours-ippo": Side(
        "spread-15",
        "ippo:gamma=0.95,rollout_length=25",
        f"{SPREAD},num_envs=32,reward=difference",
        100_000,
        2,
    ),
    **{
        name: Side(
            "vmas-navigation-3", method, "time_to_result_env:VmasNavigation", 10**7, 10, 128, 1 / 3
        )
        for name, method in GRAPH_MAPPO.items()
    },
    "ours-ndq": Side("sensor", "ndq", "sensor:num_envs=64", 150_000, 2, 512),
}
"""Sides by name."""


class Evaluations(Callback):
    """Evaluates at intervals of CPU time, and ends training with the record.

    Args:
        record: has the evaluations.
        side: what is trained.
    """

    def __init__(self, record: Record, side: Side) -> None:
        self.record, self.side = record, side
        starts = record.path.parent / f"{side.task}-starts.json"
        name, options = split_name(side.env, "environment")
        options |= {"num_envs": side.episodes}
        if starts.exists():
            action = str(options.get("action", "discrete"))
            self.env: Any = SpreadFromStarts(starts, side.episodes, action)  # type: ignore[arg-type]
        else:
            self.env = gm.make_env(name, **options)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the record."""
        self.record.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate if it is time for it."""
        collector: Any = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(collector, Collector), "training has one"
        assert isinstance(pl_module, Learner), "it is trained"
        self.record.evaluate(collector.env_steps, lambda: self.play(pl_module))
        if self.record.ended(collector.env_steps):
            trainer.should_stop = True

    def play(self, learner: Learner) -> tuple[float, float]:
        """Mean returns of the policy of training and of the greedy one.

        Args:
            learner: the learner.
        """
        learner.eval()
        found = [self.mean_return(learner, greedy) for greedy in (False, True)]
        learner.train()
        return found[0], found[1]

    def mean_return(self, learner: Learner, greedy: bool) -> float:
        """Mean return of the same episodes every time, in the units of the peer.

        Args:
            learner: the learner.
            greedy: take the most likely or most valuable action.
        """
        graph = learner.graph_for({})
        found = play(self.env, LearnerPolicy(self.env, learner, graph, greedy), EPISODES)
        returns = torch.tensor(found.returns)
        if self.side.task != "sensor":
            return float(returns.mean()) * self.side.scale
        second = self.env.reset(EPISODES).state[:, 1] > 0.5
        return float(returns[second].mean() + returns[~second].mean()) / 2


def train_side(given: argparse.Namespace) -> None:
    """Train a side for a seed.

    Args:
        given: arguments of the command.
    """
    side = SIDES[given.side]
    target = threshold(read(given.out), side.task) if given.stop else None
    key = (given.side, side.task, given.seed)
    column = COLUMNS_OF[side.task]
    record = Record(
        given.out, key, given.minutes, given.steps, given.every or side.every, target, column
    )
    if record.path.exists():
        return
    evaluations = Evaluations(record, side)
    with tempfile.TemporaryDirectory() as runs, closing(evaluations.env):
        gm.train(
            side.method,
            side.env,
            steps=side.steps,
            seed=given.seed,
            runs=runs,
            checkpoint_every=10**9,
            threads=1,
            callbacks=[evaluations],
            progress=False,
        )
    record.close()


def main() -> None:
    """Train one side for one seed, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("side", nargs="?", choices=SIDES)
    parser.add_argument("out", nargs="?", type=Path, help="folder of the files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20.0, help="CPU minutes of training")
    parser.add_argument("--steps", type=int, default=0, help="environment steps; 0 for no limit")
    parser.add_argument("--every", type=float, help="CPU seconds between evaluations")
    parser.add_argument("--stop", action="store_true", help="end at the threshold")
    parser.add_argument("--table", type=Path, metavar="FOLDER", help="print the table of a folder")
    given = parser.parse_args()
    if given.table:
        print(table(read(given.table)))
    elif given.side is None or given.out is None:
        parser.error("name a side and a folder, or --table FOLDER")
    else:
        train_side(given)


if __name__ == "__main__":
    main()
