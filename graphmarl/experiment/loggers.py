"""Loggers of Lightning by name, beside the CSV files that every run has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from graphmarl.results.run import Run
from graphmarl.texts import shown

Loggers = str | Logger | Sequence[str | Logger]
"""Names as in `csv,tensorboard`, a logger of Lightning, or several of both."""


def logger_names(loggers: Loggers) -> str:
    """The names among some loggers, as a run's configuration keeps them.

    Args:
        loggers: names, loggers of Lightning, or several of both.

    Raises:
        ValueError: a name that no logger has, or something else than names and loggers.
        ImportError: the package of a logger is not installed; names the extra.
    """
    names = [each for each in _parts(loggers) if isinstance(each, str)]
    for name in names:
        if name not in LOGGERS:
            raise ValueError(f"logger is {name!r}; allowed are {', '.join(LOGGERS)}")
        module, _ = LOGGERS[name]
        if module and find_spec(module) is None:
            text = (
                f"logger {name!r} needs {module}; install it by `pip install 'graphmarl[{name}]'`"
            )
            raise ImportError(text)
    return ",".join(dict.fromkeys(["csv", *names]))


@contextmanager
def opened_loggers(loggers: Loggers, run: Run, step: int) -> Iterator[list[Logger]]:
    """The loggers of a run, of which those made here are ended after the block.

    `csv` stands for the tables that a run has anyway.

    Args:
        loggers: names, loggers of Lightning, or several of both.
        run: the run folder, which holds what they write.
        step: environment steps of the checkpoint from which the run continues, or 0.
    """
    parts = _parts(loggers)
    makers = [LOGGERS[name][1] for name in dict.fromkeys(p for p in parts if isinstance(p, str))]
    made = [make(run, step) for make in makers if make]
    given = [part for part in parts if isinstance(part, Logger)]
    for logger in (*made, *given):
        logger.log_hyperparams(run.config())
    try:
        yield [*made, *given]
    finally:
        for logger in made:
            if isinstance(logger, WandbLogger):
                logger.experiment.finish()  # or the next run of this process would be part of it


def _parts(loggers: Any) -> list[str | Logger]:
    """Single names and loggers.

    Raises:
        ValueError: something else.
    """
    if isinstance(loggers, (str, Logger)):
        loggers = [loggers]
    if not isinstance(loggers, (list, tuple)):
        text = f"logger is {shown(loggers)}; allowed are names, loggers of Lightning, or a list"
        raise ValueError(text)
    parts: list[str | Logger] = []
    for each in loggers:
        if isinstance(each, str):
            parts += [name.strip() for name in each.split(",")]
        elif isinstance(each, Logger):
            parts.append(each)
        else:
            text = f"a logger is {shown(each)}; allowed are {', '.join(LOGGERS)}"
            raise ValueError(f"{text}, or a logger of Lightning")
    return parts


def _tensorboard(run: Run, step: int) -> Logger:
    # Points after the checkpoint belong to the part that is trained again.
    purge: dict[str, Any] = {"purge_step": step + 1} if step else {}
    options = {"name": "", "version": "tensorboard", "default_hp_metric": False}
    return TensorBoardLogger(run.path, **options, **purge)


def _wandb(run: Run, step: int) -> Logger:
    return WandbLogger(
        name=run.path.name,
        id=_identity(run),
        save_dir=run.path,
        project=os.environ.get("WANDB_PROJECT", "graphmarl"),
        resume="allow",
    )


def _mlflow(run: Run, step: int) -> Logger:
    database = (run.path / "mlflow.db").resolve()
    place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database}"
    file = run.path / "mlflow_run.txt"
    known = file.read_text().strip() if file.exists() else None
    logger = MLFlowLogger("graphmarl", run_name=run.path.name, tracking_uri=place, run_id=known)
    run.write(file.name, f"{logger.run_id}\n")
    return logger


def _identity(run: Run) -> str:
    """A name of the run for services in which run folders of one name may meet."""
    file = run.path / "wandb_run.txt"
    if not file.exists():
        run.write(file.name, f"{os.urandom(8).hex()}\n")
    return file.read_text().strip()


LOGGERS: dict[str, tuple[str, Callable[[Run, int], Logger] | None]] = {
    "csv": ("", None),
    "tensorboard": ("tensorboard", _tensorboard),
    "wandb": ("wandb", _wandb),
    "mlflow": ("mlflow", _mlflow),
}
"""By name: the package that a logger needs, and how it is made. All work offline: `wandb` with its
own `WANDB_MODE=offline`, the others always, unless `MLFLOW_TRACKING_URI` names a server."""
