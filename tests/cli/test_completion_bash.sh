#!/usr/bin/env bash
# bash's completion, called in the way that bash calls it.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
. "$(dirname "$0")/completion_cases.sh"

# bash also splits words at =.
complete_line() (
    # shellcheck disable=SC1090 # the generated script
    . "$1"
    read -ra COMP_WORDS <<<"${2//=/ = }"
    [[ $2 != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _lyrnn || true
    printf '%s\n' "${COMPREPLY[@]}"
)

script=$share/bash-completion/completions/lyrnn
bash -n "$script" || fail "the script must be bash"
check_completions "$script"
expect_completions "$script" 'lyrnn train --cell=l' lstm
expect_completions "$script" 'lyrnn train --cell=' rnn_tanh rnn_relu lstm gru
expect_completions "$script" 'lyrnn eval --device=cpu runs/m' runs/mine
bash -c '. "$1"; complete -p lyrnn' bash "$script" | grep -qx 'complete -F _lyrnn lyrnn' ||
    fail "the script must register its function"
