#!/usr/bin/env bash
# No control character of a model, a path, an option, a corpus or a config.json reaches a terminal
# or a log, by any command. Files and pipes keep the bytes of generated and scored text.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
type -P script >/dev/null || exit 77

# A title (OSC), clearing the screen (CSI), CSI as C1, and reordering (a bidirectional override and
# an isolate).
hostile=$'\e]0;x\a\e[2J\u009b2J\u202e\u2066\u200f'

# is_plain FILE: it is UTF-8 and has no control but newlines and tabs. A terminal ends lines in
# \r\n.
is_plain() {
    iconv -f UTF-8 "$1" >/dev/null 2>&1 || return 1
    sed 's/\r*$//' "$1" | LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xd8\x9c|'`
        `'\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]' && return 1
    return 0
}

# plain_logs ARG...: what the command writes to files as log and error must be plain.
plain_logs() {
    run "$@"
    is_plain "$err" || fail "standard error must be plain"
}

# plain_everywhere ARG...: standard output too.
plain_everywhere() {
    plain_logs "$@"
    is_plain "$out" || fail "standard output must be plain"
}

# on_terminal ARG...: like `run`, with standard output on a terminal and standard error in a file.
# script gives the command to $SHELL, and only bash reads the quotes that %q writes.
on_terminal() {
    command="lyrnn $*"
    status=0
    SHELL=$BASH script -qec "$(printf '%q ' "$lyrnn" "$@") 2>$(printf %q "$err")" /dev/null \
        >"$out" </dev/null || status=$?
    is_plain "$out" || fail "a terminal must get plain text"
}

write_corpus
name="song$hostile.txt"
{ cat corpus.txt && echo "月$hostile光"; } >"$name"
train=(train "$name" "${tiny[@]}" --normalize nfc --num-epochs 1 --pred-len 3 --prefix "月$hostile")
plain_logs "${train[@]}" --out "run$hostile"
[[ $status == 0 ]] || fail "the text can be learned"
grep -qF $'\e' "$out" || fail "a file keeps the bytes of samples"
on_terminal "${train[@]}" --out other
{ grep -qF 'epoch 1' "$out" && grep -qF '月?]0;x??[2J?2J???' "$out"; } ||
    fail "and a terminal shows them"

text=(generate "run$hostile" --prefix "月$hostile" --temperature 100 --length 300)
succeeds "${text[@]}"
for c in $'\e' $'\a' $'\u009b' $'\u202e' $'\u2066' $'\u200f'; do
    grep -qF "$c" <(tail -c +40 "$out") || fail "the model writes each control"
done
cp "$out" written
on_terminal "${text[@]}"
[[ $(tr -d '\r' <"$out") == "$(sed $'s/[\e\a\u009b\u202e\u2066\u200f]/?/g' written)" ]] ||
    fail "on a terminal each control is one question mark"
plain_logs "${text[@]}" --prefix 月 --report
grep -qF 'sample 0 of 月?]0;x??[2J?...: ' "$err" || fail "the report names the text by its prefix"
plain_logs "${text[@]}" --max-copy 1 --num-samples 2
plain_everywhere "${text[@]}" --format json --report
plain_everywhere "${text[@]}" --format jsonl --report
{ grep -qF '\u009B' "$out" && grep -qF '\u202E' "$out" && grep -qF '\u001B' "$out"; } ||
    fail "JSON has escapes in their place"

plain_everywhere info "run$hostile"
plain_everywhere info --json "run$hostile"
is_plain "run$hostile/config.json" || fail "config.json must be plain"
plain_everywhere eval "run$hostile" "$name" corpus.txt
plain_everywhere eval "run$hostile" "$name" --json
plain_everywhere eval other "$name" --json --per-line
[[ $status == 0 ]] || fail "each is done"
plain_logs eval other "$name" --per-line
grep -qF $'\u202e' "$out" || fail "a file keeps the bytes of lines"
on_terminal eval other "$name" --per-line
[[ $status == 0 && $(wc -l <"$out") == 49 ]] || fail "each line is shown"
printf '猫%s\n' "$hostile" >unknown.txt
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out plain
plain_everywhere eval plain unknown.txt
plain_logs generate plain --prefix "月$hostile" --on-unknown skip --length 3
plain_logs train --init "run$hostile" corpus.txt "${tiny[@]:2}" --num-epochs 0 --out fine

# Errors: names of files, options and commands, and what files hold.
for path in "none$hostile" $'none\x9b2J' $'none\n/x'; do
    for arguments in "generate $path --prefix=x" "info $path" "eval $path $path" "train $path" \
        "train --resume=$path" "train --init=$path" "generate plain --prefix=$path" \
        "generate plain --seed=$path" "bench --format=$path" "bench --preset=$path" "$path" \
        "train --$path" "generate --prefix-file=$path plain"; do
        IFS=' ' read -rd '' -a words < <(printf '%s\0' "$arguments") || true
        plain_everywhere "${words[@]}"
        [[ $status != 0 ]] || fail "must be refused"
    done
done
for value in "\"$name\"" '"/none\u009b[2J\u202e/x"' '["/none\u009b[2J\u202e/x"]' \
    '{"\u009b\u202e": "\u0007"}'; do
    sed -E 's~"(version|device_name)": "[^"]*"~"\1": '"$value"'~' plain/config.json >config.json
    sed -zEi 's|"corpus": \[[^]]*\]|"corpus": '"$value"'|' config.json
    cp config.json plain/config.json
    plain_everywhere info plain
    plain_everywhere info --json plain
    plain_everywhere generate plain --prefix 月 --max-copy 3
    plain_everywhere train --resume plain
done

# The vocabulary of a model made by hand.
take_apart "$(model_of other)"
write_model "${header/月/\\\\u0085}" >hand.safetensors
plain_everywhere info hand.safetensors
plain_everywhere info --json hand.safetensors
on_terminal generate hand.safetensors --prefix 光 --temperature 100 --length 200
[[ $status == 0 && $(wc -c <"$out") -gt 200 ]] || fail "the text is shown"
