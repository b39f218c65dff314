#!/usr/bin/env bash
# What every shell must complete. A test sources this file after lib.sh, defines complete_line and
# calls check_completions. test_completion_bash.sh is the shortest example.
#   complete_line SCRIPT LINE: the completions of LINE by the completion SCRIPT, one per line

# shellcheck disable=SC2034,SC2154 # lib.sh and the test share these variables

share=$(dirname "$lyrnn")/share

# completed SCRIPT LINE: the completions, sorted, without the = after an option that takes a value.
completed() {
    complete_line "$1" "$2" | sed 's/=$//' | LC_ALL=C sort -u
}

# completes SCRIPT LINE WORD...: LINE must complete to exactly these words.
completes() {
    local script=$1 line=$2
    shift 2
    command="completion of \"$line\""
    completed "$script" "$line" >"$out" 2>"$err"
    diff -u "$out" <(printf '%s\n' "$@" | LC_ALL=C sort) >"$scratch/difference"
}

expect_completions() {
    completes "$@" || fail "must complete to: ${*:3}"
}

# options_of COMMAND: the options that --help lists.
options_of() {
    "$lyrnn" "$1" --help | sed -nE 's/^ {2,6}(-h, )?(--[a-z0-9-]+).*/\2/p'
}

# check_completions SCRIPT
check_completions() {
    local script=$1 name options
    mkdir -p runs/mine runs/other runs/no_run
    touch runs/mine/config.json runs/other/config.json a_text.txt
    local commands=(train generate eval corpus bench tune info help version)
    expect_completions "$script" 'lyrnn ' "${commands[@]}"
    expect_completions "$script" 'lyrnn help ' "${commands[@]}"
    expect_completions "$script" 'lyrnn help ge' generate
    expect_completions "$script" 'lyrnn ver' version
    expect_completions "$script" 'lyrnn ge' generate
    expect_completions "$script" 'lyrnn train --ce' --cell
    expect_completions "$script" 'lyrnn train --cell ' rnn_tanh rnn_relu lstm gru
    expect_completions "$script" 'lyrnn bench --cell rnn_' rnn_tanh rnn_relu
    expect_completions "$script" 'lyrnn bench --preset ' none article ladder A B C D E F
    expect_completions "$script" 'lyrnn eval --device c' cpu cuda
    expect_completions "$script" 'lyrnn train --tune ' off cache now
    expect_completions "$script" 'lyrnn generate ' runs/mine runs/other
    expect_completions "$script" 'lyrnn info runs/m' runs/mine
    expect_completions "$script" 'lyrnn train --init ' runs/mine runs/other
    expect_completions "$script" 'lyrnn train --resume runs/o' runs/other
    expect_completions "$script" 'lyrnn train --threads 2 a_t' a_text.txt
    expect_completions "$script" 'lyrnn eval --json runs/mine a_' a_text.txt
    expect_completions "$script" 'lyrnn generate runs/mine --prefix-file a' a_text.txt
    for name in train generate eval corpus bench tune info; do
        mapfile -t options < <(options_of $name)
        ((${#options[@]} > 1)) || fail "$name must have options"
        expect_completions "$script" "lyrnn $name --" "${options[@]}"
    done
    # The comparison must notice a missing option.
    sed 's/--hidden-size/--other/; s/-l hidden-size/-l other/' "$script" >"$scratch/without"
    mapfile -t options < <(options_of train)
    ! completes "$scratch/without" 'lyrnn train --' "${options[@]}" ||
        fail "a completion without --hidden-size must be noticed"
}
