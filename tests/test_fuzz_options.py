"""A small fuzz of options, the script's large one; and cheap fuzzes of names and configurations."""

import importlib.util
from pathlib import Path

import pytest

from graphmarl.cli import main

ROOT = Path(__file__).parent.parent


def fuzzer():
    spec = importlib.util.spec_from_file_location("fuzz_options", ROOT / "scripts/fuzz_options.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_option_values_are_refused_or_construct():
    failures: list[str] = []
    counts = fuzzer().fuzz(60, 3, failures.append)
    assert not failures, failures
    assert set(counts) == {"refused", "constructed"} and min(counts.values()) > 10


@pytest.mark.slow
def test_ten_thousand_option_values():
    failures: list[str] = []
    fuzzer().fuzz(10_000, 0, failures.append)
    assert not failures, failures


TOY = "method: ippo\nenv: hallway\nsteps: 10\n"
DEEP = "[" * 3000 + "]" * 3000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a configuration is a mapping of names"),
        ("[1, 2]", "is a list; a configuration is a mapping"),
        ("7", "is a int; a configuration is a mapping"),
        ("{a: [", "cannot be read as YAML"),
        (DEEP, "cannot be read as YAML"),
        ("a\x00b", "cannot be read as YAML"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        ("1: 2", "a configuration is a mapping of names"),
        (TOY + "colour: red", "has 'colour'; allowed are method, env"),
        (TOY + "format: 99", "format 99; allowed are 1 to 2"),
        (TOY + "graph: {name: subprocess:Popen, args: [x]}", "names subprocess:Popen from outside"),
        ("method: os:system\nenv: hallway", "names os:system from outside graphmarl"),
        ("method: {name: ippo, gamma: .nan}\nenv: hallway", "gamma is nan; allowed are numbers"),
        (TOY + "seed: yes", "seed is True; allowed are whole numbers"),
        ("method: [ippo]\nenv: hallway", "method is ['ippo']; allowed are a name"),
        ("method: 3\nenv: hallway", "method is 3; allowed are a name"),
        (TOY + "threads: 0", "threads is 0; allowed are whole numbers from 1"),
        (TOY + f"seed: {'9' * 400}", "seed is a number of more than 30 digits"),
    ],
)
def test_a_configuration_file_is_refused_with_one_line(text, message, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    words = ["train", "--config", str(path), "--runs", str(tmp_path), "--progress", "no"]
    assert main(words) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and said.count("\n") == 0, said


@pytest.mark.parametrize("part", ["method", "env", "graph"])
@pytest.mark.parametrize(
    "name",
    ["", ":", "..:x", "os:", "os:system", "a.b:c", "x" * 500, "\x00", "no such:thing", "=", "k=3"],
)
def test_a_hostile_name_is_refused_with_one_line(part, name, tmp_path, capsys):
    words = ["train", f"--{part}", name, "--steps", "10", "--runs", str(tmp_path)]
    words += [] if part == "env" else ["--env", "hallway"]
    if not name:
        words[1:3] = [f"--{part}=:"]
    assert main(words) == 2
    said = capsys.readouterr().err.strip()
    assert said and said.count("\n") == 0, said
