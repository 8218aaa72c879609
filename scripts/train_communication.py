"""Train methods on tasks with known best returns, with, without and on shuffled edges.

The best return follows from the rounds of messages and the memory: `best_return` of relay, sensor,
hallway and Grid agreement.

Examples:
  python scripts/train_communication.py --list
  python scripts/train_communication.py --task relay-2-hops --method dgn dgn-none dgn-shuffled
  python scripts/train_communication.py --task relay-memory --method neurcomm vpp --seeds 0 1
  python scripts/train_communication.py --task sensor-graphs --method tarmac tarmac-none
  python scripts/train_communication.py --method dgn commnet --tune-budget 20
"""

from graphmarl.experiment.train_suite import train_suite

if __name__ == "__main__":
    train_suite("communication", __doc__)
