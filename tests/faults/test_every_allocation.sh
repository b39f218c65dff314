#!/usr/bin/env bash
# test_every_allocation.sh LYRNN_WITH_REFUSALS [STEP]: runs commands in which one allocation of
# memory fails: every STEP-th one after the other, or each with STEP 1. A command must fail with one
# line, or do exactly what it does with enough memory. It may not abort, and not leave out a part of
# its results.
set -euo pipefail
host=$(realpath "$(dirname "$0")/../../host")
. "$(dirname "$0")/../cli/lib.sh" "$1"
step=${2-1}
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1

# jansson's own functions report a failure to callers that forget it, or lose bytes themselves.
forgetful='object_set(_new)?|object_update|array_(set|append|insert)(_new)?|array_extend|dumps|dumpf'
forgetful+='|copy|deep_copy'
if grep -rnE "json_($forgetful)\(" "$host" | grep -v '/files/json_build\.c:'; then
    fail 'use files/json_build.h'
fi

write_corpus
printf '月光\n' >unseen.txt
succeeds train corpus.txt "${tiny[@]}" --val-fraction 0.2 --num-epochs 1 --out base
write_songs 12
songs=(train songs.txt "${tiny[@]}" --keep-duplicates --val-songs 0.3)
succeeds "${songs[@]}" --num-epochs 1 --out song_base

timed='ms|second|gflop|gbyte|times|share|bare|predicted|floor|date|peak'
# results: what the last run printed and wrote, without the values that depend on time.
results() {
    sed -E "s/\"([a-z_]*($timed)[a-z_0-9]*)\": [^,}]*/\"\1\"/g; s/time [0-9.]+ sec//
        s/ [0-9]+\.[0-9](  |$)/\1/" "$out"
    [[ ! -d run ]] || (
        cd run
        find . -type l -printf '%p %l\n' | sort
        find . -name '*.jsonl' | sort | xargs cat |
            sed -E 's/"(chars_per_second|seconds)": [^,}]*/"\1"/g'
        find . -name '*.safetensors' -o -name config.json | sort | xargs md5sum
    )
}

# refuse_each NAME ARG...: NAME names the run that is there before, or is new.
total=0
refuse_each() {
    local before=$1 num expected=$scratch/expected
    shift
    prepare() {
        rm -rf run
        [[ $before == new ]] || cp -r "$before" run
    }
    prepare
    export LYRNN_REFUSE=0 LYRNN_REFUSE_COUNT=$scratch/count
    run "$@"
    [[ $status == 0 ]] || fail "must succeed with enough memory"
    results >"$expected"
    num=$(<"$scratch/count")
    for ((n = 1 + RANDOM % step; n <= num; n += step)); do
        prepare
        LYRNN_REFUSE=$n
        { run "$@"; } 2>/dev/null
        command="LYRNN_REFUSE=$n $command"
        if [[ $status == 0 ]]; then
            results | cmp -s - "$expected" || {
                results | diff "$expected" - | head -5
                fail "success must have the results of the undisturbed run"
            }
        else
            [[ $status == 1 ]] || fail "the status must be 0 or 1"
            [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
        fi
        total=$((total + 1))
    done
    unset LYRNN_REFUSE LYRNN_REFUSE_COUNT
    echo "$num allocations: lyrnn $*"
}
RANDOM=$step

refuse_each new train corpus.txt "${tiny[@]}" --val-fraction 0.2 --num-epochs 2 \
    --checkpoint-every 1 --pred-period 1 --out run
refuse_each new train corpus.txt --batch-size 2 --num-steps 5 --init base --num-epochs 1 --out run
refuse_each base train --resume run --num-epochs 2
refuse_each new "${songs[@]}" --num-epochs 1 --out run
refuse_each song_base train --resume run --num-epochs 2
recipe=(--embedding-size 3 --tie --dropout-input 0.2 --dropout-output 0.2 --dropout-weight 0.2
    --schedule plateau --warmup 2 --weight-decay 0.1 --beta2 0.99 --ema 0.9 --shards 2
    --report-every 9)
refuse_each new train corpus.txt "${tiny[@]}" "${recipe[@]}" --val-fraction 0.2 --num-epochs 1 \
    --out run
succeeds train corpus.txt "${tiny[@]}" "${recipe[@]}" --val-fraction 0.2 --num-epochs 1 \
    --out recipe_base
refuse_each recipe_base train --resume run --num-epochs 2
printf '{"lr": %s}\n' 0.01 0.02 >trials.jsonl
refuse_each new train corpus.txt "${tiny[@]}" --val-fraction 0.2 --num-epochs 1 \
    --trial trials.jsonl --out run
printf '%s\n' 我们分开又相逢 不分开的是晚风 '' 一夜听雨到天明 月光落在屋檐上 '' \
    今天我又想起你 一夜听雨到天明 >leaks.txt
refuse_each new train leaks.txt "${tiny[@]}" --val-fraction 0.3 --drop-leaks --num-epochs 1 \
    --out run
refuse_each base train corpus.txt "${tiny[@]}" --num-epochs 1 --out run --overwrite
sample=(generate base --prefix 分开 --length 5 --threads 1)
refuse_each new "${sample[@]}"
refuse_each new "${sample[@]}" --format json --num-samples 2 --report
refuse_each new "${sample[@]}" --beam 2
refuse_each new "${sample[@]}" --suggest 2 --format json
refuse_each new "${sample[@]}" --lines 2 --max-line 9 --acrostic 分月 --max-copy 4 --temperature 1
refuse_each new eval base corpus.txt unseen.txt --json
refuse_each new eval base unseen.txt --json --per-line
refuse_each new eval base corpus.txt
refuse_each new eval base corpus.txt --dynamic 0.001
refuse_each new info base
refuse_each new info base --json
refuse_each new info --json
bench=(bench --steps 1 --repetitions 1 --vocab-size 9 --hidden-size 8 --batch-size 2 --num-steps 3
    --threads 1)
refuse_each new "${bench[@]}" --format json
refuse_each new "${bench[@]}" --format json --task operations
printf '[ti:a]\n[00:02]b[00:03]c\n[00:01][00:04]d\n' >song.lrc
printf '{"songs":[{"title":"e","lyrics":"f"},{"lyric":"%s"},{"id":1}]}' \
    '[00:01]g\n[00:02]h\n[00:03]i' >songs.json
printf '"j"\n["k","l"]\n' >songs.jsonl
refuse_each new corpus song.lrc songs.json songs.jsonl
mkdir mixed
cp corpus.txt song.lrc mixed
{ sed 1d corpus.txt && printf '\nＡ  \u200b\n' && head -n 2 corpus.txt; } >mixed/copy.txt
refuse_each new corpus mixed --stats --repeats once --min-count 2
refuse_each new train --help
echo "$total allocations refused"
