#!/usr/bin/env bash
# Makes .venv and installs graphmarl with pinned versions; does nothing if that was done before.
# Usage: scripts/install.sh EXTRAS, where EXTRAS is a comma-separated list of extras.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=$1
stamp=".venv/.installed-${extras//,/-}"
wanted=$(cat pyproject.toml scripts/constraints.txt | sha256sum | cut -d ' ' -f 1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=${PYTHON:-}
for candidate in ${python:+"$python"} python3.11 python3.12 python3.10 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
        python=$candidate
        break
    fi
    python=
done
if [ -z "$python" ]; then
    echo "graphmarl needs Python 3.10, 3.11 or 3.12; none was found. Set PYTHON to one." >&2
    exit 1
fi

echo "Installing graphmarl with its pinned dependencies into .venv ..."
[ -x .venv/bin/python ] || "$python" -m venv .venv
# flatland-rl is built from its source, with what builds it taken from here.
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint scripts/constraints.txt torch setuptools setuptools-scm Cython
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
    --constraint scripts/constraints.txt --editable ".[$extras]"
echo "$wanted" >"$stamp"
