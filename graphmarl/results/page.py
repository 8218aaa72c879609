"""The page of all measured results, `datasets/RESULTS.md`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphmarl.results.claims_page import (
    claim_lines,
    communication_lines,
    graph_lines,
    missed_lines,
)
from graphmarl.results.markdown import (
    baselines,
    benchmark_tables,
    cut_table,
    didactic_table,
    gather_table,
    interpretation_table,
    smac_paper,
    transfer_lines,
    win_curves,
)
from graphmarl.results.revisions import changes
from graphmarl.results.tables import read_rows
from graphmarl.results.trials import trial_lines

HEAD = """# Results

`scripts/write_results.py` writes this page from the CSV files beside it; no number is typed in
by hand in a table. `+-` is the half-width of Student's 95 % interval over seeds, since most rows
have too few for a bootstrap; a single seed has none. The commit of each run is in the CSV file;
runs of an earlier commit than the current one were not repeated, and options and rows are named as
they are today. Rows with a star were measured before a change of their method, and say nothing of
it as it is now (`measured_before.csv`):

{changes}
"""
CLAIMS = """
## Claims of the papers

Each line of `claims.csv` is a claim, `scripts/reproduce.py CLAIM` trains what it needs. A contrast
holds if the 95 % interval of one side lies above that of the other (below it, where less is
better), and is contradicted if it is the other way round; otherwise it is open, as with a single
seed. A claim holds if all of its contrasts do, and in part if some do; it is contradicted if none
holds and one is contradicted. Numbers are interquartile means over seeds with bootstrap intervals
of rliable, and the number of seeds. Rows with a star below count nowhere here.
"""
GRAPHS = """
## Where the graph pays

Each method on its graph, beside itself without edges and on edges between random agents, all else
equal; whether its advantage holds as above. On relay only messages tell the target the value, and
on Sensor only messages tell a sensor of what another one sees: the best returns with and without
them are proved in the tests. Rows that are missing were not run.
"""
COMMUNICATION = """
## Communication with known best returns

`python scripts/train_communication.py --task TASK --method ... --seeds ...`; mean return of 1,024
greedy episodes in the same form as above, on the edges of the task, without edges, and on edges
between random agents. Column `best` follows from the rounds of messages in each step, the memory
and the delay of the messages (`best_return` of the environments, proved in their tests).

On relay one of twelve agents (six where there is a delay of one step) sees a value of two, another
one must choose it: with messages over enough hops the best return is 1, without it is 0.5. On
shuffled edges the target is near the source by chance. On sensor messages are worth 15 instead of
12.5; NDQ has the complete graph of its paper there, the others that of the nearest sensors. On
hallway agents with a memory need no messages, as they can count steps; others reach 10 with and
2.5 without. MFQ and IP are left out there: the best return with last actions as messages is not
known, and the policies of IP are equal for two agents with an edge, since it sums over an agent
and its neighbours alike. On the grid with a fixed boundary, whose first row sees a sign that all
must follow, two rounds are worth 0 instead of -1.5, and one is worth nothing. On the grid with
random couplings the best return is -3 without messages and -1.375 with enough of them to know all
couplings; with one or two rounds it lies between. MFQ has no message there, as episodes have one
step. Where random edges would do as well, as in small graphs, there is no shuffled control.
"""
MISSED = """
All other rows on their graph and without edges reach their best return within 2 %. Those that do
not, and why (`missed_communication.csv`; numbers there are of trials):
"""
GATHER = """
## Gather

`python scripts/train_magent.py --task gather-MAP-SIZE --method METHOD --steps STEPS --seeds
...`; mean return / steps over 32 evaluation episodes, greedy and stochastic, beside Table II of
the NVIF paper. Baselines without learning (`scripts/baselines_magent.py --episodes 32 --keep`),
return on normal-24: {baselines}. All rows are in `measured_gather.csv`. The paper's ranking is
not reproduced: IPPO is as good as NVIF-PPO, and DGN and NVIF-DQN are better than printed.
Off-policy methods share one setting, the first that was tried.
"""
DIDACTIC = """
## Sensor, Hallway, Independent search

`python scripts/train_didactic.py --task TASK --method METHOD --seeds ...`; mean return over
4,096 evaluation episodes, greedy with noisy messages, without a cut and with so many percent of
the bits of each step cut by rank (all copies ranked together), with 80 % cut within each copy, and
with all bits cut whose importance is under 2; in brackets the bits per step that are left. All
rows are in `measured_didactic.csv`. Best returns: Sensor 15 with messages and 12.5 without;
Hallway 10, without messages and memory 2.5 (4x4) and 1.67 (6x6); Independent search 96. Minutes
were measured beside other work.

The settings of NDQ on Hallway (`gamma`, `beta`, the mixer) were found in some fifteen trials on
[4,4]; QMIX, VDN, TarMAC and TarMAC+QMIX had as many trials there, all of which are in the table.
"""
PARTICLE = """
## Navigation, Grid agreement, Jungle

`python scripts/train_mpe.py --task TASK --method ... --seeds ...`, Jungle by
`scripts/train_magent.py --task jungle`; team return over evaluation episodes, greedy and
stochastic, the best stochastic row first. Each row has one setting, in
`graphmarl/experiment/suite_particle.py`; none was tuned beyond it but those that end in `-tuned`
(see Searches of options). Navigation (N = 15, 25 steps), baselines without learning
(`scripts/baselines_particle.py --keep`): {baselines}; `difference` rewards an agent with what the
team would lose without it, `team` is the papers' reward. Tasks that end in `continuous` have two
forces in [-1, 1] as actions; baselines there (`--action continuous`): {continuous}; heterogeneous
navigation of 16 agents: {heterogeneous}.
Minutes were measured beside other work.
"""
TRAFFIC = """
## Traffic

`python scripts/train_cityflow.py --task TASK --method ... --seeds ...`; average travel time in
seconds (CityFlow's) and number of vehicles waiting at a signal, over 64 evaluation episodes of 100
decisions, greedy and stochastic, the shortest stochastic travel time first. hangzhou_4x4 has the
dimensions and volume of the public network, and trips of our own. Each row has one setting, in
`graphmarl/experiment/suite.py`; none was tuned beyond it. Baselines without learning
(`scripts/baselines_traffic.py --episodes 64 --seed 1000000 --keep`), travel time in the same
episodes: {baselines}. Minutes were measured beside other work.
"""
INTERPRETATION = """
Distance of the phases that a policy samples from the distribution of the vehicles (IP, Fig. 12),
over all movements of hangzhou_4x4: `scripts/interpret_traffic.py`, ten intervals of 640 env steps
each. In the first interval the network is almost empty.
"""
COMBAT = """
## Combat

`python scripts/train_smac.py --task MAP --method ... --seeds ...`; share of games won and return
over 100 games of Skirmish, greedy and stochastic, the most stochastic wins first (1,000 games on
the maps of the NDQ paper). All off-policy methods share one setting, all on-policy methods
another, COMA has its own; they are in `graphmarl/experiment/suite.py` and were found on 3m in a few
trials each. Rows of 3m-ablations are MAMBA without one of its parts, with a smaller model than its
row of 3m. Skirmish follows SMAC's rules but is not StarCraft II: its figures must not be compared
with those of the game, for which Table 3 of the MAMBA paper has wins in percent: {paper}. Baselines
without learning (`scripts/baselines_skirmish.py --games 1000 --keep`), share of games won on 3m:
{baselines}. Minutes were measured beside other work.
"""
CUTS = """
Maps of the NDQ paper, where agents see at most 2 cells: share of 1,000 games won greedily, when
nothing, 80 % and all of the message bits of each step are cut
(`scripts/train_smac.py --task MAP --method ... --episodes 1000 --cuts rank=80 rank=100`).
Baselines without learning, of which all but random and stop know all positions, share of games
won on 3b_vs_1h1m: {banelings}; on 1o2r_vs_4r: {roaches}. The paper trains for 20 million steps.
On 1o2r_vs_4r the overlord observes the same in each of the corners where it may begin, and walks a
quarter of a cell in a step: it has no information to send yet.
"""
FLATLAND = """
## Flatland

`python scripts/train_flatland.py --method ... --seeds ...`; shares of trains that arrive and that
are in a deadlock at the end, over 100 evaluation episodes of flatland-5 (five trains), greedy and
stochastic, the most stochastic arrivals first. Rows of `links` exchange messages with the trains
that are met on the rails ahead, the other rows with all trains. Intervals are over episodes: a
second seed may well lie outside. The MAMBA paper trains for 300,000 steps and more; each row has
one setting, in `graphmarl/experiment/suite.py`. Minutes were measured beside other work.
"""


TUNED = """
## Searches of options

Rows whose names end in `-tuned` have the options of the best of several trials
(`--tune-budget TRIALS --tune-steps STEPS` of the training scripts), searched in the same ranges and
with the same numbers of trials and steps for all rows of a task. Trials have other seeds and
episodes than the runs. All trials are in `measured_trials.csv`.
"""
TRANSFER = """
## Transfer on Gather

`python scripts/train_magent.py --task gather-MAP-SIZE --method ... --evaluate-env "{map: random,
size: 48}" ...`; mean return over 32 greedy episodes on each map, of policies that were trained on
one of them (NVIF, Fig. 10).
"""


def results_page(folder: Path) -> str:
    """The page, from the tables in a folder.

    Args:
        folder: holds the CSV files.
    """
    traffic = baselines(folder, "hangzhou_4x4", "average_travel_time")
    parts = [HEAD.format(changes="\n".join(changes(folder)))]
    parts += [CLAIMS, _block(claim_lines(folder))]
    parts += [GRAPHS, _block(graph_lines(folder))]
    parts += [COMMUNICATION, _block(communication_lines(folder))]
    parts += [MISSED, _block(missed_lines(folder))]
    parts += [GATHER.format(baselines=baselines(folder, "gather normal-24", "return"))]
    parts += [_block(gather_table(folder))]
    if moved := transfer_lines(folder):
        parts += [TRANSFER, _block(moved)]
    parts += [DIDACTIC, _block(didactic_table(folder))]
    parts += [_particle(folder), TRAFFIC.format(baselines=traffic)]
    metrics = {"average_travel_time": "travel time, ", "queue": "queue, "}
    parts += [_block(benchmark_tables(folder / "measured_cityflow.csv", metrics, sign=-1))]
    parts += [INTERPRETATION, _block(interpretation_table(folder)), _combat(folder)]
    parts += [FLATLAND, _block(_flatland(folder)), _tuned(folder)]
    return "".join(parts).rstrip() + "\n"


def _block(lines: Sequence[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def _particle(folder: Path) -> str:
    navigation = baselines(folder, "navigation-15", "team_return")
    tasks = {"continuous": "navigation-15-continuous"}
    tasks |= {"heterogeneous": "heterogeneous-16-continuous"}
    forces = {name: baselines(folder, task, "team_return") for name, task in tasks.items()}
    tables = benchmark_tables(folder / "measured_mpe.csv", {"return": ""})
    return PARTICLE.format(baselines=navigation, **forces) + _block(tables)


def _tuned(folder: Path) -> str:
    lines = trial_lines(folder)
    return TUNED + _block(lines) if lines else ""


def _combat(folder: Path) -> str:
    paper = smac_paper(folder, ("3m", "8m"))
    parts = [COMBAT.format(paper=paper, baselines=baselines(folder, "skirmish 3m", "win"))]
    metrics = {"win": "won, ", "return": "return, "}
    parts += [_block(benchmark_tables(folder / "measured_smac.csv", metrics))]
    parts += [_block(win_curves(folder, axis)) for axis in ("env_steps", "minutes")]
    maps = {"banelings": "3b_vs_1h1m", "roaches": "1o2r_vs_4r"}
    without = {name: baselines(folder, f"skirmish {each}", "win") for name, each in maps.items()}
    return "".join([*parts, CUTS.format(**without), _block(cut_table(folder))])


def _flatland(folder: Path) -> list[str]:
    path = folder / "measured_flatland.csv"
    lines = benchmark_tables(path, {"arrived": "arrived, ", "deadlocked": "deadlocked, "})
    for task in dict.fromkeys(row["task"] for row in read_rows(path)):
        if found := baselines(folder, task, "arrived"):
            lines += [f"{task}, share that arrives, baselines without learning: {found}"]
    return lines
