#!/usr/bin/env bash
# The main README's table of options says what --help says: every option of a row exists in `lyrnn
# train`, with the default in the second column. The page keeps to 180 lines.
set -euo pipefail
readme=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../README.md")
. "$(dirname "$0")/lib.sh" "$1"

(($(wc -l <"$readme") <= 180)) || fail "README.md must have at most 180 lines"
succeeds train --help
help=$(tr -s '\n ' ' ' <"$out")
num_options=0
while IFS='|' read -r _ options defaults _; do
    IFS=, read -ra defaults <<<"$defaults"
    read -ra options <<<"$(grep -oE -e '--[a-z0-9-]+' <<<"$options" | tr '\n' ' ')"
    ((${#options[@]} == ${#defaults[@]})) ||
        fail "README.md must give one default per option: ${options[*]}"
    for i in "${!options[@]}"; do
        default=$(tr -d ' ' <<<"${defaults[i]}")
        # The text of an option ends where the next option begins.
        text=${help#* "${options[i]}"[= ]}
        [[ $text != "$help" ]] || fail "README.md has ${options[i]}, but --help does not"
        text=${text%% --[a-z]*}
        [[ $text == *"[$default]"* ]] ||
            fail "README.md has ${options[i]} with default $default, but --help says: $text"
        num_options=$((num_options + 1))
    done
done < <(sed -n '/^| option | default /,/^$/p' "$readme" | sed 1,2d | grep . | sed 's/\\|/\//g')
((num_options >= 8)) || fail "README.md must have a table of at least 8 options, not $num_options"
