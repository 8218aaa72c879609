"""Train methods to win battles of skirmish, or of the real game, and print and draw a table.

python scripts/train_smac.py --task 3m --rows mappo qmix --seeds 0 1 2
python scripts/train_smac.py --task 1o2r_vs_4r --rows ndq --episodes 1000 --cuts rank=80 rank=100
python scripts/train_smac.py --task 3m-ablations --seeds 0
python scripts/train_smac.py --task smac-3m --rows mappo   # the real game, if it is installed
python scripts/train_smac.py --list

What is compared is the share of games that are won. `scripts/yardsticks_skirmish.py` has that of
policies that learn nothing. On the maps of the NDQ paper, where agents see no farther than 2, its
rows and QMIX's have memories, know their last action and their place, and train longer.
"""

from rows import BRISK, Row, Task, command

from graphmarl.envs.skirmish import MAPS

# One setting for all that learn from a replay, and one for all that do not.
OFF = "learning_rate=1e-3,batch=256,updates=4,rollout=4,replay=50000,exploration=0.4"
ON = "rollout=30,epochs=10,minibatch=512,learning_rate=1e-3,gamma=0.99,reward=team_to_end"
SMALL = "mamba_small:reward_scale=5"
ROWS = {
    "mappo": Row(f"mappo:{ON}"),
    "ippo": Row(f"ippo:{ON}"),
    "coma": Row("coma:rollout=10,reward=team_to_end"),
    "commnet": Row(f"commnet:{ON}", graph="complete"),
    "g2anet": Row(f"g2anet:{ON}", graph="complete"),
    "qmix": Row(f"qmix:{OFF}"),
    "vdn": Row(f"vdn:{OFF}"),
    "qtran": Row(f"qtran:{OFF}"),
    "iql": Row(f"iql:{OFF},reward=team"),
    "ndq": Row(f"ndq:{OFF}", graph="complete"),
    "tarmac_qmix": Row(f"tarmac_qmix:{OFF}", graph="complete"),
    "mamba_small": Row(SMALL),
}
NDQ_MAPS = ("3b_vs_1h1m", "1o2r_vs_4r", "1o10b_vs_1r", "5z_vs_1ul", "ndq_3s_vs_5z", "ndq_MMM")
BRISK_SMALL = f"{SMALL},{BRISK}"
ABLATIONS = {
    "mamba_small": Row(BRISK_SMALL),
    "no_information": Row(f"{BRISK_SMALL},information=0"),
    "no_balance": Row(f"{BRISK_SMALL},balance=0.5"),
    "no_dropout": Row(f"{BRISK_SMALL},dropout=0"),
    "no_position": Row(f"{BRISK_SMALL},positional=false"),
}


def near_sighted(limit: int) -> dict[str, Row]:
    """Rows where agents see hardly anybody and must remember where they came from.

    Args:
        limit: steps of an episode at most; long ones are learned from less often.
    """
    memory = "recurrent=true,last_action=true,agent_id=true,learning_rate=1e-3,batch=32"
    memory += f",updates={max(1, 120 // limit)},rollout=8,replay=100000,exploration=0.3"
    memory += ",target=hard,target_every=200"
    return ROWS | {
        "ndq": Row(f"ndq:{memory},bits=3,beta=1e-3", graph="complete"),
        "tarmac_qmix": Row(f"tarmac_qmix:{memory}", graph="complete"),
        "qmix": Row(f"qmix:{memory}"),
    }


def skirmish(name: str) -> str:
    """The environment of a map."""
    return f"skirmish:map={name},num_envs=16"


if __name__ == "__main__":
    tasks = {name: Task(skirmish(name), 100_000, ROWS, "win") for name in MAPS}
    for name in NDQ_MAPS:
        tasks[name] = Task(skirmish(name), 300_000, near_sighted(MAPS[name].limit), "win")
    tasks["3m-ablations"] = Task(skirmish("3m"), 30_000, ABLATIONS, "win")
    tasks |= {
        f"smac-{name}": Task(f"smac:map_name={name},num_envs=16", 100_000, ROWS, "win")
        for name in MAPS
    }
    command(__doc__, tasks, "3m", seeds=[0, 1, 2], episodes=100)
