#!/usr/bin/env bash
# fuzz.sh [--seconds N] [TARGET...]: fuzzes the file parsers, by default all targets of tests/fuzz
# for 60 s each. It runs as many targets in parallel as there are cores. Inputs that break a parser
# go to build/fuzz/tests/fuzz/findings. Exit status: 1 if there are any, 77 if clang or libFuzzer is
# missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

usage() {
    echo "usage: ${0##*/} [--seconds N] [TARGET...]; targets: $(fuzz_targets | xargs)" >&2
    exit 2
}

fuzz_targets() {
    find tests/fuzz/seeds -mindepth 1 -printf '%f\n' -prune | sort
}

export LYRNN_FUZZ_SECONDS=60
if [[ ${1-} == --seconds ]]; then
    [[ ${2-} =~ ^[1-9][0-9]{0,6}$ ]] || usage
    LYRNN_FUZZ_SECONDS=$2
    shift 2
fi
for target; do
    fuzz_targets | grep -qxF -- "$target" || usage
done
targets=$(IFS='|' && echo "$*")

# Replaces the function of common.sh: parsers do not need a GPU.
say_backends() {
    echo 'building the fuzzers with the CPU backend only'
}

set_up "${build_packages[@]}" "${test_packages[@]}"
can_fuzz || {
    echo 'skipped: no clang with libFuzzer here; on Debian, install clang and libclang-rt-dev'
    exit 77
}
build build/fuzz "${fuzz_configuration[@]}" || fail 'build/fuzz: failed; see build/fuzz/build.log'
UBSAN_OPTIONS=print_stacktrace=1 ctest --test-dir build/fuzz --verbose --no-tests=error \
    --parallel "$(nproc)" --timeout $((LYRNN_FUZZ_SECONDS + 300)) -R "^fuzz_(${targets:-.*})\$" ||
    exit 1
