"""Train methods for traffic signal control; compare the average travel time (CityFlow's, seconds).

`scripts/baselines_traffic.py` measures fixed-time, self-organising and max-pressure control.

Examples:
  python scripts/train_cityflow.py --list
  python scripts/train_cityflow.py --task hangzhou_4x4 --method vpp dgn --seeds 0 1
  python scripts/train_cityflow.py --task grid_7x7 --method vpp --graph complete --steps 20000
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("cityflow", __doc__)
