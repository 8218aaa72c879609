"""Collect what `scripts/train_mpe.py` left in run folders and print it as tables.

python scripts/report_mpe.py --runs runs --commit abc1234   # collect, then print
python scripts/report_mpe.py                                # print what was collected
"""

from pathlib import Path

from collected import command, keep

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows
from graphmarl.run import Run

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_mpe.csv"
KEYS = ("task", "row", "seed", "policy")


def collect(runs: Path, commit: str) -> None:
    """Write two lines for each run, greedy and stochastic; what is known of other runs stays."""
    lines = []
    for path in sorted(runs.glob("*/*/evaluation.csv")):
        config, told = Run(path.parent).config(), {"task": path.parent.parent.name}
        told["row"], _, told["seed"] = path.parent.name.rpartition("-seed")
        told["reward"] = config["env"].get("reward", "own")
        told["env_steps"], told["commit"] = str(config["steps"]), commit
        for row in read_rows(path):
            measured = {
                "policy": row["policy"],
                "minutes": f"{60 * float(row['hours']):.2f}",
                "return": row.get("team_return", row["return"]),
            }
            lines += [told | measured]
    keep(MEASURED, lines, KEYS)


def show() -> None:
    """Print a Markdown table for each task, the best stochastic return first."""
    tasks: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(MEASURED):
        tasks.setdefault(row["task"], {}).setdefault(row["row"], []).append(row)
    for task, rows in tasks.items():
        print(f"**{task}**\n")
        heads = ("row", "reward", "seeds", "env steps", "minutes", "greedy", "stochastic")
        print("| " + " | ".join(heads) + " |")
        print("| --- " * len(heads) + "|")
        for name, each in sorted(rows.items(), key=lambda item: -_mean(item[1], "stochastic")):
            minutes = [float(row["minutes"]) for row in each]
            cells = [name, each[0]["reward"], str(len(each) // 2)]
            cells += [f"{int(each[0]['env_steps']):,}", f"{sum(minutes) / len(minutes):.1f}"]
            cells += [_told(each, policy) for policy in ("greedy", "stochastic")]
            print("| " + " | ".join(cells) + " |")
        print()


def _returns(rows: list[dict[str, str]], policy: str) -> list[float]:
    """The returns of one way to act, one for each seed."""
    return [float(row["return"]) for row in rows if row["policy"] == policy]


def _mean(rows: list[dict[str, str]], policy: str) -> float:
    """Their mean."""
    returns = _returns(rows, policy)
    return sum(returns) / len(returns)


def _told(rows: list[dict[str, str]], policy: str) -> str:
    """Their mean with its interval; of one seed there is none."""
    return str(confidence_interval(_returns(rows, policy)))


if __name__ == "__main__":
    command(__doc__, collect, show)
