#!/usr/bin/env bash
# A loss that stops being finite ends training with the step and the advice; what was saved stays.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
relu=(--cell rnn_relu --clip-norm 0)

run train corpus.txt "${tiny[@]}" "${relu[@]}" --num-epochs 50 --checkpoint-every 1 --lr 1e6 --out run
expect_error 1 '.*(NaN|infinite) at step [0-9]+.*lower --lr'
[[ -z $(find run -name '*.safetensors') ]] || fail "a model that diverged must not be saved"

# Sound first, then on from there with the brakes off: the sound checkpoint of the run that fails is
# whole, be it the first epoch's or none, and the run that it started from is untouched.
succeeds train corpus.txt "${tiny[@]}" "${relu[@]}" --num-epochs 2 --out sound
sum=$(sha256sum <"$(model_of sound)")
run train corpus.txt --batch-size 2 --num-steps 5 --threads 1 --clip-norm 0 --init sound --lr 30 \
    --num-epochs 200 --checkpoint-every 1 --out on
expect_error 1 '.*(NaN|infinite) at step [0-9]+.*lower --lr'
[[ $(sha256sum <"$(model_of sound)") == "$sum" ]] || fail "the model it started from was touched"
if [[ -e on/latest ]]; then
    succeeds generate on --prefix 分开 --length 5
fi
