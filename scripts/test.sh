#!/usr/bin/env bash
# Installs everything the tests need, once, then runs ruff, the type checker and the fast tests;
# --all runs the slow tests as well. Further arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh magent,mpe,flatland,inspect,notebooks,tensorboard,mlflow,tune,ray,slurm,dev,docs
export OMP_NUM_THREADS=1 SDL_VIDEODRIVER=dummy
# Tests start many processes, which would compile all modules again.
unset PYTHONDONTWRITEBYTECODE
all=()
if [ "${1:-}" = --all ]; then
    shift
    all=(-m "slow or not slow")
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/basedpyright
exec .venv/bin/python -m pytest -q -n 2 --dist worksteal "${all[@]}" "$@"
