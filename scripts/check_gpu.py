"""A GPU against the CPU: the same results, speeds and memory, in at most eight minutes.

Environments play the same actions on both devices. Methods update once on the same trajectory, with
random numbers that are drawn on the CPU for both. Trainings run, go on from their checkpoint and
are evaluated on both devices. A row is wrong if it differs by more than the tolerance:

- an environment: the return of the median copy by 1e-4, relative to 1 + |return|. In a few copies a
  rounding may decide a battle or a collision, so the mean over copies may differ by 1e-2;
- an update: parameters by 1 % of their change, in the mean. Adam turns the rounding of a gradient
  that is nearly zero into a step of full length, so single ones may differ by more;
- an evaluation: the mean return by 5 %, relative to 1 + |return|: greedy actions may tie.

The status is 1 if a row is wrong or fails, else 0, also on a machine without a GPU.

Examples:
  python scripts/check_gpu.py
  python scripts/check_gpu.py --quick --methods ippo qmix vpp
  python scripts/check_gpu.py --device cpu --quick     # the CPU against itself, to try the script
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from graphmarl.data import Collector, Trajectory
from graphmarl.envs import ENVS, make_env
from graphmarl.experiment.evaluate import Evaluation, evaluate
from graphmarl.experiment.train import resume, train
from graphmarl.graphs import make_graph
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.resolver import construct, options_of
from graphmarl.results.tables import read_rows
from graphmarl.step import Environment, Step

CPU = torch.device("cpu")
TENSOR_ENVS = [name for name, kind in ENVS.items() if "device" in options_of(kind)]
TRAINED = ("ippo", "qmix", "vpp", "pic", "mamba_small")
SMALL = {"learning_starts": 16, "batch_size": 32, "buffer_size": 4_000, "gradient_steps": 1}
SMALL |= {"rollout_length": 16, "depth": 1, "train_interval": 64, "sequence_length": 8}
SMALL |= {"model_gradient_steps": 2, "policy_gradient_steps": 1, "imagination_horizon": 5}
SMALL |= {"episodes": 8, "code_epochs": 1, "flow_epochs": 1}
COLUMNS = ("what", "difference", "allowed", "CPU steps/s", "GPU steps/s", "GPU MiB", "verdict")
Row = dict[str, str]


NEW = {torch.rand, torch.randn, torch.randint, torch.randperm, torch.rand_like, torch.randn_like}
NEW |= {torch.multinomial, torch.bernoulli, torch.normal, torch.poisson}
NEW |= {getattr(torch, "_standard_gamma"), torch.nn.functional.dropout}  # noqa: B009
FILLED = {getattr(Tensor, f"{name}_") for name in ("exponential", "uniform", "normal")}
FILLED |= {Tensor.random_, Tensor.bernoulli_, Tensor.log_normal_}


class DrawnOnCPU(TorchFunctionMode):
    """Random numbers of any device are drawn on the CPU, so that they are the same on each."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = next((x for x in args if isinstance(x, Tensor)), None)
        device = kwargs.get("device") or (given.device if given is not None else CPU)
        if func not in NEW | FILLED or torch.device(device) == CPU:
            return func(*args, **kwargs)
        kwargs.pop("device", None)
        here = [x.cpu() if isinstance(x, Tensor) else x for x in args]
        drawn = func(*here, **kwargs)
        return args[0].copy_(drawn) if func in FILLED else drawn.to(device)


class Check:
    """Runs checks until the time is spent, and keeps their rows.

    Args:
        device: device that is compared with the CPU.
        seconds: time for all checks.
    """

    def __init__(self, device: torch.device, seconds: float) -> None:
        self.device, self.end = device, time.perf_counter() + seconds
        self.rows: list[Row] = []
        self.left_out: list[str] = []

    def run(self, what: str, check: Callable[[], Row]) -> None:
        """Make one row; an error is a row too.

        Args:
            what: name of the row.
            check: gives the other columns.
        """
        if time.perf_counter() > self.end:
            self.left_out.append(what)
            return
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        try:
            row = check()
        except Exception as error:  # whatever a device may raise
            row = {"verdict": f"FAILS: {type(error).__name__}: {' '.join(str(error).split())}"}
        self.rows.append({"what": what, "GPU MiB": self._memory(), **row})
        line = [f"{self.rows[-1].get(name, ''):>12}" for name in COLUMNS[1:]]
        print(f"{what:38}{''.join(line)}", flush=True)

    def _memory(self) -> str:
        if self.device.type != "cuda":
            return ""
        return f"{torch.cuda.max_memory_allocated(self.device) / 2**20:,.0f}"

    def wait(self) -> None:
        """Wait for the device, so that its time is counted."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], Any]) -> float:
        """Time that some work takes.

        Args:
            work: the work.
        """
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start


def verdict(difference: float, allowed: float) -> Row:
    """The columns that say whether a difference is allowed."""
    said = "ok" if difference <= allowed else "WRONG"
    return {"difference": f"{difference:.1e}", "allowed": f"{allowed:.0e}", "verdict": said}


def legal(env: Environment, step: Step, seed: int) -> Tensor:
    """Random legal actions, the same on every device."""
    size = (env.num_envs, env.spec.num_agents, env.spec.num_actions)
    noise = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    noise = noise.to(step.alive.device)
    if env.spec.action == "continuous":
        return 2 * noise - 1
    return (noise if step.available is None else noise * step.available).argmax(-1)


def returns_of(env: Environment, actions: Sequence[Tensor]) -> Tensor:
    """Return of each copy after some actions."""
    env.reset(0)
    total = torch.zeros(env.num_envs, dtype=torch.float64, device=env.device)
    for action in actions:
        total += env.step(action.to(env.device)).reward.sum(1)
    return total.cpu()


def check_environment(check: Check, name: str, copies: int, steps: int) -> Row:
    """Play the same actions on both devices."""
    here = make_env(name, num_envs=copies)
    there = make_env(name, num_envs=copies, device=str(check.device))
    step, actions = here.reset(0), []
    for number in range(steps):
        actions.append(legal(here, step, number))
        step = here.step(actions[-1])
    one, two = returns_of(here, actions), returns_of(there, actions)
    apart = (one - two).abs() / (1 + one.abs())
    moved = [action.to(check.device) for action in actions]
    rates = [
        copies * steps / check.seconds(lambda e=env, a=made: returns_of(e, a))
        for env, made in ((here, actions), (there, moved))
    ]
    row = verdict(float(apart.median()), 1e-4)
    if float(apart.mean()) > 1e-2:
        row = verdict(float(apart.mean()), 1e-2)
    return row | {"CPU steps/s": f"{rates[0]:,.0f}", "GPU steps/s": f"{rates[1]:,.0f}"}


def learner_of(name: str, env: Environment, device: torch.device) -> Learner:
    """A small learner that trains without a trainer."""
    known = options_of(METHODS[name])
    options: dict[str, Any] = {key: value for key, value in SMALL.items() if key in known}
    if "tree" in known:
        options["tree"] = next(iter(env.spec.layout))
    torch.manual_seed(0)
    learner: Any = construct("method", name, METHODS[name], options, env.spec).to(device)
    made = learner.configure_optimizers()
    learner.optimizers = lambda: made
    learner.manual_backward = lambda loss: loss.backward()
    return learner


def trajectories(name: str, count: int) -> list[Trajectory]:
    """What a learner plays on the CPU before its first update."""
    env = make_env("navigation", num_agents=6, horizon=10, num_envs=8)
    learner = learner_of(name, env, CPU)
    graph = make_graph("knn:k=3")
    playing = iter(Collector(env, graph, learner, 10**6, learner.rollout_length, 0))
    return [next(playing) for _ in range(count)]


def updated(name: str, parts: Sequence[Trajectory], device: torch.device) -> tuple[Tensor, Tensor]:
    """Parameters before and after updates on some trajectories."""
    env = make_env("navigation", num_agents=6, horizon=10, num_envs=8)
    learner = learner_of(name, env, device)
    before = torch.cat([p.detach().flatten().cpu() for p in learner.parameters()])
    torch.manual_seed(1)
    with DrawnOnCPU():
        for part in parts:
            learner.update(part.to(device))
            if learner.updated_last:
                break
    return before, torch.cat([p.detach().flatten().cpu() for p in learner.parameters()])


def check_update(check: Check, name: str) -> Row:
    """Update on the same trajectory on both devices."""
    parts = trajectories(name, 6)
    before, one = updated(name, parts, CPU)
    _, two = updated(name, parts, check.device)
    change = (one - before).abs().mean()
    if change == 0:
        raise RuntimeError("no parameter changed")
    return verdict(float((one - two).abs().mean() / change), 1e-2)


def check_training(check: Check, name: str, copies: int, steps: int) -> Row:
    """Train on each device, go on from the checkpoint, and evaluate on both."""
    known = options_of(METHODS[name])
    method = {"name": name, **{k: v for k, v in SMALL.items() if k in known}}
    env = {"name": "navigation", "num_agents": 10, "num_envs": copies}
    rates: dict[str, float] = {}
    found: dict[str, Evaluation] = {}
    with tempfile.TemporaryDirectory() as folder:
        for device in dict.fromkeys(("cpu", str(check.device))):
            where: Any = {"runs": folder, "name": device.replace(":", "-"), "device": device}
            run = train(method, env, "knn:k=4", steps, **where, progress=False)
            taken = [float(row["seconds"]) for row in read_rows(run.path / "timing.csv")[1:]]
            done = float(run.metrics()[-1]["env_steps"]) - float(run.metrics()[0]["env_steps"])
            rates[device] = done / max(sum(taken), 1e-9)
            trained = resume(run, steps=2 * steps, progress=False)
            found = {d: evaluate(trained, 32, device=d) for d in ("cpu", str(check.device))}
        one, two = (found[d].mean_return.mean for d in ("cpu", str(check.device)))
    row = verdict(abs(one - two) / (1 + abs(one)), 5e-2)
    first, last = rates["cpu"], rates[str(check.device)]
    return row | {"CPU steps/s": f"{first:,.0f}", "GPU steps/s": f"{last:,.0f}"}


def run_all(check: Check, given: argparse.Namespace) -> None:
    """All checks, those that find most first."""
    copies, steps = (16, 10) if given.quick else (1024, 25)
    for name in given.methods:
        check.run(f"update of {name}", lambda n=name: check_update(check, n))
    for name in given.envs:
        # Engines of many units and vehicles take long on the CPU.
        fewer = copies // 8 if name in ("traffic", "skirmish") else copies
        check.run(
            f"environment {name}", lambda n=name, c=fewer: check_environment(check, n, c, steps)
        )
    copies, steps = (8, 600) if given.quick else (256, 40_000)
    for name in TRAINED:
        if name in given.methods:
            check.run(f"training of {name}", lambda n=name: check_training(check, n, copies, steps))


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; returns the status.

    Args:
        words: arguments; those of the command line without it.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="what is compared with the CPU")
    parser.add_argument("--minutes", type=float, default=8.0, help="time for all checks")
    parser.add_argument("--quick", action="store_true", help="few copies and steps")
    parser.add_argument("--methods", nargs="*", default=[*METHODS], choices=[*METHODS, []])
    parser.add_argument("--envs", nargs="*", default=TENSOR_ENVS, choices=[*TENSOR_ENVS, []])
    given = parser.parse_args(words)
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("This machine has no GPU that PyTorch can use: there is nothing to compare.")
        return 0
    device = torch.device(given.device)
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}")
        # Products of 19 instead of 24 bits would be compared with those of the CPU.
        torch.set_float32_matmul_precision("highest")
    print(f"{COLUMNS[0]:38}{''.join(f'{name:>12}' for name in COLUMNS[1:])}")
    check = Check(device, 60 * given.minutes)
    run_all(check, given)
    wrong = [row["what"] for row in check.rows if row["verdict"] != "ok"]
    print(f"{len(check.rows) - len(wrong)} of {len(check.rows)} rows are as they should be")
    if check.left_out:
        print(f"left out after {given.minutes:g} minutes: {', '.join(check.left_out)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
