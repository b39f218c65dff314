#!/usr/bin/env bash
# train --trial: the options of each line, the table, and what stays of trials that fail or are
# interrupted. test_trial_check.sh has what is refused before the first run.
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

# The columns are the options as they were resolved: those of a preset, and the shape of --init.
# Texts are joined, numbers are short, and no line ends in spaces.
printf '%s\n' '{"preset": "small", "dropout_input": 0.1}' '{"init": "single"}' \
    '{"prefix": ["月光", "一夜"], "beta2": 0.98}' >resolved.jsonl
succeeds "${common[@]:0:2}" --threads 1 --val-songs 0.2 --num-epochs 0 --trial resolved.jsonl \
    --out r
! grep -q ' $' "$out" || fail "no line may end in spaces"
read -ra keys < <(head -n 1 "$out")
[[ ${keys[*]:5} == 'preset cell hidden_size embedding_size tie '* ]] ||
    fail "the columns of a preset and of --init"
for row in 'small +gru +512 +512 +true +0\.1 +0\.5 +none ' \
    'none +gru +8 +0 +false +0\.0 +0\.0 +single ' \
    'none +rnn_tanh +256 +0 +false +0\.0 +0\.0 +none .* 0\.98 .* 月光, 一夜$'; do
    grep -qE "^   -  trial-00[123]  +-  +-  +0\.0  $row" "$out" || fail "a row of $row"
done
grep -qx 'trial 3 of 3: {"prefix": \["月光", "一夜"\], "beta2": 0.98}' "$err" ||
    fail "the line, with numbers as they were written"

# The folder has trials: only --continue goes there. Complete trials are skipped.
has_trials='t: has trials; add --continue to continue them, or name another --out$'
refuses 2 "$has_trials" "${common[@]}" --trial trials.jsonl --out t
refuses 2 "$has_trials" "${common[@]}" --trial missing.jsonl --out t
mv t/trials.jsonl results
refuses 2 "$has_trials" "${common[@]}" --trial trials.jsonl --out t
mv results t/trials.jsonl
mv t/trial-001 held
refuses 2 "$has_trials" "${common[@]}" --trial trials.jsonl --out t
mv held t/trial-001
before=$(md5sum t/trial-*/latest/* t/trial-*/metrics.jsonl)
succeeds "${common[@]}" --trial trials.jsonl --out t --continue
[[ $(md5sum t/trial-*/latest/* t/trial-*/metrics.jsonl) == "$before" ]] || fail "nothing to train"
cmp -s "$out" table || fail "the table must be the same"
sed -i 's/"num_epochs": 1/"num_epochs": 2/' trials.jsonl
succeeds "${common[@]}" --trial trials.jsonl --out t --continue
[[ $(wc -l <t/trial-001/metrics.jsonl) == 2 ]] || fail "more epochs continue a trial"
# A run keeps the number of its epochs, if no line says another one.
sed -i 's/{"num_epochs": 2}/{}/' trials.jsonl
succeeds "${common[@]}" --trial trials.jsonl --out t --continue
grep -qE 'trial-001 .* rnn_tanh  2 ' "$out" || fail "the columns are those of the runs"

# A trial that fails is reported, and the others are trained. Without validation the perplexity of
# the training ranks.
printf '%s\n' '{"lr": 1e6, "cell": "rnn_relu", "clip_norm": 0}' \
    '{"offset": "random", "preset": "small"}' '{"seed": 5}' >fail.jsonl
fail=(train songs.txt "${tiny[@]}" --num-epochs 2 --val-songs 0 --trial fail.jsonl --out f)
run "${fail[@]}"
remedy='2 of 3 trials failed; correct their lines, and repeat the command with --out f --continue$'
expect_error 1 "f: $remedy"
[[ $(grep -c '^warning: trial-00[12] failed: ' "$err") == 2 ]] || fail "two warnings"
[[ $(head -n 1 "$out") =~ ^rank\ +trial\ +perplexity ]] || fail "there is no validation"
[[ $(awk 'NR == 2 { print $1, $2 } NR > 2 { print $1, $3 }' "$out" | xargs) == \
    '1 trial-003 - failed - failed' ]] || fail "those that failed come last"
[[ $(grep -c '"rank": null, .*"error": ' f/trials.jsonl) == 2 ]] || fail "errors in trials.jsonl"
[[ $(head -n 1 "$out") =~ offset && $(grep trial-002 "$out") =~ \ gru\ .*\ random\  ]] ||
    fail "the options of a trial without a run"
# The remedy works.
printf '%s\n' '{"lr": 1e-2, "cell": "rnn_relu"}' '{"seed": 4}' '{"seed": 5}' >fail.jsonl
succeeds "${fail[@]}" --continue
[[ $(wc -l <"$out") == 4 ]] || fail "all trials are done"

# One that diverges after a checkpoint is not continued by itself.
printf '%s\n' '{"lr": 1e6, "cell": "rnn_relu", "clip_norm": 0}' >diverge.jsonl
run train songs.txt "${tiny[@]}" --checkpoint-minutes 1e-9 --trial diverge.jsonl --out h
expect_error 1 'h: 1 of 1 trials failed; .* or with another --out for trial-001, which has a run$'
! grep -q -e --resume "$err" || fail "the command of all trials continues"

# A trial whose last perplexity is not finite is complete, and stays failed.
printf '%s\n' '{"lr": 1000, "clip_norm": 0}' '{}' >fail.jsonl
fail=("${fail[@]:0:${#fail[@]}-1}" g --num-epochs 3)
run "${fail[@]}"
remedy='1 of 2 trials failed; .* --out g --continue, or with another --out for trial-001, which h'
expect_error 1 "g: $remedy"
cp g/trials.jsonl results
run "${fail[@]}" --continue
expect_error 1 "g: $remedy"
diff g/trials.jsonl results || fail "with the same error"
grep -q '^{"rank": null, .*"error": "g/trial-001: is saved, but the perplexity of its ' results ||
    fail "the error must say what is wrong"
sed -i '1s/.*/{"lr": 0.01}/' fail.jsonl
refuses 2 'fail.jsonl: line 1: lr is 0.01, but g/trial-001 was trained with 1000.0; restore the ' \
    "${fail[@]}" --continue
succeeds "${fail[@]}" --out g2 --continue

# Another script than that of --init is a mistake of its line. Other lyrics fail all trials.
printf 'loremipsumdolorsitamet' >latin.txt
succeeds train latin.txt "${tiny[@]}" --num-epochs 0 --prefix i --out latin
printf '%s\n' '{"init": "latin"}' '{"seed": 4}' >script.jsonl
run train songs.txt "${tiny[@]:2}" --num-epochs 0 --trial script.jsonl --out s
expect_error 1 's: 1 of 2 trials failed; '
printf '\377\377\377' >bytes.txt
run train bytes.txt --encoding utf-8 --trial fail.jsonl --out s2
expect_error 1 'bytes.txt: '
! grep -q 'trial 2 of 2' "$err" || fail "the others would fail too"

# Files can grow to 4 KiB, which is less than a model needs. The remedy is that of all trials.
printf '%s\n' '{"init": "single", "lr": 0.01}' '{"cell": "gru"}' >disk.jsonl
disk=(train songs.txt --batch-size 2 --threads 1 --num-epochs 0 --trial disk.jsonl --out d)
command="${disk[*]}"
status=0
(
    ulimit -f 4
    exec "$lyrnn" "${disk[@]}" >"$out" 2>"$err" </dev/null
) || status=$?
remedy="raise the limit of file sizes \\(ulimit -f\\), or choose another place, then repeat the"
expect_error 1 "d/trial-001/.*: File too large; $remedy command with --out d --continue\$"
succeeds "${disk[@]}" --continue

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
