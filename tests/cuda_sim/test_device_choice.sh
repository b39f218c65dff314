#!/usr/bin/env bash
# Which device --device selects on simulated devices, and the reason that is printed if it is not
# CUDA.
# shellcheck disable=SC2030,SC2031 # each simulated device belongs to one subshell
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
export OMP_NUM_THREADS=1
write_corpus
# Measured times would choose other plans from run to run.
tiny+=(--num-epochs 2 --tune off)

succeeds train corpus.txt "${tiny[@]}" --device auto --out auto
grep -q '^device: cuda (' "$err" || fail "auto must take the device"
succeeds train corpus.txt "${tiny[@]}" --device cuda:0 --out cuda
cmp "$(model_of auto)" "$(model_of cuda)" || fail "auto and cuda:0 are the same device"
memory='^memory: .*, samples [0-9.]+, libraries 40\.0; on the host: '
grep -qE "${memory}checkpoints [0-9.]+, text [0-9.]+\$" "$err" ||
    fail "what a checkpoint takes is not the device's memory"
succeeds info
grep -q '^device *cuda: .*capability 9\.0' "$out" || fail "info must name the device"

succeeds train corpus.txt "${tiny[@]}" --device cuda --debug-sync --out waited
cmp "$(model_of waited)" "$(model_of cuda)" || fail "waiting for each operation changes nothing"

succeeds train corpus.txt "${tiny[@]}" --device cpu --out cpu
for model in cpu cuda; do
    succeeds generate "$model" --device cpu --prefix 分开 --length 20
    cp "$out" text
    succeeds generate "$model" --device cuda --prefix 分开 --length 20
    cmp "$out" text || fail "both devices write the same from the $model model"
done

# says_precision PATTERN CAPABILITY NAME OPTION...: the plan has this line on such a card.
says_precision() {
    local pattern=$1 capability=$2 name=$3
    shift 3
    LYRNN_SIM_CAPABILITY=$capability LYRNN_SIM_NAME=$name succeeds train corpus.txt "${tiny[@]}" \
        --device cuda --num-epochs 0 --overwrite --out precision "$@"
    grep -qE "^precision: $pattern" "$err" || fail "precision, $capability $name $*: $(<"$err")"
}
tf32="fp32; PyTorch's RNN layers use TF32 by default; --precision tf32 uses it for cuBLAS's matrix \
products, at up to" rest='a recurrence on chip stays in fp32$'
says_precision "fp32; PyTorch's default on this card is fp32 too\$" 75 'NVIDIA T4'
says_precision "$tf32 8 times the peak rate; $rest" 80 'NVIDIA A100'
says_precision "$tf32 8 times the peak rate; $rest" 90 'NVIDIA H200'
says_precision "$tf32 2 times the peak rate; $rest" 89 'NVIDIA L40S'
says_precision 'fp32; .* TF32 by default, which has the same peak rate on this card$' \
    89 'NVIDIA GeForce RTX 4090'
says_precision 'tf32 for .*; --precision fp32 .* operands, at as little as 1/8 of the peak rate$' \
    90 'NVIDIA H200' --precision tf32
says_precision 'tf32 for .*; --precision fp32 .* operands, at the same peak rate$' \
    86 'NVIDIA GeForce RTX 3090' --precision tf32
says_precision 'bf16 for .*; --precision tf32, .* rounds their operands less$' \
    90 'NVIDIA H200' --precision bf16
says_precision 'this card has no tensor cores for tf32 and bf16; use --precision fp32$' \
    75 'NVIDIA T4' --precision bf16
succeeds train corpus.txt "${tiny[@]}" --device cpu --num-epochs 0 --overwrite --out precision
! grep '^precision:' "$err" || fail 'the CPU has one precision only'

refuses 1 'cuda:5: .*no such device' train corpus.txt "${tiny[@]}" --device cuda:5 --out none
refuses 2 '--device cuda:x: ' train corpus.txt "${tiny[@]}" --device cuda:x --out none

(
    export LYRNN_SIM_DEVICES=0
    refuses 1 'cuda: no usable device' train corpus.txt "${tiny[@]}" --device cuda --out none
    succeeds train corpus.txt "${tiny[@]}" --out fallback
    grep -q '^device: cpu (' "$err" || fail "auto must fall back to the CPU"
    grep -q '^device: no CUDA: .*no usable device' "$err" || fail "it must print the reason"
)
(
    export LYRNN_SIM_KERNELS=pt
    run info
    grep -q 'LYRNN_SIM_KERNELS=pt is neither source nor ptx$' "$err" ||
        fail "a wrong kind of kernels must not pass for the other"
)
(
    export LYRNN_SIM_DRIVER=12040
    refuses 1 'cuda: .*driver.*12\.4.*13\.0' train corpus.txt "${tiny[@]}" --device cuda --out none
)
(
    export LYRNN_SIM_DRIVER=0
    refuses 1 'cuda: .*no NVIDIA driver' train corpus.txt "${tiny[@]}" --device cuda --out none
)
(
    export LYRNN_SIM_MEMORY=36000000
    refuses 1 'cuda: device memory: .* requested, .* free for cuBLAS; ' train corpus.txt \
        "${tiny[@]}" --device cuda --out none
    succeeds train corpus.txt "${tiny[@]}" --out full
    grep -q '^device: no CUDA: .*requested' "$err" ||
        fail "auto must fall back to the CPU, and print the reason"
)
(
    export LYRNN_SIM_MEMORY=100000000
    run train corpus.txt --hidden-size 2000 --batch-size 2 --num-steps 5 --device cuda --out none
    expect_error 1 \
        'device memory: [0-9]+ bytes requested, [0-9]+ free .*in all; lower --hidden-size'
    [[ ! -e none ]] || fail "a run that cannot start leaves nothing"
)
