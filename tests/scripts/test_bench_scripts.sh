#!/usr/bin/env bash
# Tests the scripts of scripts/bench, and that the tables in the pages match the recorded results.
# Uses a Python that has PyTorch, if there is one. Argument: the program.
set -euo pipefail
lyrnn=$(realpath "$1")
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
        echo 'skipped: this machine has no python3'
        exit 77
    }
fi
"$python" tests/scripts/test_bench_scripts.py
"$python" tests/scripts/test_bench_ranks.py
"$python" tests/scripts/test_scaling_model.py
"$python" tests/scripts/test_bench_quality.py "$lyrnn"
"$python" scripts/bench/bench_table.py --check
