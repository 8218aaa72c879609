"""Collect what `scripts/train_magent.py` left in run folders and print it beside Table II.

python scripts/report_magent.py --runs runs --commit abc1234   # collect, then print
python scripts/report_magent.py                                # print what was collected
"""

from pathlib import Path

from collected import command, keep

from graphmarl.report import read_rows, summary
from graphmarl.run import Run

FOLDER = Path(__file__).parent.parent / "datasets"
MEASURED = FOLDER / "measured_gather.csv"
PAPER = {
    (row["method"], row["map"], row["size"]): f"{row['return']} / {row['steps']}"
    for row in read_rows(FOLDER / "nvif_table2.csv")
}
TITLES = {"ippo": "IPPO", "nvif_ppo": "NVIF-PPO", "mappo": "MAPPO"}
TITLES |= {"nvif_dqn": "NVIF-DQN", "dgn": "DGN", "mfq": "MFQ"}


def collect(runs: Path, commit: str) -> None:
    """Write one line for each evaluation of each run; what is known of other runs stays."""
    lines = []
    for path in sorted(runs.glob("*/evaluation.csv")):
        env = Run(path.parent).config()["env"]
        where = {name: str(env[name]) for name in ("map", "size", "view_radius")}
        lines += [row | where | {"commit": commit} for row in read_rows(path)]
    keep(MEASURED, lines, ("name", "seed"))


def paper(row: dict[str, str]) -> str:
    """Return / steps that Table II gives for the same method and map, if it does."""
    plain = row["view_radius"] == "7" and row["name"].count("-") == 2
    method = TITLES[row["name"].split("-")[0]]
    return PAPER.get((method, row["map"], row["size"]), "") if plain else ""


def show() -> None:
    """Print a Markdown table: return / steps, mean and 95 % interval over seeds."""
    rows = read_rows(MEASURED)
    found = {(line["name"], line["policy"]): line for line in summary(rows)}
    order = sorted(rows, key=lambda row: (row["map"], int(row["size"]), row["name"]))
    print("| run | seeds | env steps | greedy | stochastic | paper |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, row in {row["name"]: row for row in order}.items():
        played = [found[name, policy] for policy in ("greedy", "stochastic")]
        numbers = " | ".join(f"{line['return']} / {line['steps']}" for line in played)
        count, steps = played[0]["seeds"], int(played[0]["env_steps"])
        print(f"| {name} | {count} | {steps:,} | {numbers} | {paper(row)} |")


if __name__ == "__main__":
    command(__doc__, collect, show)
