"""Train methods in the particle environments and on Grid agreement; compare returns.

Examples:
  python scripts/train_mpe.py --list
  python scripts/train_mpe.py --task navigation --method dgn vpp --seeds 0 1
  python scripts/train_mpe.py --task push --method vpp --graph complete --steps 300000
  python scripts/train_mpe.py --preset prey-predator/dgn
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("mpe", __doc__)
