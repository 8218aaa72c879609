"""Train what a claim of a paper needs, and print whether the results hold it.

The claims are in `datasets/claims.csv`. A contrast holds if the 95 % interval over seeds of one
side lies above that of the other. Finished runs are kept and interrupted ones continued.

Examples:
  python scripts/reproduce.py --list
  python scripts/reproduce.py all --budget smoke
  python scripts/reproduce.py ndq-sensor vpp-graph --budget cpu --jobs 2
"""

import argparse
import tempfile
from pathlib import Path

from graphmarl.experiment.reproduce import Budget, find_claims, reproduce
from graphmarl.results.claims import Claim, Finding, contrast_text, read_claims, verdict

FOLDER = Path(__file__).parent.parent / "datasets"
BUDGETS = Budget.__args__


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("claims", nargs="*", metavar="CLAIM", help="names of claims, or all")
    add(
        "--budget",
        choices=BUDGETS,
        default="cpu",
        help="one trajectory of one seed on the first task of a claim, the steps and seeds of the "
        "suite, or those of the paper (%(default)s)",
    )
    add(
        "--runs",
        type=Path,
        help="run folders are RUNS/FAMILY/TASK/ROW-seedN (runs; for smoke a temporary folder)",
    )
    add("--jobs", type=int, default=0, help="runs at a time; 0 trains in this process")
    add("--list", action="store_true", help="print the claims; train nothing")
    given = parser.parse_args()
    known = read_claims(FOLDER)
    if given.list:
        for claim in known:
            print(f"{claim.name}: {claim.statement} ({claim.paper}, {claim.source})")
        return
    if not given.claims:
        parser.error("name claims, or all; --list shows them")
    try:
        claims = find_claims(given.claims, known)
    except ValueError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as temporary:
        smoke = given.budget == "smoke"
        folder = given.runs or Path(temporary if smoke else "runs")
        show(claims, reproduce(claims, given.budget, folder, given.jobs, progress=not smoke))


def show(claims: list[Claim], found: dict[str, list[Finding]]) -> None:
    """Print the findings and the verdict of each claim."""
    for claim in claims:
        print(f"{claim.name}: {verdict(found[claim.name])}. {claim.statement}")
        for each in found[claim.name]:
            sign = "<" if claim.lower_is_better else ">"
            numbers = f"{each.better} {sign} {each.worse}"
            print(f"  {each.task}: {contrast_text(each.contrast)}: {numbers}: {each.answer}")


if __name__ == "__main__":
    main()
