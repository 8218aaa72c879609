"""Train methods to run the trains of Flatland, and print and draw a table of shares that arrive.

python scripts/train_flatland.py --rows flatland_winner mappo --seeds 0
python scripts/train_flatland.py --task flatland-10 --steps 100000
python scripts/train_flatland.py --list

`scripts/yardsticks_flatland.py` has the shares of trains that learn nothing. The rows of `links`
hear those trains that they meet on the rails ahead, the others everybody. All are trained far
shorter than in the MAMBA paper (300,000 steps and more), with settings for that; those of the
paper's baseline are the defaults of `flatland_winner`.
"""

from rows import BRISK, Row, Task, command

from graphmarl.envs.flatland import TASKS

ON = "learning_rate=5e-4,gamma=0.995,rollout=64,epochs=4,minibatch=512,reward_scale=0.3"
OFF = "learning_rate=5e-4,batch=8,updates=4,rollout=4,replay=512"
# In most dreams nobody arrives, and standardised advantages would be noise; each train has its own
# reward, as in Flatland.
SMALL = f"mamba_small:standardise=false,reward=agent,{BRISK}"
ROWS = {
    "mamba_small": Row(SMALL, graph="complete"),
    "mamba_small_links": Row(SMALL, graph="links"),
    "flatland_winner": Row(f"flatland_winner:{ON}", graph="links"),
    "flatland_winner_complete": Row(f"flatland_winner:{ON}", graph="complete"),
    "mappo": Row(f"mappo:{ON}"),
    "ippo": Row(f"ippo:{ON}"),
    "qmix": Row(f"qmix:{OFF}"),
}


if __name__ == "__main__":
    envs = {name: f"flatland:task={name},num_envs=8" for name in TASKS}
    tasks = {name: Task(env, 50_000, ROWS, "arrived") for name, env in envs.items()}
    command(__doc__, tasks, "flatland-5", seeds=[0], episodes=100)
