#!/usr/bin/env bash
# lyrnn eval: files, lines, unknown characters, and what cannot be scored.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus # 384 characters

# near A B SHARE: A and B differ by less than SHARE of B.
near() {
    awk -v a="$1" -v b="$2" -v share="$3" \
        'BEGIN { exit !(a - b < share * b && b - a < share * b) }' ||
        fail "$1 must be near $2"
}

# A text to score is normalized like the text that was learned, so it keeps its tabs.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 30 --lr 1e-3 --pred-period 30 \
    --normalize nfc --out run
trained=$(sed -nE 's/^epoch 30, perplexity ([0-9.]+),.*/\1/p' "$out")

# One file: a heading and a row. The model knows the text that it learned.
succeeds eval run corpus.txt
[[ $(wc -l <"$out") == 2 && ! -s $err ]] || fail "a heading, a row, and nothing else"
read -r chars unknown scored nats bits perplexity file < <(tail -n 1 "$out")
[[ "$chars $unknown $scored $file" == "384 0 383 corpus.txt" ]] ||
    fail "every character but the first is scored"
near "$perplexity" "$trained" 0.1
near "$perplexity" "$(awk -v x="$nats" 'BEGIN { print exp(x) }')" 1e-4
near "$bits" "$(awk -v x="$nats" 'BEGIN { print x / log(2) }')" 1e-4

# The model file itself, and standard input.
cp "$out" expected
succeeds eval "$(model_of run)" corpus.txt
cmp -s "$out" expected || fail "a model file must score as its run"
"$lyrnn" eval run - <corpus.txt >"$out" || fail "standard input must be read"
[[ $(tail -n 1 "$out") == "$(tail -n 1 expected | sed 's/corpus.txt/standard input/')" ]] ||
    fail "standard input must score as the file"

# The total is weighted by characters, not by files.
printf '不分开的是晚风\n月光' >other.txt
succeeds eval run corpus.txt other.txt
[[ $(wc -l <"$out") == 4 ]] || fail "a heading, two rows, the total"
awk 'NR == 2 || NR == 3 { chars += $1; scored += $3; nats += $3 * $4 }
     NR == 4 { d = nats / scored - $4
               exit !($1 == chars && $3 == scored && scored == 392 &&
                     d < 2e-6 && d > -2e-6 && $7 == "total") }' \
    "$out" || fail "the total must be the mean over all characters"

# Lines: in the file's order, each scored like a file of its own.
printf '我们分开又相逢\n\n不分开的是晚风\r\n风\n夜夜夜夜夜月光\t落' >lines.txt
succeeds eval run --per-line lines.txt corpus.txt
[[ $(wc -l <"$out") == 53 ]] || fail "a line for each line"
cp "$out" scores
[[ $(cat "$err") == 'warning: lines.txt: 1 of 24 characters are unknown to the model: U+0009' ]] ||
    fail "the tab is unknown, and newlines are in no line"
[[ $(sed -n 2p scores) == $'nan\tnan\t0\t0\t' ]] || fail "an empty line has no score"
[[ $(sed -n 4p scores) == $'nan\tnan\t0\t0\t风' ]] || fail "a single character has no score"
cmp -s <(cut -f 5- scores | head -n 5) <(sed 's/\r//' lines.txt && echo) ||
    fail "the lines must not have changed"
printf '风\nxyz\n' >short_lines.txt
succeeds eval run --per-line short_lines.txt
[[ $(cat "$out") == $'nan\tnan\t0\t0\t风\nnan\tnan\t0\t3\txyz' ]] ||
    fail "a text with no score in any line is valid"
for i in 1 3 5; do
    sed -n "${i}p" lines.txt | tr -d '\r\n' >line.txt
    succeeds eval run line.txt
    read -r _ unknown scored _ bits perplexity _ < <(tail -n 1 "$out")
    IFS=$'\t' read -r line_perplexity line_bits line_scored line_unknown _ < \
        <(sed -n "${i}p" scores)
    [[ "$scored $unknown" == "$line_scored $line_unknown" ]] ||
        fail "line $i must count as a file does"
    near "$line_perplexity" "$perplexity" 1e-5
    near "$line_bits" "$bits" 1e-5
done
[[ $(sort -g scores | grep -v '^nan' | head -n 1 | cut -f 5) != 夜* ]] ||
    fail "the text that was learned must come first"

# Unknown characters are named, counted, and skipped.
printf '猫我们a分开\n' >strange.txt
printf '我们分开\n' >plain.txt
succeeds eval run strange.txt
warning='warning: strange.txt: 2 of 7 characters are unknown to the model: 猫 (U+732B), a (U+0061)'
grep -qxF "$warning" "$err" ||
    fail "unknown characters must be named"
read -r chars unknown scored rest < <(tail -n 1 "$out")
[[ "$chars $unknown $scored" == "7 2 4" ]] || fail "7 characters, 2 unknown, 4 scored"
succeeds eval run plain.txt
[[ ! -s $err ]] || fail "no unknown characters, no warning"
read -r _ _ _ plain < <(tail -n 1 "$out")
[[ ${rest%% *} == "${plain%% *}" ]] || fail "unknown characters must be as if they were not there"

# JSON.
succeeds eval run corpus.txt strange.txt --json
[[ $(wc -l <"$out") == 1 ]] || fail "one object on one line"
for text in '"model": "run/latest/model.safetensors"' \
    '"file": "strange.txt", "chars": 7, "unknown": 2, "scored": 4, ' \
    '"total": {"chars": 391, "unknown": 2, "scored": 387, "nats_per_char": '; do
    grep -qF "$text" "$out" || fail "the object must contain $text"
done
succeeds eval run lines.txt --per-line --json
[[ $(grep -cE '^\{"file": "lines.txt", "line": [1-5], .*\}$' "$out") == 5 ]] ||
    fail "one object per line"
nothing='"scored": 0, "nats_per_char": null, "bits_per_char": null, "perplexity": null, "text": ""'
grep -qF '"line": 2, "chars": 0, "unknown": 0, '"$nothing" "$out" ||
    fail "an empty line has no score"

# A model that learned newlines as spaces reads them as spaces. A model that learned neither does
# not know them.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --newlines space --normalize nfc \
    --out spaces
succeeds eval spaces corpus.txt
[[ ! -s $err ]] || fail "newlines are spaces here"
cp "$out" expected
tr '\n' ' ' <corpus.txt >corpus2.txt
succeeds eval spaces corpus2.txt
[[ $(sed 's/corpus2/corpus/' "$out") == "$(cat expected)" ]] || fail "newlines must score as spaces"
tr -d '\n' <corpus.txt >one_line.txt
succeeds train one_line.txt "${tiny[@]}" --num-epochs 1 --out one_line
succeeds eval one_line plain.txt
grep -qF 'plain.txt: 1 of 5 characters are unknown to the model: U+000A' "$err" ||
    fail "newlines are unknown here"
succeeds eval one_line plain.txt --per-line
[[ ! -s $err ]] || fail "line ends must not belong to a line"

succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --bidirectional --out both
succeeds eval both corpus.txt
[[ $(grep -c '^warning: a bidirectional model' "$err") == 1 ]] ||
    fail "one warning of a bidirectional model"

# What cannot be scored gives a one-line error before anything is computed or printed.
refuses 1 'missing\.txt: .*No such file' eval run corpus.txt missing.txt
mkdir folder
refuses 1 'folder: holds no file ' eval run folder
: >empty.txt
refuses 1 'empty\.txt: .*empty' eval run corpus.txt empty.txt
refuses 1 'standard input: .*empty' eval run -
printf '分开\xC0\xAF\n' >overlong.txt
refuses 1 'overlong\.txt: byte 6 is not UTF-8' eval run strange.txt overlong.txt
refuses 1 'overlong\.txt: byte 6 is not UTF-8' eval run --per-line overlong.txt
printf 'xyz' >unknown.txt
refuses 1 'unknown\.txt: the model knows 0 of its 3 characters, too few' eval run strange.txt \
    unknown.txt
printf 'x风yz' >almost.txt
refuses 1 'almost\.txt: the model knows 1 of its 4 characters, too few' eval run almost.txt
refuses 1 'missing: No such file' eval missing corpus.txt
refuses 1 'corpus\.txt: ' eval corpus.txt corpus.txt
refuses 2 'MODEL\|RUN_DIR FILE\.\.\.: is missing; see lyrnn eval --help$' eval
refuses 2 'FILE: is missing' eval run
refuses 2 '--device gpu: ' eval run corpus.txt --device gpu
succeeds --help
grep -q '^  lyrnn eval ' "$out" || fail "lyrnn --help must list eval"
