#!/usr/bin/env bash
# test_declarations.sh CXX: compares the declarations of cuda/nccl.cuh with NVIDIA's nccl.h, by
# compiling test_declarations.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cxx=$1
cuda=${CUDA_PATH:-/usr/local/cuda}/include
folders=("$cuda" /usr/include)
for folder in "${folders[@]}"; do
    [[ ! -f $folder/nccl.h || ! -f $cuda/cuda_runtime.h ]] || found=$folder
done
[[ -n ${found-} ]] || {
    echo 'skipped: there is no nccl.h and CUDA toolkit here'
    exit 77
}
"$cxx" -std=c++17 -fsyntax-only -Wall -Wextra -Werror -Iinclude -Icuda -isystem "$found" \
    -isystem "$cuda" tests/join/test_declarations.cpp
echo "nccl.cuh agrees with $found/nccl.h"
