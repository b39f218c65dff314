#!/usr/bin/env bash
# What a name may stand for. A text that the command line names may be a file, a pipe or standard
# input. A path in config.json may only be a file: anyone may have written it. Nothing waits for
# what never comes, and nothing reads without end.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

write_corpus
mkfifo fifo
train=(train "${tiny[@]}" --num-epochs 1)
succeeds "${train[@]}" --out file corpus.txt
whole=$(model_of file)

# same_model RUN: it has learned the same text.
same_model() {
    cmp "$whole" "$(model_of "$1")" || fail "$1 must be the model of the same text"
}

# reads RUN ARG...: lyrnn train with the standard input of this function.
reads() {
    local run=$1
    shift
    command="lyrnn train $*"
    status=0
    timeout 20 "$lyrnn" "${train[@]}" --out "$run" "$@" >"$out" 2>"$err" || status=$?
}

# Pipes and standard input are texts like any other.
# shellcheck disable=SC2002 # a pipe, not the file
cat corpus.txt | reads piped -
grep -q "^corpus: standard input, 384 characters" "$err" || fail "the plan names it"
same_model piped
reads redirected - <corpus.txt
same_model redirected
reads substituted <(cat corpus.txt)
same_model substituted
(sleep 0.2 && cat corpus.txt >fifo) &
reads named fifo
same_model named
head -c 1000 corpus.txt | reads halves - <(tail -c +1001 corpus.txt)
[[ $status == 0 ]] || fail 'standard input and a pipe are two texts'

# Nobody can read a stream again: the text must be named.
for run in piped substituted; do
    grep -A 1 '"corpus"' $run/config.json | grep -q '"-"' || fail "$run: config.json must say -"
    refuses 1 ".*$run/.*: its text came from standard input .*--corpus FILE" \
        generate $run --prefix 分 --max-copy 3
    refuses 2 "$run: its text came from standard input .*command line" \
        train --resume $run --num-epochs 2
    succeeds generate $run --prefix 分 --max-copy 3 --corpus corpus.txt
done
succeeds train --resume piped --num-epochs 2 corpus.txt
reads ignored --resume substituted --num-epochs 2 - <corpus.txt || true
expect_error 2 '--out: cannot be used with --resume'
status=0
"$lyrnn" train --resume substituted --num-epochs 2 - <corpus.txt >"$out" 2>"$err" || status=$?
[[ $status == 0 ]] || fail 'a run of a pipe continues with standard input'
same_runs piped substituted

# What is no text is named, in one line, at once.
refuses 2 '-: names standard input 2 times, .*once' "${train[@]}" --out run - -
refuses 1 '/dev/zero: is a device, .*name a text file' "${train[@]}" --out run /dev/zero
refuses 1 '/proc/self/status: claims to be empty but is not, ' \
    "${train[@]}" --out run /proc/self/status
reads run - </dev/zero
expect_error 1 'standard input: is a device, '
reads run - </
expect_error 1 'standard input: is a directory, '
reads run - </dev/null
expect_error 1 'standard input: is empty; '
reads run - <&-
expect_error 1 'standard input: is empty; '
[[ ! -e run ]] || fail 'no run may begin without a text'

# config.json may name anything.
tampered() {
    rm -rf tampered
    cp -a file tampered
    sed -i "s|\"[^\"]*/corpus.txt\"|\"$1\"|" tampered/config.json
    grep -q "\"$1\"" tampered/config.json || fail 'the test must change the path'
}
tampered_is() {
    tampered "$1"
    for command in "generate tampered --prefix 分 --max-copy 3" \
        "train --resume tampered --num-epochs 2"; do
        status=0
        # shellcheck disable=SC2086 # words of a command
        timeout 20 "$lyrnn" $command >"$out" 2>"$err" </dev/null || status=$?
        expect_error 1 "$1: $2"
    done
}
tampered_is "$PWD/fifo" 'is a pipe, not a regular file; '
tampered_is /dev/zero 'is a device, not a regular file; '
tampered_is /dev/stdin 'is a (device|pipe), not a regular file; '
tampered_is /proc/self/environ 'claims to be empty but is not'
mkdir empty
tampered_is "$PWD/empty" 'holds no file that lyrnn reads '

# Other texts and files of a run.
succeeds eval file <(cat corpus.txt)
refuses 1 '/dev/zero: is a device' eval file /dev/zero
refuses 1 '/dev/zero: is a device' generate file --prefix-file /dev/zero
printf 分开 >prefix.txt
succeeds generate file --prefix-file <(cat prefix.txt) --length 3
refuses 1 '/dev/zero: is a device' generate file --prefix 分 --max-copy 3 --corpus /dev/zero
head -c 17000000 /dev/zero | tr '\0' ' ' >tampered/config.json
refuses 1 'tampered/config\.json: has more than 16777216 bytes' train --resume tampered
