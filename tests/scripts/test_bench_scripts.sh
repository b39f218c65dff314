#!/usr/bin/env bash
# Tests of the scripts that measure speed, and whether the README's table is what their results give. With a
# Python that has PyTorch, if there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHONDONTWRITEBYTECODE=1
for python in python3 /usr/bin/python3 none; do
    if "$python" -c 'import torch' 2>/dev/null; then
        break
    fi
done
if [[ $python == none ]]; then
    python=python3
    command -v python3 >/dev/null || {
        echo 'skipped: no python3 here'
        exit 77
    }
fi
"$python" tests/scripts/test_bench_scripts.py
"$python" scripts/bench/bench_table.py --check
