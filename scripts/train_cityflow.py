"""Train methods to set the signals of a road network, and print and draw a table.

python scripts/train_cityflow.py --task hangzhou_4x4 --rows vpp --seeds 0 1
python scripts/train_cityflow.py --task grid_7x7 --rows vpp vpp-complete --steps 20000
python scripts/train_cityflow.py --list

What is compared is the average travel time in seconds, as CityFlow defines it; less is better.
`scripts/yardsticks_traffic.py` has that of controllers that learn nothing.
"""

from rows import Row, Task, command

from graphmarl.envs.traffic.tasks import TASKS

# One setting for all that learn from a replay, and one for all that do not; none was tuned further.
OFF = "learning_rate=1e-3,batch=128,updates=8,rollout=4,replay=50000,warmup=1600"
SAC = f"{OFF},alpha=0.05,gradient=exact"
Q = f"{OFF},gamma=0.95"
LARGE = "learning_rate=1e-3,batch=8,updates=1,rollout=5,replay=200,warmup=25,alpha=0.05"
ON = "gamma=0.95,rollout=25"
ROWS = {
    "vpp": Row(f"vpp:{SAC}", graph="links"),
    "vpp-complete": Row(f"vpp:{SAC}", graph="complete"),
    "vpp-knn": Row(f"vpp:{SAC}", graph="knn:k=4"),
    "vpp-bethe": Row(f"vpp:{SAC},approximation=bethe", graph="links"),
    "vpp-quiet": Row(f"vpp:{SAC},state_messages=False", graph="links"),
    "ip": Row(f"ip:{SAC}", graph="links"),
    "independent-sac": Row(f"vpp:{SAC}", graph="none"),
    "dgn": Row(f"dgn:{Q}", graph="links"),
    "iql": Row(f"iql:{Q}", graph="none"),
    "pic": Row(f"pic:{OFF}", graph="links"),
    "maddpg": Row(f"maddpg:{OFF}", graph="links"),
    "mfq": Row(f"mfq:{Q}", graph="links"),
    "qmix": Row(f"qmix:{Q}", graph="links"),
    "neurcomm": Row(f"neurcomm:{ON}", graph="links"),
    "coma": Row(f"coma:{ON}", graph="links"),
}


if __name__ == "__main__":
    tasks = {
        name: Task(f"traffic:task={name},num_envs=16", 40_000, ROWS, "average_travel_time")
        for name in TASKS
    }
    # 1,225 signals: four episodes of 50 decisions.
    tasks["grid_35x35"] = Task(
        "traffic:task=grid_35x35,num_envs=1,horizon=50",
        200,
        {name: Row(f"{name}:{LARGE}", graph="links") for name in ("vpp", "ip")},
        "average_travel_time",
    )
    command(__doc__, tasks, "hangzhou_4x4", seeds=[0], episodes=64)
