#!/usr/bin/env bash
# Checks that kernel_report.sh compiles each PTX for each card of the table, and that it fails at a
# spill, at local memory and at a warning: on a small tree with one source. Needs nvcc.
# Usage: test_kernel_report.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command -v "${CUDACXX:-nvcc}" /usr/local/cuda/bin/nvcc >/dev/null || exit 77
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{scripts,cuda,include/lyrnn,host/base}
cp "$root"/scripts/{common,kernels,kernel_report}.sh "$tree/scripts"
touch "$tree/include/lyrnn/none.h" "$tree/host/base/none.h"
printf '75 | 75 | 80\n80 | 80 86 |\n' >"$tree/cuda/architectures.txt"
failed=0

# expect STATUS PATTERN SOURCE: runs the report on a tree with this source.
expect() {
    local status=0
    echo "$3" >"$tree/cuda/one.cu"
    "$tree/scripts/kernel_report.sh" >"$tree/log" 2>&1 || status=$?
    if ((status != $1)) || ! grep -qE "$2" "$tree/log"; then
        cat "$tree/log"
        echo "FAILED: status $status instead of $1, or no \"$2\", for: $3"
        failed=1
    fi
}

fine='extern "C" __global__ void fine_kernel(float *a) { a[0] *= 2.0f; }'
# Each pair of the table, and one kernel in each.
for pair in 'PTX  75 -> sm_75  \(built\)' 'PTX  75 -> sm_80  \(checked\)' \
    'PTX  80 -> sm_80  \(built\)' 'PTX  80 -> sm_86  \(built\)'; do
    expect 0 "^$pair: 1 kernels, at most [0-9]+ registers, 0 bytes local" "$fine"
done
expect 0 '^fine_kernel +[0-9]+ +[0-9]+ +[0-9]+ +0 +0 +0$' "$fine"
expect 1 'Registers are spilled .*spilling_kernel' '
    extern "C" __global__ void __launch_bounds__(1024, 1) spilling_kernel(float *a) {
        float v[96];
        #pragma unroll
        for (int i = 0; i < 96; i++) v[i] = a[i * threadIdx.x];
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < 96; i++) a[i] = v[i];
    }'
expect 1 'Local memory used .*indexing_kernel' '
    extern "C" __global__ void indexing_kernel(int *a) {
        int v[64];
        for (int i = 0; i < 64; i++) v[i] = a[i];
        for (int i = 0; i < 64; i++) v[a[i] & 63] += v[a[i + 1] & 63];
        for (int i = 0; i < 64; i++) a[i] = v[i];
    }'
expect 1 'never referenced' "${fine/a\[0\]/int unused; a[0]}"
exit $failed
