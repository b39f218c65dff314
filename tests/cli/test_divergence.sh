#!/usr/bin/env bash
# A loss that is not finite ends training with the step and a remedy. What was saved stays. A
# perplexity that is not finite, and a loss worse than that of guessing, are warned of.
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

# A loss above 709 is finite, but exp of it is not. The run is complete and saved, and it failed.
run3=(train corpus.txt "${tiny[@]}" --clip-norm 0 --lr 1000 --num-epochs 4 --pred-period 1
    --val-fraction 0.2 --out run3)
run "${run3[@]}"
tail -n 1 "$err" >error
expect_error 1 'run3: is saved, but the perplexity of its last epoch is not finite; lower --lr'
[[ $(readlink run3/latest) == checkpoints/epoch-000004 ]] || fail "the run must be complete"
[[ ! -e run3/best ]] || fail "no epoch is the best"
[[ $(grep -c '"perplexity": null, .*"val_perplexity": null' run3/metrics.jsonl) == 4 ]] ||
    fail "JSON has null for what is not finite"
[[ $(grep -c '^warning: epoch 1: the perplexity is not finite; lower --lr' "$err") == 1 &&
    $(grep -c '^warning: .*not finite' "$err") == 1 ]] || fail "one warning, in the first epoch"
guessing='^warning: epoch 3: the loss is [0-9.]+ nats per character, for 3 epochs above 3\.30, '
[[ $(grep -cE "$guessing"'that of guessing; lower --lr, or clip gradients' "$err") == 1 &&
    $(grep -c 'guessing' "$err") == 1 ]] || fail "one warning, that the loss is worse than guessing"
succeeds info run3
[[ $(grep -cxE '(perplexity|validation)  last not finite' "$out") == 2 ]] ||
    fail "no best epoch must be named"
! grep -q null "$out" || fail "null is not for people"
succeeds info --json run3
grep -q '^  "best": null,$' "$out" || fail "JSON has null where no epoch is the best"
# The same command fails again, with the same error. Without metrics nobody knows it.
refuses 1 'run3: is saved, but the perplexity of its last epoch is not finite; lower --lr' \
    "${run3[@]}" --continue
cmp "$err" error || fail "the error must be the same"
mv run3/metrics.jsonl metrics.jsonl
succeeds "${run3[@]}" --continue
mv metrics.jsonl run3
# Once an epoch is finite, it is the best one.
echo '{"epoch": 5, "perplexity": 12.5, "val_perplexity": 13.5}' >>run3/metrics.jsonl
succeeds info run3
grep -qx 'perplexity  last 12.5, best 12.5 in epoch 5' "$out" || fail "epoch 5 is the best"
succeeds eval run3 --json corpus.txt
grep -q '"perplexity": null' "$out" || fail "eval has null for what is not finite"

# The advice depends on what is wrong.
run train corpus.txt "${tiny[@]}" --num-epochs 3 --init run3 --pred-len 0 --out tuned
grep -qE "$guessing"'that of guessing; lower --lr, or check that the model of --init learned ' \
    "$err" || fail "--init may be the cause"
succeeds train corpus.txt "${tiny[@]}" --lr 1e-9 --num-steps 150 --num-epochs 9 --out slow
[[ $(grep -cE "$guessing"'that of guessing; train longer, or raise --lr$' "$err") == 1 ]] ||
    fail "a model that has not begun to learn needs a higher --lr"
# A step of weight decay turns the weights over if the learning rate times W is above 1.
product='lower --weight-decay or --lr, so that their product is below 1'
for clip in 0 1; do
    run train corpus.txt "${tiny[@]}" --lr 0.1 --weight-decay 50 --clip-norm $clip --out decay$clip
    expect_error 1 ".* became NaN or infinite at step [0-9]+, in epoch [0-9]+; $product\$"
done
run train corpus.txt "${tiny[@]}" "${wild[@]}" --weight-decay 1e-7 --out little_decay
expect_error 1 '.*NaN or infinite at step [0-9]+, in epoch 1; lower --lr, or clip gradients'
succeeds train corpus.txt "${tiny[@]}" --lr 0.01 --weight-decay 125 --num-steps 150 --num-epochs 9 \
    --out decay
[[ $(grep 'guessing; ' "$err") == *"; $product" ]] || fail "the cause is the weight decay"
succeeds train corpus.txt "${tiny[@]}" --num-epochs 9 --out fine
! grep -q warning "$err" || fail "nothing is wrong"

# A relu that was trained without carrying its state may overflow on a long validation text.
carried=(train corpus.txt "${tiny[@]}" --cell rnn_relu --sampling random --lr 1e-2 --num-epochs 20
    --val-fraction 0.2 --pred-len 0 --out carried)
run "${carried[@]}"
expect_error 1 'carried: is saved, but the validation perplexity of its last epoch is not finite; '
[[ -e carried/best && $(grep -c '^warning: .* not finite' "$err") == 1 ]] ||
    fail "an earlier epoch is the best"
grep -q '^warning: epoch [0-9]*: the validation perplexity is not finite; ' "$err" ||
    fail "a warning must say which perplexity"
run "${carried[@]}" --continue
expect_error 1 'carried: is saved, but the validation perplexity of its last epoch is not finite; '

# A resumed run that diverges before it saves leaves the options and the lines as they were.
echo '{"epoch": 2, "step": 2, "loss": 1.5, "perplexity": 4.5}' >>run2/metrics.jsonl
cp -rP run2 before
run train --resume run2 --lr 1e5 --num-epochs 60
expect_error 1 '.*NaN or infinite at step 2, in epoch 2; lower --lr'
diff -r -x lock run2 before || fail "the run must stay as it was"
