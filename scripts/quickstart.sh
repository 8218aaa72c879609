#!/usr/bin/env bash
# Installs graphmarl, trains NVIF-PPO on Gather (normal, 24 x 24) and shows what it learned.
# A run that was begun or finished before is taken up again. Further arguments: see quickstart.py.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh magent
exec .venv/bin/python scripts/quickstart.py "$@"
