#!/usr/bin/env bash
# The README's table of train's options says what --help says: every option, and its default.
set -euo pipefail
readme=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../README.md")
. "$(dirname "$0")/lib.sh" "$1"

succeeds train --help
help=$(tr -s '\n ' ' ' <"$out")
options=$(grep -oE '^ +(-h, )?--[a-z-]+' "$out" | grep -oE -- '--[a-z-]+' | grep -vx -- --help)
(($(wc -l <<<"$options") >= 20)) || fail "--help must list train's options"
for option in $options; do
    row=$(grep -E "^\| \`$option[ \`]" "$readme") || fail "README.md must have a row for $option"
    default=$(cut -d '|' -f 3 <<<"${row//\\|/}" | sed 's/&lt;/</; s/&gt;/>/; s/^ *//; s/ *$//')
    text=${help#*"$option"}
    text=${text%% --*}
    [[ -z $default || $text == *"[$default]"* ]] || fail "$option: --help must give [$default]: $text"
    [[ -n $default || $text != *"["* ]] || fail "$option: README.md must give its default: $text"
done
rows=$(sed -n '/^`lyrnn train/,/^`lyrnn generate/p' "$readme" | grep -c '^| `--')
[[ $rows == $(wc -l <<<"$options") ]] || fail "README.md has $rows rows for $(wc -l <<<"$options") options"
