"""Train methods in a particle world (or jungle, or on the grid), and print and draw a table.

python scripts/train_mpe.py --task navigation --seeds 0 1
python scripts/train_mpe.py --task navigation --rows vpp ip --steps 300000
python scripts/train_mpe.py --list
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch

from graphmarl.ablate import run_seeds, write_report
from graphmarl.results import printed

# One setting for all that learn from a replay, and one for all that do not; none was tuned further.
OFF = "learning_rate=1e-3,batch=128,updates=2,rollout=4,replay=100000,warmup=2000"
Q = f"{OFF},gamma=0.95"
ON = "gamma=0.95,rollout=25"
SAC = f"{OFF},alpha=0.05"
GRID = "learning_rate=1e-2,batch=128,updates=2,rollout=8,warmup=512"


class Row(NamedTuple):
    """What a row of the table trains."""

    method: str
    reward: str
    graph: str | None = None


# Who learns from an agent's own reward gets the difference reward, whose sum is no return of the
# team; who learns the value of the team gets the team's.
NAVIGATION = {
    "vpp": Row(f"vpp:{SAC},gradient=exact,state_messages=False", "difference"),
    "vpp-bethe": Row(
        f"vpp:{SAC},gradient=exact,state_messages=False,approximation=bethe", "difference"
    ),
    "ip": Row(f"ip:{SAC},gradient=exact,state_messages=False", "difference"),
    "independent-sac": Row(f"vpp:{SAC},gradient=exact,state_messages=False", "difference", "none"),
    "dgn": Row(f"dgn:{Q}", "difference"),
    "pic": Row(f"pic:{OFF}", "team"),
    "maddpg": Row(f"maddpg:{OFF}", "team"),
    "maddpgs": Row(f"maddpgs:{OFF}", "team"),
    "neurcomm": Row(f"neurcomm:{ON}", "difference"),
    "coma": Row(f"coma:{ON}", "team"),
    "mfq": Row(f"mfq:{Q}", "difference"),
    "iql": Row(f"iql:{Q}", "difference"),
    "qmix": Row(f"qmix:{Q}", "team"),
    "ippo": Row(f"ippo:{ON}", "difference"),
    "vpp-team": Row(f"vpp:{SAC},gradient=gumbel,state_messages=False,reward_scale=15", "team"),
}
AGREEMENT = {
    "vpp": Row(f"vpp:{GRID}", "", "links"),
    "vpp-exact": Row(f"vpp:{GRID},gradient=exact", "", "links"),
    "vpp-bethe": Row(f"vpp:{GRID},approximation=bethe", "", "links"),
    "vpp-bethe-exact": Row(f"vpp:{GRID},approximation=bethe,gradient=exact", "", "links"),
    "ip": Row(f"ip:{GRID}", "", "links"),
    "ip-exact": Row(f"ip:{GRID},gradient=exact", "", "links"),
    "independent-sac": Row(f"vpp:{GRID}", "", "none"),
}
JUNGLE = {name: NAVIGATION[name] for name in ("vpp", "dgn", "mfq", "independent-sac")}
TASKS = {
    "navigation": ("navigation:num_envs=32,reward={reward}", 100_000, NAVIGATION),
    "grid": ("grid_agreement:num_envs=64", 40_000, AGREEMENT),
    "grid-random": ("grid_agreement:num_envs=64,couplings=random", 100_000, AGREEMENT),
    "grid-fixed": ("grid_agreement:num_envs=64,boundary=fixed", 100_000, AGREEMENT),
    "grid-5x5": ("grid_agreement:num_envs=64,rows=5,columns=5", 60_000, AGREEMENT),
    "grid-10x10": ("grid_agreement:num_envs=64,rows=10,columns=10", 60_000, AGREEMENT),
    "jungle": ("jungle:num_envs=16", 60_000, JUNGLE),
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="navigation", choices=TASKS)
    parser.add_argument("--rows", nargs="+", default=None, help="rows of the table; all without it")
    parser.add_argument("--list", action="store_true", help="print the rows and train nothing")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    env, steps, rows = TASKS[given.task]
    folder = Path(given.runs) / given.task
    for name in given.rows or rows:
        if name not in rows:
            parser.error(f"{given.task} has no row {name}; it has {', '.join(rows)}")
        row = rows[name]
        if given.list:
            print(f"{name}: {row}")
            continue
        run_seeds(
            name,
            row.method,
            env.format(reward=row.reward),
            row.graph,
            given.steps or steps,
            given.seeds,
            str(folder),
            given.episodes,
        )
    if not given.list:
        for policy in ("greedy", "stochastic"):
            print(policy, printed(write_report(folder, policy)), sep="\n", flush=True)
        print(folder / "ablation.png")


if __name__ == "__main__":
    main()
