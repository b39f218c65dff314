#!/usr/bin/env bash
# quickstart.sh [--deps DIR]: goes from a bare Debian or Ubuntu machine to new lyrics. It installs
# the missing packages (or uses the bundle DIR, see bundle_deps.sh), builds lyrnn, trains on the
# sample lyrics with the default options, and generates three texts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

run=runs/quickstart

parse_options "$@"
set_up "${build_packages[@]}"

echo 'building in build/'
build build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF ||
    fail 'build/: cannot be built; correct the errors above'

echo "training on the sample lyrics, 250 epochs, into $run/"
build/lyrnn train --out "$run" --overwrite

for prefix in 分开 不分开 我; do
    echo "\$ build/lyrnn generate $run --prefix $prefix"
    build/lyrnn generate "$run" --prefix "$prefix"
done
