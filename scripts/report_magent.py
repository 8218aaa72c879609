"""Collect what `scripts/train_magent.py` left in run folders and print it beside Table II.

python scripts/report_magent.py --runs runs --commit abc1234   # collect, then print
python scripts/report_magent.py                                # print what was collected
"""

import argparse
import csv
from pathlib import Path

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
    new = {(row["name"], row["seed"]) for row in lines}
    lines = [row for row in read_rows(MEASURED) if (row["name"], row["seed"]) not in new] + lines
    with open(MEASURED, "w", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


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


def show_main() -> None:
    """Print the README's table: greedy return / steps of two methods beside the paper's."""
    rows = [row for row in read_rows(MEASURED) if row["view_radius"] == "7"]
    found = {
        line["name"]: f"{line['return']} / {line['steps']}"
        for line in summary(row for row in rows if row["policy"] == "greedy")
    }
    print("| map | env steps, seeds | NVIF-PPO | paper | IPPO | paper |")
    print("| --- | --- | --- | --- | --- | --- |")
    for place in ("normal-24", "random-24", "normal-48", "random-48", "normal-96", "random-96"):
        names = [f"{method}-{place}" for method in ("nvif_ppo", "nvif_ppo-episodes=32", "ippo")]
        mine = [row for row in rows if row["name"] in names]
        if not mine:
            continue
        seeds = len({row["seed"] for row in mine})
        steps = sorted({int(row["env_steps"]) // 1000 * 1000 for row in mine})
        told = " and ".join(f"{count:,}" for count in steps)
        first = found.get(names[0], found.get(names[1], ""))
        kind, size = place.split("-")
        theirs = [PAPER[title, kind, size] for title in ("NVIF-PPO", "IPPO")]
        numbers = f"{first} | {theirs[0]} | {found.get(names[2], '')} | {theirs[1]}"
        print(f"| {place} | {told}, {seeds} | {numbers} |")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="collect from these run folders first")
    parser.add_argument("--commit", help="of the code that made them")
    parser.add_argument("--main", action="store_true", help="print the table of the README")
    given = parser.parse_args()
    if given.runs:
        if not given.commit:
            parser.error("--commit is needed to say what made the runs")
        collect(given.runs, given.commit)
    if given.main:
        show_main()
    else:
        show()


if __name__ == "__main__":
    main()
