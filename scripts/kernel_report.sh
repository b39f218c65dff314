#!/usr/bin/env bash
# kernel_report.sh [--all | ARCH...]: compiles cuda/*.cu for each architecture (default: 80 and 90)
# with warnings as errors. It prints the registers, shared memory and spills that ptxas reports for
# each kernel, and fails if a kernel spills.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

archs=("$@")
case ${1-} in
--all) archs=(75 80 86 89 90 100 120) ;;
'') archs=(80 90) ;;
esac
for arch in "${archs[@]}"; do
    [[ $arch =~ ^[0-9]+[af]?$ ]] || {
        echo "usage: ${0##*/} [--all | ARCH...]" >&2
        exit 2
    }
done

nvcc=$(find_nvcc) || fail 'nvcc: not found; install the CUDA toolkit'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags=(-std=c++17 -O3 -DNDEBUG -Iinclude -Ihost -Xptxas -v -fatbin -Werror all-warnings
    -Xcompiler=-Wall -Xcompiler=-Wextra)
for arch in "${archs[@]}"; do
    flags+=(-gencode "arch=compute_$arch,code=sm_$arch")
done
# shellcheck disable=SC2016 # the inner shell expands these variables
printf '%s\0' cuda/*.cu | xargs -0 -P "$(nproc)" -I{} sh -c '
    name=$1 work=$2; shift 2
    "$@" -o "$work/out.$$" "$name" >"$work/${name##*/}.log" 2>&1 ||
        echo "$name" >>"$work/failed"' - {} "$work" "$nvcc" "${flags[@]}"
if [[ -s $work/failed ]]; then
    while read -r name; do
        grep -v '^ptxas info' "$work/${name##*/}.log" || true
    done <"$work/failed"
    fail "$(paste -sd' ' "$work/failed"): does not compile; correct the errors above"
fi

# One row per kernel: mangled name, architecture and registers, then bytes of shared memory, stack,
# spill stores and spill loads. A function that was not inlined counts toward the kernel before it.
cat "$work"/*.log | awk -F"'" '
    function row() {
        if (kernel != "") print kernel, arch, registers, shared, stack, stores, loads
        shared = stack = stores = loads = 0; registers = "?"
    }
    function before(word,  n) {
        return match($0, "[0-9]+ " word) ? substr($0, RSTART, RLENGTH) + 0 : 0
    }
    /Compiling entry function/ { row(); kernel = $2; arch = $4 }
    /bytes stack frame/ {
        stack += before("bytes stack frame")
        stores += before("bytes spill stores")
        loads += before("bytes spill loads")
    }
    /: Used [0-9]+ registers/ { registers = before("registers"); shared = before("bytes smem") }
    END { row() }' >"$work/rows"
[[ -s $work/rows ]] || fail 'ptxas: reported no kernel; check the log of nvcc'

format='%-34s %-7s %9s %13s %6s %12s %11s\n'
# shellcheck disable=SC2059 # all rows share one format
printf "$format" kernel arch registers 'static shared' stack 'spill stores' 'spill loads'
# shellcheck disable=SC2059
c++filt <"$work/rows" |
    sed -E 's/\(lyrnn_cell\)0/rnn_tanh/; s/\(lyrnn_cell\)1/rnn_relu/; s/\(lyrnn_cell\)2/lstm/
        s/\(lyrnn_cell\)3/gru/; s/^void //; s/\(anonymous namespace\)::|lyrnn_cuda_//g
        s/\(.*\)( sm_)/\1/' |
    sort -t'<' -k1,1 -k2,2n | sed 's/, /,/g' |
    while read -r -a row; do printf "$format" "${row[@]}"; done

# No kernel may spill, because every kernel runs in every training step.
spilling=$(awk '$6 + $7 > 0' "$work/rows" | wc -l)
echo "$(wc -l <"$work/rows") kernels, $spilling with spills"
((spilling == 0))
