#!/usr/bin/env bash
# generate --suggest: different lines to follow the prefix, ranked by the model's own score, which
# is compared with lyrnn eval.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 3 --pred-period 3 --lr 1e-2 --out run
last=月光落在屋檐上
ask=(generate run --threads 1 --prefix "$last")

succeeds "${ask[@]}" --suggest 40
[[ ! -s $err ]] || fail "standard error must be empty"
[[ $(wc -l <"$out") == 40 && $(sort -u "$out" | wc -l) == 40 ]] || fail "40 different lines"
! grep -qx "$last" "$out" || fail "the line before is no suggestion"
! grep -q '^$' "$out" || fail "an empty line is no suggestion"
cp "$out" forty
succeeds "${ask[@]}" --suggest 40 --seed 1 --temperature 1
cmp -s "$out" forty || fail "the same seed must suggest the same lines"
succeeds "${ask[@]}" --suggest 40 --seed 2
! cmp -s "$out" forty || fail "another seed must suggest other lines"
succeeds generate run --threads 1 --prefix "$last"$'\n' --suggest 40
cmp -s "$out" forty || fail "the line before may have ended already"
succeeds generate run --threads 1 --prefix 我 --prefix "$last" --suggest 2
[[ $(sed -n 3p "$out") == '' && $(wc -l <"$out") == 5 ]] ||
    fail "an empty line separates the suggestions of two prefixes"

# The score is that of eval: the mean over the line and the newline that ends it.
succeeds "${ask[@]}" --suggest 6 --format jsonl --report
mv "$out" six.jsonl
[[ $(grep -c '^sample ' "$err") == 6 ]] || fail "a report for each line"
value_of() {
    sed -E "s/.*\"$1\": (\"([^\"]*)\"|([^,}]*)).*/\2\3/" <<<"$2"
}
# nats FILE: the number of characters of the file times its nats per character.
nats() {
    succeeds eval run --threads 1 --json "$1"
    awk -v n="$(value_of nats_per_char "$(cat "$out")")" -v c="$(value_of scored "$(cat "$out")")" \
        'BEGIN { printf "%.9g", n * c }'
}
echo "$last" >before.txt
before=$(nats before.txt)
previous=0
while read -r object; do
    line=$(value_of line "$object")
    score=$(value_of score "$object")
    [[ $(value_of text "$object") == "$last\\n$line" ]] || fail "text has prefix and line: $object"
    printf '%s\n%s\n' "$last" "$line" >text.txt
    awk -v s="$score" -v a="$before" -v b="$(nats text.txt)" -v n="${#line}" -v p="$previous" \
        'BEGIN { d = s - (a - b) / (n + 1); exit !(d < 1e-4 && d > -1e-4 && s <= p) }' ||
        fail "the score of $line is not $score, or it ranks too low"
    previous=$score
done <six.jsonl
succeeds "${ask[@]}" --suggest 3 --format json
{ grep -qF '"suggest": 3' "$out" && [[ $(grep -cF '"line": ' "$out") == 3 ]]; } ||
    fail "one JSON object"

# The rules are those of the new line, not of the prefix.
succeeds "${ask[@]}" --suggest 20 --min-line 2 --max-line 4
! grep -qvE '^.{2,4}$' "$out" || fail "each line has 2 to 4 characters"
succeeds "${ask[@]}" --suggest 20 --length 4 --temperature 3
! grep -qE '.{4}' "$out" || fail "a line that did not end is no suggestion"
succeeds "${ask[@]}" --suggest 20 --max-copy 2
while read -r line; do
    for ((i = 0; i + 3 <= ${#line}; i++)); do
        ! grep -qF "${line:i:3}" corpus.txt || fail "$line copies ${line:i:3}"
    done
done <"$out"

# White space at the ends makes no other line.
printf 'a\nb\n a\nb \n  a \n b\n' >spaces.txt
succeeds train spaces.txt --hidden-size 8 --batch-size 1 --num-steps 5 --num-epochs 0 --prefix a \
    --threads 1 --out spaces
succeeds generate spaces --threads 1 --prefix a --suggest 50 --max-line 3
! grep -qE '^ | $|^a$' "$out" || fail "no white space at the ends, and not a again"
[[ $(sort -u "$out" | wc -l) == "$(wc -l <"$out")" ]] || fail "no line twice"

# Fewer lines than asked for.
succeeds "${ask[@]}" --suggest 500 --max-line 1
[[ $(wc -l <"$out") == 26 ]] || fail "each character but the newline is a line"
grep -qx 'warning: --suggest 500: 26 different lines were among 32000 samples; .*' "$err" ||
    fail "it must say so"
succeeds "${ask[@]}" --suggest 2 --length 0 --format json
[[ $(cat "$out") == *'"samples": ['*']}' ]] || fail "no line within no characters"
grep -q '^warning: --suggest 2: 0 different lines' "$err" || fail "none"

# A model that knows its text by heart has one line to follow, and others when it is warmer.
succeeds train corpus.txt --hidden-size 64 --batch-size 4 --num-steps 20 --num-epochs 150 \
    --lr 5e-3 --threads 1 --pred-period 1000 --out heart
by_heart=(generate heart --threads 1 --prefix "$last" --suggest 5)
succeeds "${by_heart[@]}"
[[ ! -s $err && $(sort -u "$out" | wc -l) == 5 && $(head -n 1 "$out") == 一夜听雨到天明 ]] ||
    fail "five lines, the next one first"
succeeds "${by_heart[@]}" --temperature 1
[[ $(wc -l <"$out") -lt 5 ]] || fail "a temperature that is given stays"
grep -q '^warning: --suggest 5: .* among 512 samples' "$err" || fail "it must say so"

# What it cannot be combined with.
for other in --greedy "--num-samples 2" "--first-sample 2" "--beam 2" "--lines 2" "--acrostic 月" \
    "--stop 月"; do
    # shellcheck disable=SC2086 # words of a command line
    refuses 2 "--suggest: .*${other%% *} .*leave one of them out" "${ask[@]}" --suggest 2 $other
done
refuses 2 '--suggest: with --temperature 0 ' "${ask[@]}" --suggest 2 --temperature 0
refuses 2 '--suggest 0: must be ' "${ask[@]}" --suggest 0
refuses 2 '--prefix: is missing' generate run --suggest 2
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --newlines space --out row
refuses 2 '.*--suggest: the model knows no newline' generate row --prefix 月 --suggest 2
