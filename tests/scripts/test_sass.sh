#!/usr/bin/env bash
# Tests scripts/sass on small texts, if there is Python.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || {
    echo 'skipped: no python3'
    exit 77
}
export PYTHONDONTWRITEBYTECODE=1
python3 tests/scripts/test_sass.py
python3 tests/scripts/test_sass_latency.py
