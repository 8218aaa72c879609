"""Write `datasets/RESULTS.md` from the tables of measured runs.

python scripts/write_results.py
"""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import report_cityflow
import report_didactic
import report_flatland
import report_magent
import report_mpe
import report_smac
from collected import yardsticks

PAGE = Path(__file__).parent.parent / "datasets" / "RESULTS.md"
HEAD = """# Results

`scripts/write_results.py` writes this page from the CSV files beside it; no number is typed in
by hand in a table. `+-` is the half-width of the 95 % interval over seeds; a single seed has
none. The commit of each run stands in the CSV file.
"""
GATHER = """
## Gather

`python scripts/train_magent.py --method METHOD --map MAP --size SIZE --steps STEPS --seeds
...`; mean return / steps over 32 fresh episodes, acting greedily and as in training, beside
Table II of the NVIF paper. What learns nothing (`scripts/yardsticks_magent.py --episodes 32
--keep`), return on normal-24: {yardsticks}. All rows are in `measured_gather.csv`. The order of
the paper does not come out: IPPO is as good as NVIF-PPO, and DGN and NVIF-DQN are better than
printed. Value methods share one setting, the first that was tried.
"""
DIDACTIC = """
## Sensor, hallway, independent search

`python scripts/train_didactic.py --task TASK --methods METHOD --seeds ...`; mean return over
4,096 fresh episodes, acting greedily with noisy messages, without a cut and with so many
percent of the bits of each step cut by rank (all copies ranked together), with 80 % cut within
each copy, and with all bits cut whose worth is under 2; in brackets the bits of a step that are
left. All rows are in `measured_didactic.csv`. Best returns: sensor 15 with messages and 12.5
without; hallway 10, without messages and memory 2.5 (4x4) and 1.67 (6x6); search 96. Minutes
were measured beside other work.

The settings of NDQ on hallway (`gamma`, `beta`, the mixer) were found in some fifteen trials on
[4,4]; QMIX, VDN, TarMAC and TarMAC+QMIX have had as many there, all of which are in the table.
"""


PARTICLE = """
## Navigation, grid agreement, jungle

`python scripts/train_mpe.py --task TASK --rows ... --seeds ...`; the return of the team over
fresh episodes, acting greedily and as in training, the best of the latter first. Each row has
one setting, which stands in that script; nobody's was tuned beyond it. Navigation (N = 15, 25
steps), what learns nothing (`scripts/yardsticks_particle.py --keep`): {yardsticks};
`difference` rewards an agent with what the team would lose without it, `team` is the papers'
reward. Minutes were measured beside other work.
"""


TRAFFIC = """
## Traffic

`python scripts/train_cityflow.py --task TASK --rows ... --seeds ...`; average travel time in
seconds (CityFlow's) and vehicles that wait at a signal, over 64 fresh episodes of 100 choices,
acting greedily and as in training, the shortest of the latter first. hangzhou_4x4 has the
dimensions and volume of the public network, and trips of our own. Each row has one setting, which
stands in that script; nobody's was tuned beyond it. Controllers that learn nothing
(`scripts/yardsticks_traffic.py --episodes 64 --seed 1000000 --keep`), travel time in the same
episodes: {yardsticks}. Minutes were measured beside other work.
"""
INTERPRETATION = """
How near the phases that a policy samples are to where the vehicles are (IP, Fig. 12), over all
movements of hangzhou_4x4: `scripts/interpret_traffic.py`, ten intervals of 640 env steps each.
In the first one the network is almost empty.
"""
COMBAT = """
## Combat

`python scripts/train_smac.py --task MAP --rows ... --seeds ...`; share of won games and return
over 100 fresh games of skirmish, acting greedily and as in training, the most wins of the latter
first (1,000 games on the maps of the NDQ paper). All that learn from a replay share one setting,
all on-policy methods another, COMA has its own; they stand in that script and were found on 3m in
a few trials each. Rows of 3m-ablations are MAMBA's without one of its parts, with a smaller model
than its row of 3m. Skirmish follows SMAC's rules but is not StarCraft II: its figures must not be
compared with those of the game, of which Table 3 of the MAMBA paper has won games in percent:
{paper}. Policies that learn nothing
(`scripts/yardsticks_skirmish.py --games 1000 --keep`), share of won games on 3m: {yardsticks}.
Minutes were measured beside other work.
"""
CUTS = """
Maps of the NDQ paper, where agents see no farther than 2: share of 1,000 games that are won,
acting greedily, when nothing, 80 % and all of the message bits of each step are cut
(`scripts/train_smac.py --task MAP --rows ... --episodes 1000 --cuts rank=80 rank=100`).
Policies that learn nothing, of which all but random and stop know where everyone is, share of won
games on 3b_vs_1h1m: {banelings}; on 1o2r_vs_4r: {roaches}. The paper trains for 20 million steps.
On 1o2r_vs_4r the overlord sees the same in each of the corners where it may begin, and walks a
quarter of a cell in a step: it has nothing to tell yet.
"""
FLATLAND = """
## Flatland

`python scripts/train_flatland.py --rows ... --seeds ...`; shares of trains that arrive and that
are in a deadlock at the end, over 100 fresh episodes of flatland-5 (five trains), acting greedily
and as in training, the most arrivals of the latter first. `links` hear the trains that they meet on
the rails ahead, the other rows everybody. Intervals are over episodes: a second seed may well lie
outside. The MAMBA paper trains for 300,000 steps and more; each row here has one setting, which
stands in that script. Minutes were measured beside other work.
"""


def printed(show: Callable[[], None]) -> str:
    """What a report prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show()
    return "\n" + text.getvalue()


def main() -> None:
    """Write the page."""
    gather = GATHER.format(yardsticks=yardsticks("gather normal-24", "return"))
    parts = [HEAD, gather, printed(report_magent.show), DIDACTIC, printed(report_didactic.show)]
    particle = PARTICLE.format(yardsticks=yardsticks("navigation-15", "team_return"))
    traffic = TRAFFIC.format(yardsticks=yardsticks("hangzhou_4x4", "average_travel_time"))
    parts += [particle, printed(report_mpe.show), traffic, printed(report_cityflow.show)]
    parts += [INTERPRETATION, printed(report_cityflow.show_interpretation)]
    combat = COMBAT.format(
        paper=report_smac.paper(("3m", "8m")), yardsticks=yardsticks("skirmish 3m", "win")
    )
    cuts = CUTS.format(
        banelings=yardsticks("skirmish 3b_vs_1h1m", "win"),
        roaches=yardsticks("skirmish 1o2r_vs_4r", "win"),
    )
    parts += [combat, printed(report_smac.show_battles), cuts, printed(report_smac.show_cuts)]
    parts += [FLATLAND, printed(report_flatland.show)]
    PAGE.write_text("".join(parts))


if __name__ == "__main__":
    main()
