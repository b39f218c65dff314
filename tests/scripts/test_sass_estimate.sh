#!/usr/bin/env bash
# Checks the estimate of kernel_report.sh --estimate on machine code that nvcc makes: a chain of
# FMAs takes 4 cycles each, each card has an estimate for shapes A to F, and the cost model of
# cuda/recurrence_plan.cu agrees with the estimate within a fifth. Needs nvcc, nvdisasm, g++ and
# Python.
# Usage: test_sass_estimate.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
source scripts/kernels.sh
export PYTHONDONTWRITEBYTECODE=1
if ! { command -v python3 && command -v g++ && find_nvcc; } >/dev/null ||
    ! nvdisasm=$(find_tool nvdisasm); then
    echo 'skipped: no nvcc, no nvdisasm, no g++ or no python3'
    exit 77
fi
find_toolkit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 64 dependent FMAs in a loop, and 64 that depend on one of 16 chains each.
cat >"$work/chain.cu" <<'END'
template <int CHAINS> __device__ void multiply(float *x, int n)
{
    float sums[CHAINS];
    for (int c = 0; c < CHAINS; c++)
        sums[c] = x[c];
    float a = x[16], b = x[17];
#pragma unroll 1
    for (int i = 0; i < n; i++)
#pragma unroll
        for (int k = 0; k < 64; k++)
            sums[k % CHAINS] = fmaf(sums[k % CHAINS], a, b);
    for (int c = 0; c < CHAINS; c++)
        x[c] = sums[c];
}
extern "C" __global__ void chain_kernel(float *x, int n) { multiply<1>(x, n); }
extern "C" __global__ void chains_kernel(float *x, int n) { multiply<16>(x, n); }
END
"$nvcc" -std=c++17 -O3 -arch=compute_90 -ptx -o "$work/chain.ptx" "$work/chain.cu"
"$ptxas" -arch=sm_90 -o "$work/chain.cubin" "$work/chain.ptx"
python3 - "$nvdisasm" "$work/chain.cubin" <<'END'
import sys
sys.path.insert(0, "scripts/sass")
import sass
import sass_latency
card = sass_latency.Card(fma=1, fp64=2, l2=281, l2_bytes=24)
found = {}
for function in sass.disassemble(*sys.argv[1:]):
    loop = next(l for l in function.loops if len(function.own_instructions(l)) > 60)
    own = function.own_instructions(loop)
    found[function.mangled] = [sass_latency.cycles_per_pass(own, warps, card) for warps in (1, 2)]
print(found)
assert all(64 * 4 <= c <= 64 * 4 + 20 for c in found["chain_kernel"]), "a chain of 64 FMAs"
assert 64 <= found["chains_kernel"][0] <= 90, "64 FMAs in 16 chains"
assert 128 <= found["chains_kernel"][1] <= 170, "the same in two warps"
END

# The constants of the cost model are the cycles of 9.0.
scripts/kernel_report.sh --estimate >"$work/table"
cat "$work/table"
for card in 'H100 H200' 'RTX 4090' A100; do
    for shape in A B C D E F; do
        for direction in forward backward; do
            row="^$card +$shape +$direction +(steps|resident|block|grid) +yes "
            chosen=$(grep -cE "$row" "$work/table" || true)
            ((chosen == 1)) || fail "$card, $shape, $direction: $chosen chosen plans"
        done
    done
done
awk '/^H100/ && $10 != "-" {
    compared++
    if ($11 < 0.8 * $10 || $11 > 1.2 * $10) {
        print "the cost model disagrees: " $0
        bad = 1
    }
}
END { exit bad || compared < 10 }' "$work/table" ||
    fail 'count the constants of cuda/recurrence_plan.cu again'
