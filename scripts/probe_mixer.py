"""Derivatives dQ_tot / dq_i of the mixer of a hallway run, by state.

Where the derivative vanishes, neither actions nor messages get a gradient.

Examples:
  python scripts/probe_mixer.py runs/hallway-4x4-ndq-seed0 runs/hallway-4x4-ndq-mixer=qmix-seed0
"""

import argparse
from contextlib import closing

import torch
from torch import Tensor

from graphmarl.agent_graph import agent_graph
from graphmarl.experiment.config import Config
from graphmarl.learners import QLearning
from graphmarl.nn import Output
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run


def probe(path: str) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of both agents, Q_tot of their greedy actions, and its slopes, in every state."""
    run = Run(path)
    plan = Config(run.config())
    lengths = torch.cartesian_prod(*(torch.arange(1, n + 1) for n in sizes(plan)))
    with closing(plan.environment(num_envs=len(lengths))) as env:
        learner = plan.learner(env.spec)
        assert isinstance(learner, QLearning) and learner.mixer is not None, "the run has no mixer"
        learner.load_state_dict(load_checkpoint(run.last())["state_dict"])
        env.reset(0)
        step = env.load_state_dict(env.state_dict() | {"place": lengths.float()})
        graph = agent_graph(step, env.spec, torch.zeros(step.alive.shape, dtype=torch.long))
        memory = torch.zeros(step.alive.numel(), learner.memory_size)
        output: Output = learner.eval().network(plan.builder()(graph), memory)[0]
        assert output.q is not None, "a value method has action values"
        q = output.q.detach().amax(-1).view(step.alive.shape).requires_grad_()
        total = learner.mixer(q, step.alive, step.state)
        (slope,) = torch.autograd.grad(total.sum(), q)
    return lengths, total.detach(), slope


def sizes(plan: Config) -> tuple[int, ...]:
    """Lengths of the hallways of a run."""
    with closing(plan.environment(num_envs=1)) as env:
        return env.lengths  # type: ignore[attr-defined]


def main() -> None:
    """Print one line for each kind of state of each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+")
    for path in parser.parse_args().runs:
        place, total, slope = probe(path)
        same = (place == place[:, :1]).all(1)
        print(path)
        for name, where in (("equal distances", same), ("unequal distances", ~same)):
            low, high = float(slope[where].min()), float(slope[where].max())
            value = float(total[where].mean())
            print(f"  {name}: Q_tot {value:.2f}, slopes {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
