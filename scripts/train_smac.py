"""Train methods to win battles of skirmish, or of the real game, and print and draw a table.

python scripts/train_smac.py --task 3m --rows mappo qmix --seeds 0 1 2
python scripts/train_smac.py --task 1o2r_vs_4r --rows ndq tarmac_qmix qmix --seeds 0 1
python scripts/train_smac.py --task smac-3m --rows mappo   # the real game, if it is installed
python scripts/train_smac.py --list

What is compared is the share of games that are won. `scripts/yardsticks_skirmish.py` has that of
policies that learn nothing, `graphmarl messages RUN` what is left of it when messages are cut.
"""

from rows import Row, Task, command

from graphmarl.envs.skirmish import MAPS

# One setting for all that learn from a replay, and one for all that do not.
OFF = "learning_rate=1e-3,batch=256,updates=4,rollout=4,replay=50000,exploration=0.4"
ON = "rollout=30,epochs=10,minibatch=512,learning_rate=1e-3,gamma=0.99,reward=team_to_end"
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
    "mamba_small": Row("mamba_small:reward_scale=5"),
}


if __name__ == "__main__":
    tasks = {
        name: Task(f"skirmish:map={name},num_envs=16", 100_000, ROWS, "win") for name in MAPS
    } | {
        f"smac-{name}": Task(f"smac:map_name={name},num_envs=16", 100_000, ROWS, "win")
        for name in MAPS
    }
    command(__doc__, tasks, "3m", seeds=[0, 1, 2], episodes=100)
