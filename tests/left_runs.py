"""Run folders as training leaves them."""

import yaml


def leave(folder, name, value, graph=None, method=None, env=None, more=None, steps=300, **config):
    """A run folder; without a value it was not evaluated.

    `more` are further columns of its evaluation, `config` further values of its configuration.
    """
    path = folder / name
    path.mkdir(parents=True)
    parts = {
        "method": {"name": "dgn"} | (method or {}),
        "env": {"name": "navigation"} | (env or {}),
        "graph": graph or {"name": "none"},
    }
    seed = int(name.rpartition("-seed")[2])
    values = {"steps": steps, "seed": seed, "device": "cpu"} | config
    (path / "config.yaml").write_text(yaml.safe_dump(parts | values))
    (path / "metrics.csv").write_text("env_steps,return\n100,\n200,1.0\n300,3.0\n")
    (path / "timing.csv").write_text("env_steps,seconds\n100,30\n300,30\n")
    (path / "versions.yaml").write_text("torch: '2.4'\nnumpy: '2.0'\n")
    (path / "checkpoints").mkdir()
    if value is None:
        return path
    columns = {"return": value, "episodes": 8} | (more or {})
    lines = [f"name,policy,{','.join(columns)}"]
    for policy, plus in (("greedy", 0), ("stochastic", 9)):
        numbers = [str(columns[each] + plus * (each == "return")) for each in columns]
        lines.append(f"{name},{policy},{','.join(numbers)}")
    (path / "evaluation.csv").write_text("\n".join(lines) + "\n")
    return path
