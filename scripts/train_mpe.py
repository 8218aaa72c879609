"""Train methods in a particle world (or jungle, or on the grid), and print and draw a table.

python scripts/train_mpe.py --task navigation --seeds 0 1
python scripts/train_mpe.py --task navigation --rows vpp ip --steps 300000
python scripts/train_mpe.py --list
"""

from rows import Row, Task, command

# One setting for all that learn from a replay, and one for all that do not; none was tuned further.
OFF = "learning_rate=1e-3,batch=128,updates=2,rollout=4,replay=100000,warmup=2000"
Q = f"{OFF},gamma=0.95"
ON = "gamma=0.95,rollout=25"
SAC = f"{OFF},alpha=0.05"
GRID = "learning_rate=1e-2,batch=128,updates=2,rollout=8,warmup=512"


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
    "navigation": Task("navigation:num_envs=32,reward={reward}", 100_000, NAVIGATION),
    "grid": Task("grid_agreement:num_envs=64", 40_000, AGREEMENT),
    "grid-random": Task("grid_agreement:num_envs=64,couplings=random", 100_000, AGREEMENT),
    "grid-fixed": Task("grid_agreement:num_envs=64,boundary=fixed", 100_000, AGREEMENT),
    "grid-5x5": Task("grid_agreement:num_envs=64,rows=5,columns=5", 60_000, AGREEMENT),
    "grid-10x10": Task("grid_agreement:num_envs=64,rows=10,columns=10", 60_000, AGREEMENT),
    "jungle": Task("jungle:num_envs=16", 60_000, JUNGLE),
}


if __name__ == "__main__":
    command(__doc__, TASKS, "navigation", seeds=[0, 1], episodes=256)
