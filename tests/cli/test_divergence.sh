#!/usr/bin/env bash
# A loss that is not finite ends training with the step and a remedy. What was saved stays.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
# Weights near 1e6, which relu lets grow over the steps, overflow soon after the first update.
wild=(--cell rnn_relu --clip-norm 0 --lr 1e6 --checkpoint-every 1 --num-epochs 50)

run train corpus.txt "${tiny[@]}" "${wild[@]}" --out run
expect_error 1 '.*NaN or infinite at step [0-9]+, in epoch 1; lower --lr'
[[ -z $(find run -name '*.safetensors') ]] || fail "a model that diverged must not be saved"

# There is one batch per epoch, so the first epoch ends and is saved before a loss depends on the
# update.
run train corpus.txt --hidden-size 16 --batch-size 2 --num-steps 150 --threads 1 "${wild[@]}" \
    --out run2
expect_error 1 '.*NaN or infinite at step 2, in epoch 2; lower --lr'
[[ $(readlink run2/latest) == checkpoints/epoch-000001 ]] || fail "latest must stay epoch 1"
[[ $(ls -A run2/checkpoints) == epoch-000001 ]] || fail "the failed epoch must leave nothing"
[[ $(wc -l <run2/metrics.jsonl) == 1 ]] || fail "metrics.jsonl must end with epoch 1"
succeeds info run2
succeeds generate run2 --prefix 分开 --length 5
