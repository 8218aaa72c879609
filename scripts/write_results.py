"""Write `datasets/RESULTS.md` from the tables of measured runs, which may be collected first.

Examples:
  python scripts/write_results.py
  python scripts/write_results.py --collect mpe --runs runs --commit abc1234
"""

import argparse
from pathlib import Path

from graphmarl.experiment.suite_communication import COMMUNICATION, best_return
from graphmarl.results.collect import COLLECTORS, collect_trials
from graphmarl.results.page import results_page
from graphmarl.results.revisions import drop_remeasured
from graphmarl.results.run import Run

FOLDER = Path(__file__).parent.parent / "datasets"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collect", choices=COLLECTORS, help="family of the runs to collect")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of run folders")
    parser.add_argument("--commit", help="commit of the code that made the runs")
    given = parser.parse_args()
    if given.collect:
        if not given.commit:
            parser.error("--commit is needed to say what made the runs")
        COLLECTORS[given.collect](given.runs, given.commit, FOLDER)
        collect_trials(given.runs, given.commit, FOLDER)
        dropped = drop_remeasured(FOLDER)
        if dropped:
            print(f"{dropped} results from before a change of their method were replaced")
    best = [
        {"task": task, "row": row, "best": str(best_return(task, row))}
        for task, benchmark in COMMUNICATION.items()
        for row in benchmark.settings
        if not row.endswith("-shuffled")
    ]
    Run(FOLDER).write_rows("best_communication.csv", best)
    Run(FOLDER).write("RESULTS.md", results_page(FOLDER))


if __name__ == "__main__":
    main()
