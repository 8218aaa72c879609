#!/usr/bin/env bash
# Installs what the tests need, once, and runs the fast suite; --all runs the slow tests as well.
# Further arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh magent,mpe,flatland,notebooks,dev
export OMP_NUM_THREADS=1 SDL_VIDEODRIVER=dummy
all=()
if [ "${1:-}" = --all ]; then
    shift
    all=(-m "slow or not slow")
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
exec .venv/bin/python -m pytest -q -n 2 --dist loadfile "${all[@]}" "$@"
