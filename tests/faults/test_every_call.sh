#!/usr/bin/env bash
# test_every_call.sh LYRNN_WITH_FAULTS: runs trainings in which each call that changes the disk
# fails, or kills the process, one after the other. A failure prints one line with the object and
# the remedy, the checkpoint behind `latest` is always whole, and continuing ends with the bytes of
# an undisturbed run.
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
write_songs 30

# run_with FAULT ARG...: like run, with a fault. $calls are the calls that were made.
run_with() {
    export LYRNN_FAULT=$1 LYRNN_FAULT_LOG=$scratch/log
    shift
    # Here bash reports killed processes.
    { run "$@"; } 2>/dev/null
    command="LYRNN_FAULT='$LYRNN_FAULT' $command"
    unset LYRNN_FAULT LYRNN_FAULT_LOG
    mapfile -t calls <"$scratch/log"
    calls=("${calls[@]//"$PWD/"/}")
}

run_with 'none 0' --version
if [[ $status == 77 ]]; then
    echo 'skipped: no seccomp here'
    exit 77
fi

train=(train songs.txt "${tiny[@]}" --keep-duplicates --val-songs 0.3 --checkpoint-every 1)
succeeds "${train[@]}" --num-epochs 3 --out whole
# Each epoch is the best so far, so each one also moves `best`.
[[ $(readlink whole/best) == checkpoints/epoch-000003 ]] || fail "the last epoch must be the best"

# is_flushed: reads the calls in their order. At each rename, everything written before must have
# been flushed, except for the directories that get the new name. At the end, everything must have
# been. A lock does not matter after a power cut, nor do lines of metrics.jsonl before their
# checkpoint.
is_flushed() {
    awk -F'\t' -v here="$PWD" '
        function above(path) { return sub("/[^/]*$", "", path) ? path : here }
        function check(target) {
            for (path in dirty)
                if (index(target, path "/") != 1 && path !~ "/lock$" &&
                    (path !~ "/metrics.jsonl$" || target ~ "/checkpoints/|^the end$")) {
                    print path ": not flushed before call " NR ", " target
                    is_bad = 1
                }
        }
        $3 == "failed" { next }
        $1 ~ "^(write|ftruncate|create)$" { dirty[$2] = 1 }
        $1 == "rename" { check($2) }
        $1 ~ "^(create|mkdir|symlink|rename)$" { dirty[above($2)] = 1 }
        $1 == "fsync" { delete dirty[$2] }
        END { check("the end"); exit is_bad }'
}

# A lock works without its owner's name, and a file that could not be removed must not be in the
# way.
is_harmless() {
    [[ $1 == unlink* || $1 == write*/lock || $1 == ftruncate*/lock ]]
}

# expect_end KIND CALL: how the program must have ended.
expect_end() {
    local then=''
    local reason='Input/output error; check the disk|No space left on device; free some space there'
    case $1 in
    kill*) [[ $status == 137 ]] || fail "it must have been killed" ;;
    short) [[ $status == 0 ]] || fail "the rest must have been written" ;;
    *)
        if is_harmless "$2"; then
            [[ $status != 0 ]] || return 0
            reason+='|File exists; move it away, or choose another name'
        fi
        [[ ! -d run ]] || then='(, then start again with --out run --overwrite: nothing was saved)?'
        ! has_checkpoint || then='(, then continue: lyrnn train --resume run)'
        # A new run that did not replace the earlier one yet.
        [[ $replaces == no ]] || then='(, then .*)?( \(the earlier run in run stays as it was\))?'
        [[ $2 != create*/lock ]] || then=''
        expect_error 1 "run[^:]*: .*: ($reason)$then\$"
        if [[ $1 == full && ! -e base && -n $(find run -name '.*' 2>/dev/null) ]]; then
            fail "nothing half-written may stay: $(find run)"
        fi
        ;;
    esac
}

# Whether there is something to resume: `latest` is made after the first checkpoint.
has_checkpoint() {
    compgen -G 'run/checkpoints/epoch-*' >/dev/null
}

# goes_on: continues the run from what is left until its end.
goes_on() {
    local epoch file
    if [[ -L run/latest ]]; then
        epoch=$(readlink run/latest)
        for file in "$epoch"/{model,trainer}.safetensors; do
            cmp "run/$file" "whole/$file" || fail "latest must be whole, and the epoch that it says"
        done
        succeeds generate run --prefix 分开 --length 1
    elif [[ -L run/.new/latest ]]; then
        succeeds generate run --prefix 分开 --length 1
    elif [[ -e base || ! -e run ]] || ! has_checkpoint; then
        [[ $must_keep == no ]] || fail "the checkpoint before must stay"
        if [[ -e run ]] && ! has_checkpoint; then
            run train --resume run
            expect_error 3 \
                'run: nothing has been saved in it yet; start again with --out run --overwrite$'
        fi
        succeeds "${train[@]}" --num-epochs 1 --keep 1 --out run --overwrite
    fi
    run train --resume run --num-epochs 3 --keep 1
    if [[ $status == 0 ]]; then
        [[ $(ls -A run run/checkpoints) == "$expected_files" ]] ||
            fail "other files: $(ls -A run run/checkpoints)"
    else # complete, except that old checkpoints were not removed yet
        expect_error 2 \
            '--num-epochs 3: run has done 3 epochs already; raise --num-epochs to continue$'
    fi
    same_runs whole run
    [[ $(readlink run/best) == checkpoints/epoch-000003 ]] || fail "another epoch is the best"
}
expected_files=$(printf '%s\n' run: best checkpoints config.json latest lock metrics.jsonl '' \
    run/checkpoints: epoch-000003)

restore() {
    rm -rf run
    [[ ! -e base ]] || cp -rP base run
}

# disturb_each ARG...: disturbs each call of a training that starts from base.
disturb_each() {
    local all kinds kind n
    restore
    run_with 'none 0' "$@"
    [[ $status == 0 ]] || fail "must succeed"
    printf '%s\n' "${calls[@]}" | is_flushed || fail "what was written must be flushed in time"
    all=("${calls[@]%$'\t'*}")
    for ((n = 1; n <= ${#all[@]}; n++)); do
        kinds=(error-once error full kill)
        [[ ${all[n - 1]} != write* ]] || kinds+=(short kill-half)
        for kind in "${kinds[@]}"; do
            restore
            run_with "$kind $n" "$@"
            [[ ${calls[n - 1]-} == "${all[n - 1]}"* ]] ||
                fail "call $n must be '${all[n - 1]}' again"
            command+=" [call $n: ${all[n - 1]}]"
            expect_end "$kind" "${all[n - 1]}"
            goes_on
            count[$kind]=$((${count[$kind]-0} + 1))
        done
    done
    echo "${#all[@]} calls disturbed: lyrnn $*"
}
declare -A count=()

# A new run.
must_keep=no
replaces=no
disturb_each "${train[@]}" --num-epochs 1 --keep 1 --out run

# A run that continues after a process that was killed when most was unfinished: the next checkpoint
# is in place but not `latest` yet, another one is half-written, `best` is not set yet, and there
# are half a line, half a config.json, and half a link.
succeeds "${train[@]}" --num-epochs 2 --out base
cp -r whole/checkpoints/epoch-000003 base/checkpoints/
mkdir base/checkpoints/.epoch-000003.tmp
echo half | tee base/checkpoints/.epoch-000003.tmp/{model,trainer}.safetensors base/.config.json \
    >/dev/null
sed -n 3p whole/metrics.jsonl >>base/metrics.jsonl
printf '{"epoch": 4, "st' >>base/metrics.jsonl
ln -s checkpoints/epoch-000003 base/.latest
ln -sfn checkpoints/epoch-000001 base/best
must_keep=yes
disturb_each train --resume run --num-epochs 3 --keep 1

# A run that replaces another one: there is always one of them, and it can continue.
replaces=yes
disturb_each "${train[@]}" --num-epochs 1 --keep 1 --out run --overwrite

for kind in "${!count[@]}"; do printf '%s: %d faults survived\n' "$kind" "${count[$kind]}"; done
