"""Train methods for train scheduling in Flatland; compare the share of trains that arrive.

Rows of `links` exchange messages with the trains that are met on the rails ahead, the others with
all trains. All are trained far shorter than in the MAMBA paper (300,000 steps and more), with
settings for that; the settings of the paper's baseline are the defaults of `flatland_winner`.
`scripts/baselines_flatland.py` measures shortest-path trains.

Examples:
  python scripts/train_flatland.py --list
  python scripts/train_flatland.py --method flatland_winner mappo --seeds 0
  python scripts/train_flatland.py --task flatland-10 --steps 100000
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("flatland", __doc__)
