#!/usr/bin/env bash
# Builds the site of the API reference into the folder site/, which git ignores, with the notebooks run.
# Usage: scripts/docs.sh [--no-execute]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh magent,mpe,flatland,inspect,notebooks,tensorboard,mlflow,dev,docs
export OMP_NUM_THREADS=1
execute=(--execute)
[ "${1:-}" = --no-execute ] && execute=()
exec .venv/bin/python scripts/docs.py --out site "${execute[@]}"
