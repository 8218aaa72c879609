"""Train methods for combat in Skirmish, or in StarCraft II by SMAC; compare the share of wins.

On the maps of the NDQ paper, where agents see at most 2 cells, NDQ, QMIX and TarMAC+QMIX are
recurrent, observe their last action and index, and train longer.
`scripts/baselines_skirmish.py` measures scripted policies.

Examples:
  python scripts/train_smac.py --list
  python scripts/train_smac.py --task 3m --method mappo qmix --seeds 0 1 2
  python scripts/train_smac.py --task 1o2r_vs_4r --method ndq --episodes 1000 --cuts rank=80
  python scripts/train_smac.py --task 3m-ablations --seeds 0
  python scripts/train_smac.py --task smac-3m --method mappo
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("smac", __doc__)
