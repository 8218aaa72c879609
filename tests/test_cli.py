"""The command line says what there is, does what it says and names what is wrong."""

import csv
import re

import pytest
import yaml

from graphmarl.cli import main
from graphmarl.envs import ENVS
from graphmarl.graphs import GRAPHS
from graphmarl.methods import METHODS
from graphmarl.results.run import Run

TRAIN = ["train", "--method", "ippo", "--env", "toy:Toy", "--steps", "60", "--progress", "false"]
TRUST = ["--trust", "true"]
SMALL = ["--method.rollout_length", "10", "--method.minibatch_size", "60"]


@pytest.mark.parametrize(("command", "table"), [("envs", ENVS), ("graphs", GRAPHS)])
def test_a_listing_has_one_line_for_each(command, table, capsys):
    assert main([command]) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(table)
    assert all(len(line.split(maxsplit=1)[1]) > 15 for line in lines)


def test_the_graphs_end_with_the_options_of_all(capsys):
    main(["graphs"])
    _, options = capsys.readouterr().out.strip().split("\n\n")
    words = [line.split()[0] for line in options.splitlines()[1:]]
    assert words == ["--graph.shuffle", "--graph.refresh", "--graph.delay", "--graph.drop"]


def test_the_environments_end_with_where_they_are(capsys):
    main(["envs"])
    _, places = capsys.readouterr().out.strip().split("\n\n")
    anywhere, host = (
        line.partition(": ")[2].rstrip(";").split(", ") for line in places.split("\n")
    )
    assert "navigation" in anywhere and "gather" in host
    assert sorted([*anywhere, *host]) == sorted(ENVS)


def test_methods_are_listed_as_a_table(capsys):
    assert main(["methods"]) == 0
    head, *lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    for line, cls in zip(lines, METHODS.values(), strict=True):
        assert line.endswith((cls.__doc__ or "").splitlines()[0])
    place = head.index("continuous")
    assert lines[list(METHODS).index("vpp")][place : place + 3] == "yes"


def test_train_evaluate_and_resume(tmp_path, capsys):
    words = [*TRAIN, *SMALL, "--method.gamma", "0.5", "--env.num_agents", "4"]
    words += ["--graph", "knn", "--graph.k", "2", "--graph.refresh", "3"]
    assert main([*words, "--name", "a", "--runs", str(tmp_path)]) == 0
    run = Run(capsys.readouterr().out.strip())
    config = run.config()
    assert config["method"]["gamma"] == 0.5
    assert config["env"]["num_agents"] == 4
    assert config["graph"] == {"name": "knn", "k": 2, "refresh": 3}
    assert main(["evaluate", str(run.path), "--episodes", "3", "--graph", "complete", *TRUST]) == 0
    assert "over 3 episodes" in capsys.readouterr().out
    assert (
        main(["train", "--resume", str(run.path), "--steps", "90", "--progress", "false", *TRUST])
        == 0
    )
    assert run.metrics()[-1]["env_steps"] >= 90


def test_a_file_gives_a_run_back_and_the_command_line_changes_it(tmp_path, capsys):
    assert main([*TRAIN, *SMALL, "--name", "a", "--runs", str(tmp_path)]) == 0
    words = ["train", "--config", str(tmp_path / "a" / "config.yaml"), "--method.gamma", "0.9"]
    words += ["--name", "b", "--runs", str(tmp_path), "--progress", "false"]
    assert main(words) == 2
    assert "names toy:Toy from outside graphmarl" in capsys.readouterr().err
    words += TRUST
    assert main(words) == 0
    first, second = Run(tmp_path / "a").config(), Run(tmp_path / "b").config()
    assert second["method"].pop("gamma") == 0.9
    assert first["method"].pop("gamma") == 0.97
    assert first == second


def test_needed_options_may_stand_in_the_name_or_in_the_file(tmp_path):
    words = [*TRAIN, *SMALL, "--runs", str(tmp_path)]
    assert main([*words, "--graph", "radius:r=0.3", "--name", "a"]) == 0
    file = str(tmp_path / "a" / "config.yaml")
    again = ["train", "--config", file, "--runs", str(tmp_path), "--progress", "false", *TRUST]
    assert main([*again, "--name", "b"]) == 0
    assert Run(tmp_path / "b").config()["graph"]["r"] == 0.3
    assert main([*words, "--graph", "broken:Ring", "--name", "c"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*TRAIN, "--graph", "radius"], "graph 'radius' needs the option 'r'"),
        (["train", "--method", "nvif"], "no method is called 'nvif'; there are coma, commnet, dgn"),
        (["train", "--env", "gathr"], "no environment is called 'gathr'; .*did you mean 'gather'"),
        (["train", "--graph", "kn"], "no graph is called 'kn'; there are "),
        ([*TRAIN, "--graph", "knn", "--graph.k", "0"], "k is 0"),
        ([*TRAIN, "--graph", "knn:k=0"], "k is 0"),
        ([*TRAIN, "--method.gama", "1"], "method.gama"),
        ([*TRAIN, "--method.gamma", "high"], "gamma"),
        (["train", "--env", "gather", "--env.size", "25"], "25.*24, 48.* 96"),
        (["evaluate", "nowhere"], "nowhere holds no run"),
        (["train", "--resume", "nowhere"], "nowhere holds no run"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(words, message, capsys, tmp_path):
    if words[0] == "train" and "--resume" not in words:
        words = [*words, "--runs", str(tmp_path)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert "Traceback" not in said


NDQ = ["train", "--method", "ndq", "--env", "toy:Toy", "--steps", "40", "--progress", "false"]
NDQ += [
    "--method.rollout_length",
    "5",
    "--method.learning_starts",
    "10",
    "--method.batch_size",
    "4",
    "--name",
    "ndq",
]


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert main([*NDQ, "--runs", str(folder)]) == 0
    assert main([*TRAIN, *SMALL, "--name", "silent", "--runs", str(folder)]) == 0
    return folder


def test_evaluation_says_what_was_sent(talking, capsys):
    assert (
        main(["evaluate", str(talking / "ndq"), "--episodes", "4", "--cut", "rank=80", *TRUST]) == 0
    )
    said = capsys.readouterr().out
    numbers = re.search(r"per step ([\d.]+) messages, ([\d.]+) numbers, ([\d.]+) bytes", said)
    assert numbers, said
    messages, bits, size = map(float, numbers.groups())
    # Of at most 4 copies' 12 bits in a step a fifth is sent.
    assert 0 < messages <= bits <= 0.2 * 12 + 0.5
    assert size == pytest.approx(4 * bits + messages, abs=0.05)
    assert main(["evaluate", str(talking / "silent"), "--episodes", "2", *TRUST]) == 0
    assert "messages" not in capsys.readouterr().out


def test_messages_leave_a_table_and_a_picture(talking, capsys):
    run = talking / "ndq"
    words = ["messages", str(run), "--percents", "[0,100]", "--episodes", "8", *TRUST]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert said[-1] == f"{run / 'messages.csv'} {run / 'messages.png'}"
    with open(run / "messages.csv") as file:
        all_sent, silence = csv.DictReader(file)
    assert (float(all_sent["percent"]), float(silence["percent"])) == (0, 100)
    assert float(all_sent["bits"]) > 0
    assert [float(silence[name]) for name in ("messages", "bits", "bytes")] == [0, 0, 0]
    assert (run / "messages.png").read_bytes().startswith(b"\x89PNG")
    assert main([*words, "--rule", "random={percent}"]) == 0


@pytest.mark.parametrize(
    ("command", "name", "words", "message"),
    [
        (
            "evaluate",
            "ndq",
            ["--cut", "rnk=80"],
            "no cut is called 'rnk'; there are budget, .*'rank'",
        ),
        ("evaluate", "ndq", ["--cut", "rank"], "cut 'rank' lacks its number; write rank=NUMBER"),
        (
            "evaluate",
            "ndq",
            ["--cut", "rank=80,of=1"],
            "no option 'of'; its options are percent, w",
        ),
        ("evaluate", "ndq", ["--cut", "rank=80,within=day"], "allowed are step, graph"),
        ("evaluate", "ndq", ["--cut", "rank=120"], "allowed are numbers from 0 to 100"),
        ("evaluate", "silent", ["--cut", "rank=80"], "ippo sends no messages that could be cut"),
        ("messages", "silent", [], "ippo sends no messages that could be cut"),
        ("messages", "ndq", ["--percents", "[]"], "percents is empty"),
        ("messages", "ndq", ["--percents", "high"], "percents"),
        ("messages", "ndq", ["--rule", "rank={share}"], "it needs {percent}"),
        (
            "messages",
            "ndq",
            ["--percents", "[120]"],
            "percents is .120.; allowed are lists of numbers from 0 to 100",
        ),
        ("messages", "ndq", ["--cut", "rank=8"], "cut"),
        ("messages", "nowhere", [], "nowhere holds no run"),
    ],
)
def test_a_mistake_about_messages_is_one_line(command, name, words, message, talking, capsys):
    assert main([command, str(talking / name), *words, *TRUST]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.startswith(f"graphmarl {command}: ")
    assert "Traceback" not in said


def test_no_command_says_what_there_is(capsys):
    assert main([]) == 0
    assert "train" in capsys.readouterr().out
    assert main(["fly"]) == 2


def test_a_run_folder_reads_as_plain_yaml(tmp_path):
    main([*TRAIN, *SMALL, "--name", "a", "--runs", str(tmp_path)])
    assert yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())["steps"] == 60
