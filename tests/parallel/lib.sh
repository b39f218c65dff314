#!/usr/bin/env bash
# What the tests of several ranks share, on top of cli/lib.sh. Argument 1 of each test is the
# program. A test starts the ranks itself, as a launcher does, and so sees the output of each.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$1"

# free_port: a TCP port on which nobody listens.
free_port() {
    local port
    while
        port=$((20000 + RANDOM % 10000))
        grep -qE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$port") " /proc/net/tcp /proc/net/tcp6
    do :; done
    echo "$port"
}

# A rank may have its own folder, program or options: folders[R], programs[R], and extra[R], words
# that only this rank has.
folders=()
programs=()
extra=()

# set_variables RANK SIZE PORT: what a launcher gives to a rank. A test may define another one.
set_variables() {
    export LYRNN_RANK=$1 LYRNN_SIZE=$2 LYRNN_ADDRESS=127.0.0.1 LYRNN_PORT=$3
    export LYRNN_TOKEN=0123456789abcdef
}

# start_rank RANK SIZE PORT ARG...: starts one rank in the background.
start_rank() {
    local rank=$1 size=$2 port=$3
    shift 3
    (
        cd "${folders[rank]:-.}" || exit
        set_variables "$rank" "$size" "$port"
        # shellcheck disable=SC2086 # words
        exec "${programs[rank]:-$lyrnn}" "$@" ${extra[rank]:-}
    ) >"$out.$rank" 2>"$err.$rank" </dev/null &
    pids[rank]=$!
}

# start_ranks N ARG...: starts lyrnn as N ranks. Rank R writes $out.R and $err.R, and ${pids[R]} is
# its process.
start_ranks() {
    local size=$1 port rank
    shift
    command="$size ranks: lyrnn $*"
    port=$(free_port)
    pids=()
    for ((rank = 0; rank < size; rank++)); do
        start_rank "$rank" "$size" "$port" "$@"
    done
}

# finish_ranks: waits for all. Sets $status to that of rank 0 and ${statuses[R]} to that of each,
# and writes the output of all to $out and $err.
finish_ranks() {
    local rank
    statuses=()
    for rank in "${!pids[@]}"; do
        statuses[rank]=0
        wait "${pids[rank]}" || statuses[rank]=$?
    done
    status=${statuses[0]}
    collect_ranks
}

collect_ranks() {
    local rank
    : >"$out"
    : >"$err"
    for rank in "${!pids[@]}"; do
        cat "$out.$rank" >>"$out"
        cat "$err.$rank" >>"$err"
    done
}

# await_catching PID...: waits until all of these processes catch SIGTERM, as trainings do.
await_catching() {
    local pid caught
    for pid; do
        for ((i = 0; i < 1000; i++)); do
            caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status") ||
                fail "process $pid must train"
            (((0x$caught >> 14 & 1) == 0)) || continue 2
            sleep 0.01
        done
        fail "process $pid must catch SIGTERM"
    done
}

# run_ranks N ARG...: runs lyrnn as N ranks.
run_ranks() {
    start_ranks "$@"
    finish_ranks
}

# ranks_succeed N ARG...: all must succeed, and only rank 0 may print anything.
ranks_succeed() {
    local rank
    run_ranks "$@"
    for rank in "${!pids[@]}"; do
        [[ ${statuses[rank]} == 0 ]] || fail "rank $rank must succeed: ${statuses[rank]}"
        [[ $rank == 0 || (! -s $out.$rank && ! -s $err.$rank) ]] || fail "rank $rank must be silent"
    done
}

# expect_rank_error STATUS REGEX: all ranks must have failed, rank 0 with this status, and only one
# of them may have printed one line about it. If all fail for the same reason, any of them may be
# the first.
expect_rank_error() {
    local rank
    for rank in "${!pids[@]}"; do
        [[ ${statuses[rank]} != 0 ]] || fail "rank $rank must fail"
    done
    [[ $status == "$1" ]] || fail "exit status of rank 0 must be $1"
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    grep '^lyrnn: ' "$err" | LC_ALL=C grep -qaE "^lyrnn: (rank [0-9]+ \([^)]*\): )?($2)" ||
        fail "the error must match: $2"
}

# times_removed FILE: standard output of a training without what depends on time.
times_removed() {
    sed -E 's/, time [0-9.]+ sec$//' "$1"
}
