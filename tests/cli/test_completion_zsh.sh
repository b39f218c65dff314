#!/usr/bin/env bash
# zsh's completion: a zsh in a pseudo terminal receives the line and a tab, and writes the
# candidates to a file.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
. "$(dirname "$0")/completion_cases.sh"
if ! command -v zsh >/dev/null || ! zsh -fc 'zmodload zsh/zpty' 2>/dev/null; then
    echo 'SKIPPED: zsh with its module zpty is not installed'
    exit 77
fi

# The zsh in the pseudo terminal runs this before the line. compadd adds candidates; with -O, -A or
# -D it only filters them.
cat >"$scratch/setup.zsh" <<'END'
PROMPT=
fpath=($COMPLETION_DIRECTORY $fpath)
autoload -Uz compinit
compinit -D -u
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
compadd() {
    if [[ " ${(j: :)@[1,(i)(-|--)]} " == *' -'[OAD]' '* ]]; then
        builtin compadd "$@"
        return
    fi
    local -a added
    builtin compadd -A added "$@"
    (( $#added )) && print -rl -- $added >>$CAPTURED
    builtin compadd "$@"
}
finish() { print done >>$CAPTURED }
comppostfuncs=(finish)
print ready >>$CAPTURED
END
cat >"$scratch/drive.zsh" <<'END'
zmodload zsh/zpty
wait_for() {
    repeat 500; do
        grep -qsx $1 $CAPTURED && return
        sleep 0.02
    done
    print "no $1 from zsh" >&2
    exit 1
}
zpty shell zsh -f -i
zpty -w shell "source $SETUP"
wait_for ready
zpty -nw shell "$1"$'\t'
wait_for done
zpty -d shell
END

complete_line() {
    mkdir -p "$scratch/functions"
    cp "$1" "$scratch/functions/_lyrnn"
    : >"$scratch/captured"
    COMPLETION_DIRECTORY=$scratch/functions CAPTURED=$scratch/captured SETUP=$scratch/setup.zsh \
        zsh -f "$scratch/drive.zsh" "$2" || return
    grep -vxE 'ready|done' "$scratch/captured"
}

check_completions "$share/zsh/site-functions/_lyrnn"
expect_completions "$share/zsh/site-functions/_lyrnn" 'lyrnn train --cell=l' lstm
