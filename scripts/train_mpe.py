"""Train methods in the particle environments, on Grid agreement and Jungle; compare returns.

Examples:
  python scripts/train_mpe.py --task navigation --seeds 0 1
  python scripts/train_mpe.py --task navigation --rows vpp ip --steps 300000
  python scripts/train_mpe.py --list
"""

from graphmarl.experiment.suite import PARTICLE
from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite(__doc__, PARTICLE, "navigation", seeds=[0, 1], episodes=256)
