#!/usr/bin/env bash
# check.sh [--deps DIR]: the quick check before a commit, under two minutes once build/check is
# built. It checks format and words, lints what differs from main, and runs the tests of one build
# that are not slow. scripts/test.sh runs everything and decides. The last line is "N passed, N
# failed, N skipped". The exit status is 1 if anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/lint.sh
source scripts/checks.sh

parse_options "$@"
set_up "${build_packages[@]}" "${test_packages[@]}"
mkdir -p build
[[ -n $deps ]] || install_ruff

part format check_format
part words check_words
part lint lint_all --changed
part tests suite tests build/check '-LE slow' -DCMAKE_BUILD_TYPE=Release -DLYRNN_WERROR=ON
print_verdict
