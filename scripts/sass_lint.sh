#!/usr/bin/env bash
# sass_lint.sh [--update [REASON]]: reads the machine code of the kernels and checks it against two
# tables (scripts/sass): which kernels may use fp64, local memory, calls, and in loops integer
# divisions, fences and guarded loads at all, and how many instructions of each kind each loop has.
# --update writes the new counts; it needs a one-line REASON if one of them got worse. Exit status:
# 0 or 1; 2 usage; 77 nvcc, nvdisasm or Python is missing, or another nvcc made the table. The last
# line says why it cannot judge.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/kernels.sh

if (($# > 2)) || [[ ${1---update} != --update ]]; then
    echo "usage: ${0##*/} [--update [REASON]]" >&2
    exit 2
fi
find_nvcc >/dev/null || {
    echo 'nvcc: not installed'
    exit 77
}
find_toolkit
python=$(command -v python3) || {
    echo 'python3: not installed'
    exit 77
}
nvdisasm=$(find_tool nvdisasm) || {
    echo 'nvdisasm: not installed; it is a part of the CUDA toolkit'
    exit 77
}
# The newest card with clusters that the kernels are designed for, and the newest without.
mapfile -t pairs < <(list_pairs 89 90 | grep built)
compile_kernels "${pairs[@]}"
folders=()
for pair in "${pairs[@]}"; do
    read -r ptx arch _ <<<"$pair"
    folders+=("$arch=$kernels/sm_${arch}_from_$ptx")
done
version=$("$nvcc" --version | sed -nE 's/.*release ([0-9.]+).*/\1/p')
exec "$python" scripts/sass/sass_lint.py --nvdisasm "$nvdisasm" --nvcc-version "$version" \
    "${folders[@]}" "$@"
