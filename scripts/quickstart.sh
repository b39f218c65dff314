#!/usr/bin/env bash
# quickstart.sh [--deps DIR]: goes from a bare Debian or Ubuntu machine to new lyrics. It installs
# the missing packages (or uses the bundle DIR, see bundle_deps.sh), builds lyrnn, and trains twice
# on the sample lyrics: the tutorial's job as written, and by the default options. It generates
# three texts with each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

parse_options "$@"
set_up "${build_packages[@]}"

echo 'building in build/'
build build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF ||
    fail 'build/: cannot be built; correct the errors above'

# show ARG...: prints a command of lyrnn and runs it.
show() {
    printf '%s\n' "\$ build/lyrnn $*"
    build/lyrnn "$@"
}

# try_out RUN OPTION...: trains a model into RUN, and generates with it.
try_out() {
    local prefix
    show train "${@:2}" --out "$1" --overwrite
    for prefix in 分开 不分开 我; do show generate "$1" --prefix "$prefix"; done
}

echo "the tutorial's job as written: 10,000 characters as one text, newlines as spaces"
try_out runs/tutorial --preset tutorial
echo "lyrnn's default: 62 songs, each from its start"
try_out runs/quickstart
