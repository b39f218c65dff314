#!/usr/bin/env bash
# Checks that every launch of a training step fits every card. Registers and shared memory are those
# of the machine code that ships: scripts/kernel_report.sh compiles it, if it is not there already.
# Usage: test_cards.sh PROGRAM
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
find_nvcc >/dev/null || {
    echo 'skipped: no nvcc, so there is no machine code'
    exit 77
}
scripts/kernel_report.sh >/dev/null
exec "$1" build/kernels/resources
