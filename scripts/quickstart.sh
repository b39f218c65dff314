#!/usr/bin/env bash
# From a bare Debian or Ubuntu machine to lyrics: installs what is missing (or takes it from a bundle:
# --deps DIR), builds, trains on the sample lyrics with the article's hyperparameters, which are lyrnn's
# defaults, and writes from the checkpoint.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

run=runs/quickstart

parse_options "$@"
set_up "${build_packages[@]}"

echo 'building in build/'
build build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF || fail 'the build failed, see above'

echo "training on the sample lyrics, 250 epochs, into $run/"
build/lyrnn train --out "$run" --overwrite

for prefix in 分开 不分开 我; do
    echo "\$ build/lyrnn generate $run --prefix $prefix"
    build/lyrnn generate "$run" --prefix "$prefix"
done
