"""Train methods on a didactic task over several seeds, and cut the messages of those that have any.

Examples:
  python scripts/train_didactic.py --list
  python scripts/train_didactic.py --task sensor --method ndq qmix vdn iql --seeds 0 1 2
  python scripts/train_didactic.py --task hallway-4x4 --method ndq ndq:mixer=qmix --steps 500000
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("didactic", __doc__)
