"""Train methods for combat in Skirmish, or in StarCraft II by SMAC; compare the share of wins.

On the maps of the NDQ paper, where agents see at most 2 cells, NDQ, QMIX and TarMAC+QMIX are
recurrent, observe their last action and index, and train longer.
`scripts/baselines_skirmish.py` measures scripted policies.

Examples:
  python scripts/train_smac.py --task 3m --rows mappo qmix --seeds 0 1 2
  python scripts/train_smac.py --task 1o2r_vs_4r --rows ndq --episodes 1000 --cuts rank=80
  python scripts/train_smac.py --task 3m-ablations --seeds 0
  python scripts/train_smac.py --task smac-3m --rows mappo
  python scripts/train_smac.py --list
"""

from graphmarl.experiment.suite import SMAC
from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite(__doc__, SMAC, "3m", seeds=[0, 1, 2], episodes=100)
