#!/usr/bin/env bash
# The options of the recipe, each on its own and all together: a training that is killed within an
# epoch and resumed gives the same bytes, shards change nothing but rounding, and combinations that
# mean nothing are refused.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
write_songs 30
for ((i = 0; i < 8; i++)); do
    cat corpus.txt
done >long.txt
text=(long.txt "${tiny[@]}" --batch-size 4 --sampling consecutive --val-fraction 0.1 --lr 1e-2)

# kill_within_epoch ARG...: trains in the run `parts` until a checkpoint within an epoch is there.
# One that was taken between two polls is no failure: the next one comes within a millisecond.
kill_within_epoch() {
    command="lyrnn train $*"
    "$lyrnn" train "$@" --checkpoint-minutes 0.00002 --out parts >"$out" 2>"$err" </dev/null &
    local pid=$!
    until [[ $(readlink parts/latest) == *-batch-* ]]; do
        kill -0 "$pid" 2>/dev/null || fail "it ended before it could be killed"
    done
    kill -KILL "$pid"
    { wait "$pid"; } 2>/dev/null || true
}

# kill_and_resume ARG...: the training of the run `whole`, in two parts.
kill_and_resume() {
    succeeds train "$@" --checkpoint-minutes 0 --out whole
    kill_within_epoch "$@"
    succeeds train --resume parts --checkpoint-minutes 0
    same_runs whole parts
    [[ $(readlink whole/best) == "$(readlink parts/best)" ]] || fail "another epoch is the best"
}

recipes=(
    '--embedding-size 8'
    '--embedding-size 8 --tie'
    '--embedding-size 8 --dropout-input 0.3'
    '--dropout-output 0.3'
    '--dropout-weight 0.3'
    '--schedule cosine'
    '--schedule plateau --lr 0.3'
    '--warmup 100'
    '--weight-decay 0.1'
    '--beta2 0.98'
    '--ema 0.99'
    '--shards 2'
)
all=(--embedding-size 8 --tie --dropout-input 0.2 --dropout-output 0.2 --dropout-weight 0.2
    --schedule cosine --warmup 50 --weight-decay 0.01 --beta2 0.98 --ema 0.98 --shards 4)
succeeds train "${text[@]}" --num-epochs 2 --out plain
for recipe in "${recipes[@]}"; do
    # shellcheck disable=SC2206 # words of a command line
    words=($recipe)
    kill_and_resume "${text[@]}" "${words[@]}" --num-epochs 3
    ! cmp -s plain/latest/model.safetensors whole/latest/model.safetensors ||
        fail "$recipe changes nothing"
    rm -r whole parts
done

# All together, of songs, with samples and validation by the average.
songs=(songs.txt "${tiny[@]}" --batch-size 8 --cell lstm --keep-duplicates --val-songs 0.2
    --lr 1e-2)
kill_and_resume "${songs[@]}" "${all[@]}" --num-epochs 30
rm -r parts

# The tables of the epochs are those of a training that knows its end: a resumed run may not change
# what decides the bits, and config.json may not either.
for change in '--embedding-size 9' '--dropout-input 0.1' '--dropout-output 0.1' \
    '--dropout-weight 0.1' '--schedule constant' '--warmup 7' \
    '--weight-decay 0.5' '--beta2 0.9' '--ema 0.5' '--shards 2'; do
    # shellcheck disable=SC2086 # words of a command line
    refuses 2 "$change: the run in whole has .*; leave the option out$" \
        train --resume whole --num-epochs 40 $change
done
for change in 's/("dropout_output": ).*/\10.0,/' 's/("dropout_weight": ).*/\10.5,/' \
    's/("schedule": ).*/\1"constant",/' 's/("warmup": ).*/\151,/' 's/("weight_decay": ).*/\10,/' \
    's/("beta2": ).*/\10.999,/' 's/("ema": ).*/\10.5,/' 's/("ema": ).*/\10,/' \
    's/("shards": ).*/\11,/'; do
    cp -rP whole changed
    sed -i -E "$change" changed/config.json
    run train --resume changed --num-epochs 40
    expect_error 5 'changed: .* is .* but its latest checkpoint has .*; correct config.json$'
    rm -r changed
done
# Options that were off may not be turned on there.
cp -rP plain changed
sed -i -E 's/("ema": ).*/\10.5,/' changed/config.json
run train --resume changed --num-epochs 40
expect_error 5 'changed: ema is 0.5 but its latest checkpoint has 0; correct config.json$'
# A run of a lyrnn without the options has none of them.
sed -i -E '/"(schedule|warmup|weight_decay|beta2|ema|shards|embedding_size|dropout_.*|tie)"/d' \
    changed/config.json
succeeds train --resume changed --num-epochs 3
succeeds train --resume plain --num-epochs 3
same_runs plain changed

# A cosine depends on --num-epochs.
succeeds train --resume whole --num-epochs 31
grep -qE '^warning: --num-epochs 31: the cosine now ends at step [0-9]+ instead of [0-9]+$' \
    "$err" || fail "a resumed run must say that the rates change"
steps='s/^warning: .* ends at step ([0-9]+) instead of ([0-9]+)$/\1 \2/p'
read -r ends ended < <(sed -nE "$steps" "$err")
((ends * 30 == ended * 31)) || fail "30 epochs had $ended steps, 31 have $ends"

# The learning rate in metrics.jsonl is that of the epoch's last step.
rates() {
    sed -E 's/.*"lr": ([^,]*),.*/\1/' "$1/metrics.jsonl" | paste -sd' '
}
epoch=(corpus.txt "${tiny[@]}" --batch-size 4 --sampling consecutive --lr 0.5)
succeeds train "${epoch[@]}" --num-epochs 4 --schedule cosine --out rates
awk 'BEGIN { pi = atan2(0, -1)
    for (step = 18; step < 76; step += 19) print (1 + cos(pi * step / 76)) / 4 }' >cosine
paste cosine <(rates rates | tr ' ' '\n') |
    awk '{ if ($1 - $2 > 1e-6 || $2 - $1 > 1e-6) exit 1 }' ||
    fail "not a cosine over 76 steps: $(rates rates)"
succeeds train "${epoch[@]}" --num-epochs 3 --warmup 1000000 --out rates --overwrite
grep -qE '^warning: --warmup 1000000 is longer than the training, of [0-9]+ steps; lower' "$err" ||
    fail "a warning must name the warm-up"
# At a rate of 0 no epoch is better than the first, so that the fourth is the third without.
succeeds train "${epoch[@]}" --lr 1e-30 --val-fraction 0.2 --num-epochs 8 --schedule plateau \
    --out rates --overwrite
[[ $(rates rates) == '1e-30 1e-30 1e-30 1e-30 5e-31 5e-31 5e-31 2.5e-31' ]] ||
    fail "not a plateau: $(rates rates)"
[[ $(grep -c '^plateau: .* is halved to 5e-31 after epoch 4$' "$err") == 1 ]] ||
    fail "a line must say when the rate is halved"

# Shards: the same losses up to rounding. A batch of songs has a multiple of them.
losses() {
    sed -E 's/.*"loss": ([^,]*),.*"val_loss": ([^,]*),.*/\1 \2/' "$1/metrics.jsonl"
}
for shards in 1 2 4; do
    succeeds train "${text[@]}" --num-epochs 2 --dropout-output 0.3 --shards $shards --out s$shards
done
for shards in 2 4; do
    paste <(losses s1) <(losses s$shards) | awk '{ if ($1 - $3 > 1e-5 || $3 - $1 > 1e-5 ||
        $2 - $4 > 1e-5 || $4 - $2 > 1e-5) exit 1 }' || fail "$shards shards change the losses"
    ! cmp -s s1/latest/model.safetensors s$shards/latest/model.safetensors ||
        fail "$shards shards change nothing"
done
# As many batches of 12 songs as of 16 read all songs, but 12 is no multiple of 8.
for shards in 4 8; do
    succeeds train "${songs[@]}" --batch-size 16 --num-epochs 1 --shards $shards --out songs$shards
    lowered=$(grep -q -- '--batch-size 16 is lowered to 12' "$err" && echo 4 || echo 8)
    [[ $shards == "$lowered" ]] ||
        fail "songs must be read in a multiple of $shards streams"
done

# If there is an average, model.safetensors has other weights than the steps change.
succeeds train "${epoch[@]}" --num-epochs 1 --out raw
succeeds train "${epoch[@]}" --num-epochs 1 --ema 0.9 --out averaged
! cmp -s raw/latest/model.safetensors averaged/latest/model.safetensors ||
    fail "the model must be the average"
[[ $(grep -o '"perplexity": [^,]*' raw/metrics.jsonl) == \
    "$(grep -o '"perplexity": [^,]*' averaged/metrics.jsonl)" ]] ||
    fail "the average must not change the training"

# What the plan says.
succeeds train songs.txt "${tiny[@]}" --batch-size 8 "${all[@]}" --num-epochs 0 --out planned
for line in '^model: .* 16 hidden units, embedding of 8, tied, [0-9]* parameters' \
    "^model: has an embedding, so the tutorial's RNNModel cannot load it$" \
    '^dropout: .*0\.2 of the output, 0\.2 of the recurrent weights$' \
    '^optimizer: warm-up over 50 steps, .*weight decay 0\.01, beta2 0\.98, average .* 0\.98, 4 s' \
    '^memory: .* moments [0-9.]*, average [0-9.]*, act'; do
    grep -qE "$line" "$err" || fail "the plan must have: $line"
done

# A dropout of everything trains a model that learns nothing, and a warning says which.
everything=(corpus.txt "${tiny[@]}" --embedding-size 8 --num-layers 2 --num-epochs 0
    --out everything --overwrite)
for name in dropout dropout-input dropout-output dropout-weight; do
    succeeds train "${everything[@]}" --$name 1
    [[ $(grep -c '^warning: ' "$err") == 1 ]] || fail "one warning"
    grep -qE "^warning: --$name 1 drops (all|the whole) .* in every step; lower it$" "$err" ||
        fail "it must name --$name"
    succeeds train "${everything[@]}" --$name 0.99
    ! grep -q '^warning: ' "$err" || fail "0.99 is not everything"
done

# Combinations that mean nothing.
new=(train corpus.txt "${tiny[@]}" --out new)
refuses 2 '--tie: there is no embedding to share; add --embedding-size$' "${new[@]}" --tie
remedy='leave it out, or begin a new model with --embedding-size$'
refuses 2 "--dropout-input: acts on an embedding, and this network has none; $remedy" \
    "${new[@]}" --dropout-input 0.1
# The shape of --init cannot change, so that the remedy must hold for it too.
succeeds "${new[@]:0:${#new[@]}-2}" --num-epochs 0 --out one_hot
refuses 2 "--dropout-input: acts on an embedding, and this network has none; $remedy" \
    "${new[@]}" --init one_hot --dropout-input 0.1
refuses 2 '--schedule plateau: needs a validation perplexity; add --val-songs 0.1, or' \
    "${new[@]}" --schedule plateau
refuses 2 '--shards 3: does not divide --batch-size 8; use --shards 4, or another --batch-size$' \
    "${new[@]}" --batch-size 8 --shards 3
refuses 2 '--shards 9: does not divide --batch-size 8; use --shards 8, or another --batch-size$' \
    "${new[@]}" --batch-size 8 --shards 9
refuses 2 '--ema 1: must be from 0 to 0.999999$' "${new[@]}" --ema 1
refuses 2 '--beta2 0: must be from 0.001 to 0.999999$' "${new[@]}" --beta2 0
refuses 2 '--schedule linear: ' "${new[@]}" --schedule linear
