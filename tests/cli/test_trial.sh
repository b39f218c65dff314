#!/usr/bin/env bash
# train --trial: the options of each line, all lines checked before the first run, the table, and
# what stays of trials that fail or are interrupted.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_songs 40
common=(train songs.txt --hidden-size 8 --batch-size 2 --num-steps 35 --threads 1 --val-songs 0.2
    --seed 3 --lr 1e-2)
printf '%s\n' '{"num_epochs": 1}' '' '{"cell": "gru", "num_epochs": 3}' \
    '{"cell": "lstm", "num_epochs": 2, "schedule": "cosine", "lr": 2e-2}' >trials.jsonl

# The best comes first; the columns are the keys that vary, and nothing else is printed.
succeeds "${common[@]}" --trial trials.jsonl --out t
cp "$out" table
[[ $(awk 'NR == 1' table) =~ ^rank\ +trial\ +validation\ +epoch\ +seconds ]] || fail "a heading"
for key in cell num_epochs schedule lr; do
    [[ $(head -n 1 table | grep -ow "$key" | wc -l) == 1 ]] || fail "$key varies"
done
! head -n 1 table | grep -qE 'hidden_size|seed|out|batch_size' || fail "only keys that vary"
[[ $(wc -l <table) == 4 && $(awk 'NR > 1 { print $1 }' table | xargs) == '1 2 3' ]] || fail "ranks"
awk 'NR > 1' table | sort -c -g -k 3,3 || fail "the lowest perplexity comes first"
for ((i = 1; i <= 3; i++)); do
    row=$(grep "trial-00$i" table)
    read -r _ _ perplexity epoch _ <<<"$row"
    grep "\"epoch\": $epoch," "t/trial-00$i/metrics.jsonl" |
        grep -oE '"val_perplexity": [0-9.]+' | awk -v p="$perplexity" \
        '{ d = $2 - p; exit !(d < 1e-3 && d > -1e-3) }' || fail "trial $i: the best epoch"
done
[[ $(grep -oE '"trial": "[^"]*"' t/trials.jsonl | cut -d '"' -f 4 | xargs) == \
    $(awk 'NR > 1 { print $2 }' table | xargs) ]] || fail "trials.jsonl must have the same order"
grep -q '"options": {"cell": "gru", "num_epochs": 3}' t/trials.jsonl || fail "and the options"

# A trial is the training of its options.
succeeds "${common[@]}" --cell gru --num-epochs 3 --out single
same_runs single t/trial-002
diff <(sed '/"out"/d' single/config.json) <(sed '/"out"/d' t/trial-002/config.json) ||
    fail "config.json must be the same"

# The folder has trials: only --continue goes there. Complete trials are skipped.
refuses 2 't: has trials; add --continue to continue them, or name another --out$' \
    "${common[@]}" --trial trials.jsonl --out t
before=$(md5sum t/trial-*/latest/* t/trial-*/metrics.jsonl)
succeeds "${common[@]}" --trial trials.jsonl --out t --continue
[[ $(md5sum t/trial-*/latest/* t/trial-*/metrics.jsonl) == "$before" ]] || fail "nothing to train"
cmp -s "$out" table || fail "the table must be the same"
sed -i 's/"num_epochs": 1/"num_epochs": 2/' trials.jsonl
succeeds "${common[@]}" --trial trials.jsonl --out t --continue
[[ $(wc -l <t/trial-001/metrics.jsonl) == 2 ]] || fail "more epochs continue a trial"
sed -i 's/"gru"/"rnn_relu"/' trials.jsonl
refuses 2 'trials.jsonl: line 3: --cell rnn_relu: the run in t/trial-002 has gru; leave .* line$' \
    "${common[@]}" --trial trials.jsonl --out t --continue

# Mistakes in any line, before the first run begins.
bad() {
    printf '{"lr": 1e-3}\n%s\n' "$2" >bad.jsonl
    refuses 2 "bad.jsonl: line 2: $1; correct the line$" "${common[@]}" --trial bad.jsonl --out new
}
bad '"hiden_size" is no option of lyrnn train; did you mean hidden_size\?' '{"hiden_size": 8}'
bad '"lr" must be a number' '{"lr": "fast"}'
bad '"hidden_size" must be a whole number' '{"hidden_size": 8.5}'
bad '"tie" must be true or false' '{"tie": 1}'
bad '--lr -1: must be from 0 to 1e6' '{"lr": -1}'
bad '--cell gpu: must be one of .*; did you mean gru\?' '{"cell": "gpu"}'
bad '.*key.*twice.*' '{"lr": 1, "lr": 2}'
bad 'byte [0-9]+: .*' '{"lr": 1'
bad 'is no JSON object like .*' '[1]'
bad '"corpus" cannot vary: .*' '{"corpus": "x"}'
for key in '"out": "x"' '"resume": "t"' '"continue": true' '"overwrite": true' '"trial": "x"' \
    '"val_songs": 0.1' '"val_fraction": 0.1' '"max_chars": 100' '"script": "keep"'; do
    bad "--[a-z-]+ cannot vary: it is an option of all trials" "{$key}"
done
printf '\n \n' >none.jsonl
refuses 2 'none.jsonl: has no trial; write one JSON object per line' \
    "${common[@]}" --trial none.jsonl
refuses 1 'missing.jsonl: ' "${common[@]}" --trial missing.jsonl
refuses 2 '--trial: cannot be used with --resume; leave one of them out$' \
    train --resume t/trial-001 --trial none.jsonl
refuses 2 '--trial: cannot be used with --overwrite; leave one of them out$' \
    "${common[@]}" --trial none.jsonl --overwrite --out t
refuses 2 'single: is a run, not a folder of trials; name another --out$' \
    "${common[@]}" --trial trials.jsonl --out single --continue
refuses 2 '-: standard input cannot be read once per trial; save the lyrics in a file$' \
    train - --trial trials.jsonl

# A trial that fails is reported, and the others are trained. Without validation the perplexity of
# the training ranks.
printf '%s\n' '{"lr": 1e6, "cell": "rnn_relu", "clip_norm": 0}' '{"shards": 3}' '{"seed": 5}' \
    >fail.jsonl
run train songs.txt "${tiny[@]}" --num-epochs 2 --trial fail.jsonl --out f
expect_error 1 'f: 2 of 3 trials failed; '
[[ $(grep -c '^warning: trial-00[12] failed: ' "$err") == 2 ]] || fail "two warnings"
[[ $(head -n 1 "$out") =~ ^rank\ +trial\ +perplexity ]] || fail "there is no validation"
[[ $(awk 'NR == 2 { print $1, $2 } NR > 2 { print $1, $3 }' "$out" | xargs) == \
    '1 trial-003 - failed - failed' ]] || fail "those that failed come last"
[[ $(grep -c '"rank": null, .*"error": ' f/trials.jsonl) == 2 ]] || fail "errors in trials.jsonl"

# A signal stops all of them; the same command continues, and ends as if nothing had happened.
printf '%s\n' '{"num_epochs": 2}' '{"num_epochs": 2000, "hidden_size": 64}' '{"seed": 4}' \
    >long.jsonl
long=("${common[@]}" --num-epochs 2 --trial long.jsonl --out l --continue --checkpoint-every 100000)
"$lyrnn" "${long[@]}" >"$out" 2>"$err" </dev/null &
pid=$!
for ((i = 0; i < 200; i++)); do
    [[ -s l/trial-002/metrics.jsonl ]] && break
    sleep 0.05
done
status=0
kill -TERM "$pid" # a script's shell lets its background ignore SIGINT
wait "$pid" || status=$?
command="${long[*]}"
expect_error 143 'l: interrupted in trial 2 of 3; repeat the command with --out l --continue$'
[[ ! -s $out && ! -e l/trial-003 ]] || fail "nothing may follow"
[[ $(wc -l <l/trials.jsonl) == 1 && -e l/trial-002/latest ]] || fail "what was done must stay"
sed -i 's/2000/3/' long.jsonl # it is far beyond that
succeeds "${long[@]}"
[[ $(wc -l <"$out") == 4 && $(wc -l <l/trials.jsonl) == 3 ]] || fail "all trials are done"
