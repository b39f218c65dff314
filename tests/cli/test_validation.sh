#!/usr/bin/env bash
# --val-fraction: the end of the text is held out and evaluated. `best` is the epoch with the best
# result there. --patience stops when none is better.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus # 12 equal verses of 32 characters

# The halves are alike, and a learning rate of 0 does not change the model, so both perplexities are
# almost equal: validation begins where training ended, and training at the zero state. Validation
# is without dropout.
same=(train corpus.txt "${tiny[@]}" --lr 0 --num-epochs 2 --pred-period 1 --val-fraction 0.5
    --cell gru --num-layers 2)
report='s/^epoch [0-9]+, perplexity ([0-9.]+), validation ([0-9.]+), time [0-9.]+ sec$/\1 \2/p'
succeeds "${same[@]}" --out same
grep -q '^validation: 1 song, 192 characters; 100.0 % are in runs of 8 or more' "$err" ||
    fail "the plan must say what is held out"
read -r trained validated < <(sed -nE "$report" "$out")
awk -v a="$trained" -v b="$validated" 'BEGIN { d = a - b; exit !(b > 1 && d * d < 0.01) }' ||
    fail "perplexity and validation must be near"
[[ $(sed -nE "$report" "$out" | sort -u | wc -l) == 1 ]] || fail "the perplexities must not change"
succeeds "${same[@]}" --dropout 0.5 --out dropped
read -r trained_dropped validated_dropped < <(sed -nE "$report" "$out")
[[ $validated_dropped == "$validated" && $trained_dropped != "$trained" ]] ||
    fail "dropout must act in training ($trained), not in validation ($validated)"

# Running text begins in the state of a training that read the text before it. random has none.
printf '我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n' >short.txt
for sampling in consecutive random; do
    succeeds train short.txt --hidden-size 16 --batch-size 1 --num-steps 5 --threads 1 --cell gru \
        --lr 0 --num-epochs 1 --val-fraction 0.5 --sampling $sampling --out carried --overwrite
    sed -nE 's/.*"val_loss": ([0-9.]+),.*/\1/p' carried/metrics.jsonl
done >losses
[[ $(sort -u losses | wc -l) == 2 ]] || fail "the state must be carried into validation"

# Validation must not affect training: the first part of the text gives the same training without
# it.
train=(train corpus.txt "${tiny[@]}" --cell lstm --num-layers 2 --dropout 0.3 --num-epochs 5 \
    --lr 1e-2)
for sampling in consecutive random; do
    succeeds "${train[@]}" --sampling "$sampling" --val-fraction 0.25 --out watched --overwrite
    succeeds "${train[@]}" --sampling "$sampling" --max-chars 288 --out unwatched --overwrite
    cmp <(weights_of watched) <(weights_of unwatched) ||
        fail "$sampling: validation must not change the training"
    [[ ! -e unwatched/best && ! -L unwatched/best ]] || fail "without validation there is no best"
done

# Songs are scored one by one from the zero state, as eval scores files, whatever the way of
# training is. The last quarter of twelve files of the same length is three of them.
mkdir files
for ((i = 10; i < 22; i++)); do
    printf '我们分开又相逢\n不分开的是晚风\n%d\n' "$i" >files/$i.txt
done
files=(train files/*.txt --keep-duplicates "${tiny[@]}" --cell gru --lr 0 --num-epochs 1)
# scores_as FILE...: the validation of the last run must be what eval says of these files.
scores_as() {
    local trained
    trained=$(sed -nE 's/.*"val_loss": ([0-9.]+).*/\1/p' songs/metrics.jsonl)
    succeeds eval songs "$@"
    awk -v loss="$trained" 'END { d = $4 - loss; exit !(loss > 1 && d * d < 4e-12) }' "$out" ||
        fail "the validation loss $trained must be that of $*"
}
succeeds "${files[@]}" --val-fraction 0.25 --out songs
grep -q '^validation: 3 songs, 57 characters; ' "$err" || fail "three songs are held out"
scores_as files/19.txt files/2?.txt
for sampling in songs consecutive random; do
    succeeds "${files[@]}" --val-songs 0.3 --sampling $sampling --out songs --overwrite
    sed -nE 's/^validation: ([0-9]+) songs, .*/\1 songs/p' "$err"
    sed -nE 's/.*"val_loss": ([0-9.]{7}).*/\1/p' songs/metrics.jsonl
done >held_out
[[ $(sort -u held_out | wc -l) == 2 ]] ||
    fail "each sampling must hold out the same: $(cat held_out)"
num=$(sed '1!d; s/ songs//' held_out)
((num > 1 && num < 7)) || fail "$num of 12 songs are held out"
succeeds "${files[@]}" --val-songs 0.0001 --out songs --overwrite
grep -q '^validation: 1 song, ' "$err" || fail "one song is held out at least"
refuses 2 '--val-songs 0.3: cannot be used with --val-fraction; leave one of them out$' \
    "${files[@]}" --val-songs 0.3 --val-fraction 0.1 --out no
refuses 1 '--val-songs 0.3: the corpus has only one song; use --val-fraction, or say with --songs' \
    train corpus.txt "${tiny[@]}" --val-songs 0.3 --out no

# A text in whose end every fourth line is reversed. What the model memorizes is wrong there, so
# validation first improves and then gets worse.
{
    head -n 36 corpus.txt
    for ((i = 0; i < 3; i++)); do
        sed -n 1,3p corpus.txt
        sed -n 4p corpus.txt | rev
    done
} >turned.txt
# The val_perplexity of each epoch and the epoch, from the lines of metrics.jsonl.
validations() {
    sed -nE 's/.*"epoch": ([0-9]+),.*"val_perplexity": ([0-9.]+).*/\2 \1/p' "$@"
}
overfit=(train turned.txt "${tiny[@]}" --lr 1e-2 --pred-period 1000 --val-fraction 0.25)
succeeds "${overfit[@]}" --num-epochs 60 --checkpoint-every 25 --out all
! grep -q '^stopped: ' "$err" || fail "without --patience nothing stops early"
[[ $(validations all/metrics.jsonl | wc -l) == 60 ]] ||
    fail "each line of metrics.jsonl must hold val_perplexity"
read -r lowest best < <(validations all/metrics.jsonl | sort -n | sed 1q)
((best > 1 && best < 40)) || fail "the text must do worse after a while: best is $best"
[[ $(readlink all/best) == "checkpoints/$(printf 'epoch-%06d' "$best")" ]] ||
    fail "best must be epoch $best, is $(readlink all/best)"
[[ $(readlink all/latest) == checkpoints/epoch-000060 ]] || fail "latest must be the last epoch"
[[ $(ls all/checkpoints) == "$(printf 'epoch-%06d\n' "$best" 25 50 60 | sort -u)" ]] ||
    fail "the best and those due are kept, no other: $(ls all/checkpoints)"
grep -qE "^best: validation perplexity ${lowest%.*}\.[0-9]+ at epoch $best, in all/best$" "$err" ||
    fail "the end must name the best"
tail -n 1 all/metrics.jsonl | grep -qE '"val_loss": [0-9.]+, "val_perplexity": ' ||
    fail "metrics must have val_loss and val_perplexity"
succeeds generate all/best --prefix 分开 --length 5

# One warning says when it is ten times worse than training, and three epochs after its best.
ratios='s/.*"epoch": ([0-9]+),.*"perplexity": ([0-9.]+),.*"val_perplexity": ([0-9.]+).*/\1 \2 \3/p'
expected=$(sed -nE "$ratios" all/metrics.jsonl | awk -v best="$best" \
    '$1 >= best + 3 && $3 > 10 * $2 { print $1; exit }')
succeeds "${overfit[@]}" --num-epochs 60 --out warned
[[ $(sed -nE 's/^warning: epoch ([0-9]+): the validation .*/\1/p' "$err") == "$expected" ]] ||
    fail "one warning, at epoch $expected"
grep -q '; the model learns the text by heart: use warned/best, or stop with --patience$' "$err" ||
    fail "it must say what to do"

# Stopped by --patience: the same training up to there.
succeeds "${overfit[@]}" --num-epochs 60 --patience 4 --out patient
last=$((best + 4))
! grep -q '^warning' "$err" || fail "with --patience there is nothing to warn of"
grep -qx 'stopped: no better validation perplexity for 4 epochs' "$err" ||
    fail "it must say that it stops"
cmp <(validations patient/metrics.jsonl) <(validations all/metrics.jsonl | sed "${last}q") ||
    fail "it must be epochs 1 to $last of the training above"
[[ $(readlink patient/best) == "$(readlink all/best)" ]] || fail "the same best"
[[ $(readlink patient/latest) == "checkpoints/$(printf 'epoch-%06d' "$last")" ]] ||
    fail "the last epoch is saved"
cmp "patient/best/model.safetensors" "all/best/model.safetensors" || fail "the same best model"
grep -q "^epoch $last, " "$out" || fail "the last epoch is reported"

refuses 2 '--patience 3: .*add --val-songs 0.1, or --val-fraction 0.1$' \
    train corpus.txt "${tiny[@]}" --patience 3 --out no
refuses 1 '--val-fraction 0\.01: holds out 3 characters.*at least 6' \
    train corpus.txt "${tiny[@]}" --val-fraction 0.01 --out no
refuses 1 'corpus: .*' train corpus.txt --batch-size 8 --num-steps 5 --val-fraction 0.9 --out no
