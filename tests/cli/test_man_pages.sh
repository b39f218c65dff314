#!/usr/bin/env bash
# Each command's man page has what --help has: every option in the same order, with its text and
# default.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
pages=$(dirname "$lyrnn")/share/man/man1

options_of_help() {
    sed -nE 's/^ {2,6}(-h, )?(--[a-z0-9-]+).*/\2/p' "$1"
}

# An option's paragraph begins with its name in bold.
options_of_page() {
    sed -nE 's/^(\\fB\\-h\\fR, )?\\fB(\\-\\-[a-z0-9\\-]+)\\fR.*/\2/p' "$1" | tr -d "\\\\"
}

for name in train generate eval corpus bench tune info help version; do
    page=$pages/lyrnn-$name.1
    succeeds $name --help
    options_of_help "$out" >options
    [[ $name == help || $name == version ]] || (($(wc -l <options) > 1)) ||
        fail "$name must have options"
    options_of_page "$page" | diff options - ||
        fail "the page of $name must have the options of --help"
    # The comparison must notice a missing option.
    ! options_of_page <(grep -v '^\\fB\\-\\-device' "$page") | diff -q options - >difference ||
        [[ $name == corpus || $name == info || $name == help || $name == version ]] ||
        fail "a page without --device must be noticed"
    for text in "lyrnn-$name \\\\- " '.SH SYNOPSIS' '.SH DESCRIPTION' '.SH EXIT STATUS' \
        '.SH SEE ALSO'; do
        text=${text/lyrnn-/lyrnn\\\\-}
        grep -q "^$text" "$page" || fail "the page of $name must have: $text"
    done
    grep -qF "\\fBlyrnn $name\\fR" "$pages/lyrnn.1" || fail "lyrnn.1 must name $name"
done
grep -qx 'The default is 分开, 不分开\.' "$pages/lyrnn-train.1" ||
    fail "the default prefixes must be there"
grep -qx 'From 1 to 65536\.' "$pages/lyrnn-train.1" || fail "limits must be there"
