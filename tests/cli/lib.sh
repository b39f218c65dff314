#!/usr/bin/env bash
# What the tests of the command line share: a scratch folder for each test, running the program, and
# checks of its output. Argument 1 of each test is the program. The first failed check ends the
# test.
export LC_ALL=C.UTF-8 # characters are counted, not bytes
# Threads that spin take time from each other when tests run in parallel.
export OMP_WAIT_POLICY=passive
lyrnn=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache
# Open MPI fails if a process of another test makes or removes its folder at the same moment.
export TMPDIR=$scratch
out=$scratch/out
err=$scratch/err
mkdir "$scratch/work"
cd "$scratch/work" || exit

is_sanitized() {
    grep -q __asan_init < <(nm -D "$lyrnn")
}

# How much longer a training takes than in a program without sanitizers. Texts that are long only to
# keep lyrnn busy are shorter by this factor.
# shellcheck disable=SC2034 # the tests use it
if is_sanitized; then slowness=6; else slowness=1; fi

fail() {
    echo "FAILED: $*"
    echo "  after: ${command-nothing}; exit status ${status-none}"
    sed 's/^/  stdout: /' "$out"
    sed 's/^/  stderr: /' "$err"
    exit 1
}

# run ARG...: runs lyrnn. Sets $status, and writes $out and $err.
run() {
    command="lyrnn $*"
    status=0
    "$lyrnn" "$@" >"$out" 2>"$err" </dev/null || status=$?
}

succeeds() {
    run "$@"
    [[ $status == 0 ]] || fail "must succeed"
}

# expect_error STATUS REGEX: how the last run must have ended. Lines with plans may come before the
# error.
expect_error() {
    [[ $status == "$1" ]] || fail "exit status must be $1"
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    tail -n 1 "$err" | LC_ALL=C grep -qaE "^lyrnn: $2" || fail "last line must match: lyrnn: $2"
}

# limit_memory KIB: limits the address space of this shell, unless a sanitizer needs more than any
# limit.
limit_memory() {
    is_sanitized || ulimit -v "$1"
}

# All files but a run's lock, which any process that opens the run may write.
files_here() {
    find . ! -name lock -printf '%p %y %s %T@\n' | sort
}

# refuses STATUS REGEX ARG...: lyrnn must print one line on standard error and nothing else, and
# change no file.
refuses() {
    local expected=$1 regex=$2 before
    shift 2
    before=$(files_here)
    run "$@"
    expect_error "$expected" "$regex"
    [[ $(wc -l <"$err") == 1 ]] || fail "standard error must be one line"
    [[ ! -s $out ]] || fail "standard output must be empty"
    [[ $(files_here) == "$before" ]] || fail "files must stay as they were: $(files_here)"
}

# A text that trains in no time: verses of 32 characters, which contain the default prefixes.
write_corpus() {
    for ((i = 0; i < 12; i++)); do
        printf '我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n一夜听雨到天明\n'
    done >corpus.txt
}

# write_songs NUMBER: verses like those above, each a song with a line of its own.
write_songs() {
    for ((i = 0; i < $1; i++)); do
        printf '我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n一夜听雨到天明\n%d\n\n' "$((i * i))"
    done >songs.txt
}

# A small network that fits the text.
# shellcheck disable=SC2034 # the tests use it
tiny=(--hidden-size 16 --batch-size 2 --num-steps 5 --threads 1)

model_of() {
    echo "$1/latest/model.safetensors"
}

# take_apart MODEL: sets $header (its JSON without the checksum), and $header_size and $size in
# bytes.
# shellcheck disable=SC2034 # the tests use them
take_apart() {
    whole=$1
    size=$(stat -Lc %s "$whole")
    header_size=$(od -An -t u8 -N 8 "$whole" | tr -d ' ')
    header=$(head -c $((8 + header_size)) "$whole" | tail -c +9 |
        sed 's/ *$//; s/,"lyrnn_checksum":"xxh128:[0-9a-f]*"//')
}

# le64 NUMBER: its eight bytes, lowest first.
le64() {
    local bytes='' number=$1
    for ((i = 0; i < 8; i++, number >>= 8)); do
        bytes+=$(printf '\\x%02x' $((number & 255)))
    done
    printf '%b' "$bytes"
}

# write_model HEADER: a file of this header and the data of the model that was taken apart.
write_model() {
    local json=$1
    while (($(printf %s "$json" | wc -c) % 8 != 0)); do json+=' '; done
    le64 "$(printf %s "$json" | wc -c)"
    printf %s "$json"
    tail -c +$((9 + header_size)) "$whole"
}

# weights_of RUN: its model without what it says of the texts that it learned.
weights_of() {
    take_apart "$(model_of "$1")"
    sed -E 's/,"learned":"([^"\\]|\\.)*"//' <<<"$header"
    tail -c +$((9 + header_size)) "$whole"
}

# metrics_of RUN: its metrics without the values that depend on time.
metrics_of() {
    sed -E 's/, "(chars_per_second|seconds)": [^,}]*//g' "$1/metrics.jsonl"
}

# same_runs RUN RUN: both must be as if neither had been interrupted.
same_runs() {
    cmp "$1/latest/model.safetensors" "$2/latest/model.safetensors" ||
        fail "$1 and $2: models differ"
    cmp "$1/latest/trainer.safetensors" "$2/latest/trainer.safetensors" ||
        fail "$1 and $2: trainers differ"
    diff <(metrics_of "$1") <(metrics_of "$2") || fail "$1 and $2: metrics differ"
}
