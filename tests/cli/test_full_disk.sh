#!/usr/bin/env bash
# Standard output and files that cannot be written to the end.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --num-epochs 2 --pred-period 1 --checkpoint-every 1)
succeeds "${train[@]}" --out run
cat corpus.txt corpus.txt corpus.txt >many.txt

# to_full ARG...: like run, but standard output is a full disk.
to_full() {
    command="lyrnn $* >/dev/full"
    status=0
    : >"$out"
    "$lyrnn" "$@" >/dev/full 2>"$err" </dev/null || status=$?
}
for arguments in "generate run --prefix 分开" "--help" "train --help" "--version" "info" \
    "info run" \
    "eval run --json corpus.txt" "eval run --json --per-line many.txt" \
    "bench --hidden-size 4 --vocab-size 9 --steps 1 --repetitions 1 --format json"; do
    # shellcheck disable=SC2086 # words of a command line
    to_full $arguments
    expect_error 1 \
        'standard output: .*cannot be written.*; free disk space, or redirect it elsewhere$'
    [[ $(wc -l <"$err") == 1 ]] || fail "standard error must be one line"
done
# Where no disk is full, the line does not ask to free it.
command='lyrnn info | true'
set +e
{ sleep 0.2 && "$lyrnn" info 2>"$err"; } | true
status=${PIPESTATUS[0]}
set -e
expect_error 1 'standard output: cannot be written: Broken pipe; redirect it elsewhere$'
command='lyrnn info >&-'
status=0
"$lyrnn" info 2>"$err" >&- || status=$?
expect_error 1 'standard output: cannot be written: Bad file descriptor; redirect it elsewhere$'
# A training continues without sample texts, and says so once.
warns() {
    [[ $status == 0 ]] || fail "samples that cannot be written must not end a training"
    [[ $(grep -c '^warning: standard output: cannot be written: ' "$err") == 1 ]] ||
        fail "one warning must say that samples are lost"
    same_runs run "$1"
}
to_full "${train[@]}" --out unheard
warns unheard
grep -q 'No space left on device; the training continues without sample texts$' "$err" ||
    fail "the warning must give the reason"
# More than a buffer holds.
to_full "${train[@]}" --pred-len 5000 --out long
warns long
command='lyrnn train | true'
set +e
"$lyrnn" "${train[@]}" --out left 2>"$err" | true
status=${PIPESTATUS[0]}
set -e
warns left
command='lyrnn train 2>/dev/full'
status=0
"$lyrnn" "${train[@]}" --out unlogged >"$out" 2>/dev/full </dev/null || status=$?
[[ $status == 0 ]] || fail "a log that cannot be written must not end a training"
same_runs run unlogged

# If standard streams are closed, no file may get their numbers: the output goes nowhere, and above
# all not into the run.
command='lyrnn train >&- 2>&- <&-'
status=0
"$lyrnn" "${train[@]}" --out mute <&- >&- 2>&- || status=$?
[[ $status == 0 ]] || fail "closed streams must not end a training"
command='lyrnn train 2>&- <&-'
status=0
"$lyrnn" "${train[@]}" --out deaf >"$out" <&- 2>&- || status=$?
[[ $status == 0 ]] || fail "a closed log must not end the training"
for name in mute deaf; do
    ! grep -v '^{"epoch": [12], .*}$' $name/metrics.jsonl ||
        fail "metrics.jsonl must hold only metrics"
    [[ $(cat $name/lock) =~ ^[0-9]+\ [^\ ]*$ ]] ||
        fail "and in the lock its holder: $(cat $name/lock)"
    grep -q '^{' $name/config.json || fail "the options must be printed"
    succeeds train --resume $name --num-epochs 3
done
same_runs mute deaf
command='lyrnn generate >&-'
status=0
"$lyrnn" generate run --prefix 分开 2>"$err" >&- || status=$?
expect_error 1 'standard output: cannot be written: Bad file descriptor; '

# A reader that leaves is a failed write too, and not a signal in the middle of saving.
command='lyrnn generate | true'
set +e
"$lyrnn" generate run --prefix 分开 --length 100000 --threads 1 2>"$err" | true
status=${PIPESTATUS[0]}
set -e
expect_error 1 'standard output: '

# Files can grow to 4 KiB, which is less than a model needs. The earlier checkpoint must stay whole.
cp -rP run before
command='lyrnn train with a limit on file sizes'
status=0
(
    ulimit -f 4
    exec "$lyrnn" "${train[@]}" --out limited >"$out" 2>"$err" </dev/null
) || status=$?
expect_error 1 'limited/.*File too large; raise the limit of file sizes \(ulimit -f\), or choose another place, then'
[[ -z $(find limited -name '.?*') ]] || fail "no temporary file may stay: $(find limited)"
[[ ! -e limited/latest ]] || fail "latest must not name a checkpoint that was not saved"
[[ -z $(find limited -name '*.safetensors*') ]] || fail "no partial model may stay: $(find limited)"
diff -r run before || fail "another run was touched"

# Nor is another command killed by that limit. The file that ends here is standard output.
command='lyrnn generate with a limit on file sizes'
status=0
(
    ulimit -f 1
    exec "$lyrnn" generate run --prefix 分开 --length 5000 >text 2>"$err"
) || status=$?
expect_error 1 'standard output: cannot be written: File too large; '
