#!/usr/bin/env bash
# The README's tables of options say what --help says: every option, and its default.
set -euo pipefail
readme=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../README.md")
. "$(dirname "$0")/lib.sh" "$1"

# check_table COMMAND NUMBER: the section that begins with the command's line, of so many options or
# more.
check_table() {
    local section options option row default text rows
    section=$(awk -v begin="\`lyrnn $1 " \
        'index($0, begin) == 1 {on = 1; print; next} /^`lyrnn / {on = 0} on' "$readme")
    succeeds "$1" --help
    options=$(grep -oE '^      --[a-z-]+' "$out" | tr -d ' ')
    (($(wc -l <<<"$options") >= $2)) || fail "--help must list $1's options"
    for option in $options; do
        row=$(grep -E "^\| \`${option}[ \`]" <<<"$section") ||
            fail "README.md must have a row for $1 $option"
        default=$(cut -d '|' -f 3 <<<"${row//\\|/}" | sed 's/&lt;/</; s/&gt;/>/; s/^ *//; s/ *$//')
        text=$(awk -v option="$option" \
            '/^      --/ {on = $1 == option || index($1, option "=") == 1} on' "$out" |
            tr -s '\n ' ' ')
        [[ -z $default || $text == *"[$default]"* ]] ||
            fail "$1 $option: --help must give [$default]: $text"
        [[ -n $default || $text != *"["* ]] ||
            fail "$1 $option: README.md must give its default: $text"
    done
    rows=$(grep -c '^| `--' <<<"$section")
    [[ $rows == $(wc -l <<<"$options") ]] ||
        fail "README.md has $rows rows for $1's $(wc -l <<<"$options") options"
}
check_table generate 25
check_table train 20
