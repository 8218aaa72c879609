"""Train methods in Gather, Jungle and Battle of MAgent; compare returns.

`datasets/RESULTS.md` has the results on Gather beside Table II of the NVIF paper, and
`scripts/baselines_magent.py` measures policies without learning.

Examples:
  python scripts/train_magent.py --list
  python scripts/train_magent.py --task gather-normal-24 --method nvif_ppo ippo --seeds 0 1 2
  python scripts/train_magent.py --task gather-random-24 --method nvif_ppo:alpha=0 --steps 40000
  python scripts/train_magent.py --task gather-random-24 --evaluate-env "{map: normal, size: 48}"
  python scripts/train_magent.py --preset jungle/dgn
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("magent", __doc__)
