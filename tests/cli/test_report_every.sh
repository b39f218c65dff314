#!/usr/bin/env bash
# --report-every: reports, validation and the best checkpoint within epochs. A training that is
# killed and resumed there has the same files as one that never stopped.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
for ((i = 0; i < 8; i++)); do
    cat corpus.txt
done >long.txt
# 138 batches per epoch, and 40 in the validation.
text=(long.txt "${tiny[@]}" --batch-size 4 --sampling consecutive --val-fraction 0.1 --ema 0.9)
every=("${text[@]}" --num-epochs 2 --report-every 50 --pred-len 4)

# Steps are counted over the whole training: 50 and 100 of epoch 1, 150, 200 and 250 of epoch 2.
succeeds train "${every[@]}" --checkpoint-minutes 0 --out whole
number='[0-9]+\.[0-9]+'
grep -oE "^(step [0-9]+ of )?epoch [12], perplexity $number, validation $number, time" "$out" |
    sed -E 's/, perp.*//' | paste -sd';' >reports
[[ $(cat reports) == 'step 50 of epoch 1;step 100 of epoch 1;step 150 of epoch 2;step 200 of '\
'epoch 2;step 250 of epoch 2;epoch 2' ]] || fail "other reports: $(cat reports)"
[[ $(grep -c '^ - 分开' "$out") == 6 ]] || fail "each report has samples"
[[ $(grep -oE '"epoch": .*, "loss"' whole/metrics.jsonl | tr -d '" ' | paste -sd';') == \
'epoch:1,step:50,batch:50,loss;epoch:1,step:100,batch:100,loss;epoch:1,step:138,loss;'\
'epoch:2,step:150,batch:12,loss;epoch:2,step:200,batch:62,loss;epoch:2,step:250,batch:112,loss;'\
'epoch:2,step:276,loss' ]] || fail "other lines: $(cat whole/metrics.jsonl)"
[[ $(grep -c '"val_loss"' whole/metrics.jsonl) == 7 ]] || fail "each report validates"

# Reports change no bit of the training, also where the evaluator has the weights of the steps.
succeeds train "${text[@]}" --num-epochs 2 --pred-len 4 --out quiet
cmp whole/latest/model.safetensors quiet/latest/model.safetensors || fail "reports change the model"
write_songs 30
plain=(songs.txt "${tiny[@]}" --val-songs 0.2 --keep-duplicates --dropout-weight 0.3 --num-epochs 2
    --pred-len 4)
succeeds train "${plain[@]}" --out loud --report-every 7
succeeds train "${plain[@]}" --out quiet --overwrite
cmp loud/latest/model.safetensors quiet/latest/model.safetensors || fail "reports change the model"

# The process is killed in the validation of a report, and again near the report's end. The first
# checkpoint says that its report is not complete. Every step saves, so that none of these kills
# comes too late. The first must be in the validation.
lines_of() {
    wc -l <"$1/metrics.jsonl"
}
kill_at() {
    command="lyrnn train ${*:2}"
    "$lyrnn" train "${@:2}" --checkpoint-minutes 0.00000001 >"$out" 2>"$err" </dev/null &
    local pid=$!
    # shellcheck disable=SC2053 # a pattern
    until [[ $(readlink parts/latest) == checkpoints/$1 ]]; do
        kill -0 "$pid" 2>/dev/null || break
    done
    kill -KILL "$pid" 2>/dev/null || true
    { wait "$pid"; } 2>/dev/null || true
}
is_unreported() {
    [[ $(readlink parts/latest) == *-batch-000050 ]] &&
        ! grep -qa '"is_reported"' parts/latest/trainer.safetensors
}
for ((i = 0; i < 100; i++)); do
    rm -rf parts
    kill_at epoch-000001-batch-000050 "${every[@]}" --out parts
    ! is_unreported || break
done
is_unreported || fail "it must be killed before the report"
# As if it had been killed a moment later: the line is there, and the checkpoint does not know it.
printf '%s\n' '{"epoch": 1, "step": 50, "batch": 50, "loss": 1.0, "perplexity": 2.7}' \
    >>parts/metrics.jsonl
kill_at 'epoch-000001-batch-000[!0]*' --resume parts
kill_at 'epoch-000002-batch-*' --resume parts
succeeds train --resume parts --checkpoint-minutes 0
same_runs whole parts
[[ $(readlink whole/best) == "$(readlink parts/best)" ]] || fail "another best"

# Killed between the report's line and the next checkpoint: the line is cut off and made again.
succeeds train "${every[@]}" --checkpoint-minutes 0 --num-epochs 1 --out cut
succeeds train "${every[@]}" --checkpoint-minutes 0 --num-epochs 1 --out again
printf '%s\n' '{"epoch": 2, "step": 150, "batch": 12, "loss": 1.0, "perplexity": 2.7}' \
    >>cut/metrics.jsonl
succeeds info cut
grep -qE '^epochs +1$' "$out" || fail "only complete epochs count"
grep -qE '^perplexity +last 2\.7 at step 150 of epoch 2, best ' "$out" || fail "the last report"
succeeds train --resume cut --num-epochs 2
succeeds train --resume again --num-epochs 2
same_runs again cut

# A better validation within an epoch is the best. A learning rate that is far too high spoils the
# rest of the epoch: with the first report after step 1, that one stays.
succeeds train "${text[@]}" --lr 5 --num-epochs 2 --report-every 1 --keep 1 --pred-len 0 --out early
best=$(readlink early/best)
[[ $best == checkpoints/epoch-00000?-batch-000??? ]] ||
    fail "the best must be within an epoch: $best"
grep -qE '^best: validation perplexity .* at step [0-9]+ of epoch [12], in early/best$' "$err" ||
    fail "the last line must name the step"
[[ $(find early/checkpoints -mindepth 1 -maxdepth 1 | wc -l) == 2 ]] ||
    fail "best and latest: $(ls early/checkpoints)"
succeeds info early
grep -qE '^validation +last .*, best .* at step [0-9]+ of epoch [12]$' "$out" ||
    fail "info must know the best"
# From the best, whose report is complete, the run ends as it did.
cp -rP early redo
ln -sfn "$best" redo/latest
grep -qa '"is_reported"' redo/latest/trainer.safetensors || fail "its report must be complete"
succeeds train --resume redo
same_runs early redo
# A resumed run keeps it, and names it again, unless a later one is better: with such a learning
# rate, some of 138 may be.
# best_of RUN: the checkpoint of the report with the lowest validation loss, and the first of these.
best_of() {
    local epoch batch
    read -r _ epoch batch < <(sed -nE 's/.*"epoch": ([0-9]+), "step": [0-9]+(, "batch": ([0-9]+))?'\
', .*"val_loss": ([^,}]+).*/\4 \1 \3/p' "$1/metrics.jsonl" | sort -s -k 1,1g)
    printf 'checkpoints/epoch-%06d%s' "$epoch" "${batch:+$(printf -- '-batch-%06d' "$batch")}"
}
[[ $best == "$(best_of early)" ]] || fail "the best must be $(best_of early)"
rm early/best
succeeds train --resume early --num-epochs 3
[[ $(readlink early/best) == "$(best_of early)" ]] ||
    fail "resuming loses the best, $(best_of early): $(readlink early/best)"

# Without validation, and with every step reported. The perplexity rises within the epoch.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --report-every 1 --pred-len 0 --lr 1 \
    --out every
steps=$(tail -n 1 every/metrics.jsonl | sed -E 's/.*"step": ([0-9]+),.*/\1/')
[[ $(lines_of every) == "$steps" ]] || fail "$steps steps are $steps lines"
succeeds info every
grep -qE '^perplexity +last ([^,]+), best \1 in epoch 1$' "$out" ||
    fail "without validation, only a whole epoch is the best"
! grep -q batch <<<"$(tail -n 1 every/metrics.jsonl)" || fail "the last line is the epoch's"
refuses 2 '--report-every -1: must be from 0 to ' train corpus.txt --report-every -1 --out new
