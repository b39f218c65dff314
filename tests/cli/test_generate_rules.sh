#!/usr/bin/env bash
# Rules for lines, acrostics, and the guard against copies hold in each of a thousand samples,
# checked by searching them. What cannot be satisfied is refused before generation starts.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 3 --pred-period 3 --lr 1e-2 --out run

refuses 1 '--acrostic 月猫: unknown character 猫 \(U\+732B\)' generate run --acrostic 月猫
refuses 2 '--acrostic: is empty' generate run --acrostic ''
refuses 2 '--acrostic: holds a newline' generate run --acrostic $'月\n光'
refuses 2 '--acrostic: has 3 characters, .*--lines 2' generate run --acrostic 月光落 --lines 2
refuses 2 '--min-line 5: is above --max-line 4' generate run --prefix 月 --min-line 5 --max-line 4
refuses 2 '--max-line 0: must be .*leave it out' generate run --prefix 月 --max-line 0
refuses 2 '--lines 0: must be .*leave it out' generate run --prefix 月 --lines 0
refuses 2 '--max-copy 0: must be .*leave it out' generate run --prefix 月 --max-copy 0
refuses 2 '--prefix: its line 1 .*月 \(U\+6708\)' generate run --prefix 光 --acrostic 月光
refuses 2 '--prefix: its line 2 .*光 \(U\+5149\)' generate run --prefix $'月\n月' --acrostic 月光
refuses 2 '--prefix: its line 1 is longer than --max-line 2' generate run --prefix 月光落 \
    --max-line 2
refuses 2 '--prefix: its line 1 is shorter than --min-line 3' generate run --prefix $'月\n' \
    --min-line 3
refuses 2 '--prefix: begins a line beyond --lines 1' generate run --prefix $'月\n' --lines 1
refuses 2 '--length 10: .*at least 13 ' generate run --prefix 月 --lines 3 --min-line 4 \
    --length 10 \
    --max-line 9
refuses 2 '--lines 1000000: .* 1000001000000 characters; .*--max-line' \
    generate run --prefix 月 --lines 1000000 --max-line 1000000
refuses 2 '--lines 1000000: .* 1000001000000 characters; .*--max-line' \
    generate run --prefix 月 --lines 1000000 --max-line 1000000 --beam 2
refuses 2 '--lines 1000000: .* 101000000 characters; ' generate run --prefix 月 --lines 1000000
refuses 2 '--corpus: ' generate run --prefix 月 --corpus corpus.txt
refuses 1 'none.txt: ' generate run --prefix 月 --max-copy 3 --corpus none.txt
cp "$(model_of run)" model.safetensors
refuses 1 'model.safetensors: .*--corpus FILE' generate model.safetensors --prefix 月 --max-copy 3
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --newlines space --out spaces
refuses 2 '--lines.*the model knows no newline' generate spaces --prefix 月 --lines 2
refuses 2 '.*--acrostic.*: the model knows no newline' generate spaces --acrostic 月光
succeeds generate spaces --prefix $'月\n光' --length 0
[[ $(cat "$out") == '月 光' ]] || fail "line ends are read as the model learned them"
succeeds train --num-epochs 0 --hidden-size 8 --out sample
succeeds generate sample --prefix 我 --max-copy 2 --report
grep -qE '^sample 0: longest copied run [012] ' "$err" || fail "the sample lyrics are a corpus too"
mv corpus.txt elsewhere.txt
refuses 1 '.*/corpus\.txt: .*--corpus FILE' generate run --prefix 月 --max-copy 3
succeeds generate run --prefix 月 --max-copy 3 --corpus elsewhere.txt
{ cat elsewhere.txt && echo 月月; } >corpus.txt
refuses 1 'corpus: the text has changed: .*--corpus FILE' generate run --prefix 月 --max-copy 3
mv elsewhere.txt corpus.txt

# Guarded so strictly that no character is left to write.
printf '月光\n光月\n月月\n光光\n' >four.txt
succeeds train four.txt --hidden-size 4 --batch-size 1 --num-steps 5 --num-epochs 0 --prefix 月 \
    --out four
succeeds generate four --prefix 月 --max-copy 1 --format jsonl
grep -qF '"text": "月", "sample": 0, "seed": null, "end": "stuck"' "$out" ||
    fail "nothing may follow 月"
grep -q '^warning: sample 0: no character was allowed after 1 ' "$err" ||
    fail "a warning must say so"
# The corpus is what the run read of it: the same part, with line ends as it read them.
tiny_four=(--hidden-size 4 --batch-size 1 --num-steps 5 --num-epochs 0 --prefix 月)
succeeds train four.txt "${tiny_four[@]}" --max-chars 6 --out six
succeeds generate six --prefix 月 --max-copy 1 --length 4
[[ $(cat "$out") == 月月月月月 ]] || fail "in six characters only 月 never follows 月"
succeeds train four.txt "${tiny_four[@]}" --newlines space --out row
succeeds generate row --prefix 光 --max-copy 1 --format jsonl
grep -qF '"end": "stuck"' "$out" || fail "a space follows 光 where a line ended"

if ! command -v python3 >/dev/null; then
    echo 'skipped: python3 is missing, and no sample was searched'
    exit 77
fi
thousand=(--temperature 1.5 --num-samples 1000 --threads 1 --format jsonl)
fail_sample() {
    sed -i 4q "$out"
    fail "$1"
}
# check WHAT CONDITION: for each sample's text, lines, end and record s.
check() {
    python3 - "$out" "$2" <<'END' || fail_sample "$1"
import json, sys

corpus = open("corpus.txt", encoding="utf-8").read()

def is_copied(s, num):
    text, prefix = s["text"], len(s["prompt"])
    return any(text[end - num:end] in corpus for end in range(max(prefix + 1, num), len(text) + 1))

samples = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [s["sample"] for s in samples] == list(range(1000))
assert len({s["text"] for s in samples}) > 500
for s in samples:
    text, end, lines = s["text"], s["end"], s["text"].split("\n")
    assert eval("(" + sys.argv[2] + ")"), s
END
}
succeeds generate run --prefix 月 "${thousand[@]}" --length 30
check "without rules texts have any length of line, and copy" 'len(text) == 31 and end == "length"'
! (check 'fails' 'all(3 <= len(l) <= 7 for l in lines)') >/dev/null 2>&1 ||
    fail "the search must be able to fail"
succeeds generate run --prefix 月 "${thousand[@]}" --lines 3
check "--lines 3" 'len(lines) == 3 and end == "lines" or len(lines) <= 3 and end == "length"'
succeeds generate run --prefix 月 "${thousand[@]}" --lines 4 --min-line 3 --max-line 7
check "--lines, --min-line and --max-line" \
    'end == "lines" and len(lines) == 4 and all(3 <= len(l) <= 7 for l in lines)'
succeeds generate run "${thousand[@]}" --acrostic 月光不开 --max-line 6
check "--acrostic" 'end == "lines" and "".join(l[0] for l in lines) == "月光不开"
    and text[0] == s["prompt"]
    and all(len(l) <= 6 for l in lines)'
succeeds generate run --prefix 月落 "${thousand[@]}" --acrostic 月光 --lines 3 --min-line 2 \
    --max-line 5
check "--acrostic with --lines and --prefix" \
    'end == "lines" and len(lines) == 3 and lines[1][0] == "光"
    and text.startswith("月落") and all(2 <= len(l) <= 5 for l in lines)'
for most in 1 3; do
    succeeds generate run --prefix 月光 "${thousand[@]}" --length 30 --max-copy $most --report
    check "--max-copy $most" "not is_copied(s, $most + 1) and end in ('length', 'stuck')
        and s['report']['longest_copy'] <= $most
        and (s['report']['longest_copy'] == 0 or is_copied(s, s['report']['longest_copy']))"
    [[ $(grep -c '^sample ' "$err") == 1000 ]] || fail "a report for each sample"
done
succeeds generate run --prefix 月光 "${thousand[@]}" --length 30 --report
check "--report" 's["report"]["longest_copy"] > 0 and is_copied(s, s["report"]["longest_copy"])
    and not is_copied(s, s["report"]["longest_copy"] + 1) and s["report"]["copy"] in text
    and s["report"]["perplexity"] > 1
    and 0 < s["report"]["distinct_2"] <= s["report"]["distinct_3"] <= 1
    and abs(s["report"]["distinct_2"] - len({text[i:i + 2] for i in range(2, 31)}) / 29) < 1e-6'
succeeds generate run --prefix 月 "${thousand[@]}" --stop 相逢 --length 60
check "--stop" '("相逢" not in text[1:]) and (end == "stop") == (len(text) < 61)'

# Reports name the prompt if there are several.
succeeds generate run --prefix $'月光\n落' --report \
    --prefix 我们分开又相逢我们分开又相逢我们分开又相逢
[[ $(cut -d : -f 1 "$err") == $'sample 0 of 月光 落\nsample 0 of 我们分开又相逢我们分开又...' ]] ||
    fail "each report must name its prompt"
succeeds generate four --prefix 月 --prefix 光 --max-copy 1
[[ $(cut -d : -f 2 "$err") == $' sample 0 of 月\n sample 0 of 光' ]] ||
    fail "warnings must name their prompt"

# One object for everything.
succeeds generate run --prefix 月 --prefix 分 --num-samples 2 --format json --report --lines 2
python3 - "$out" <<'END' || fail "--format json"
import json, sys
whole = json.load(open(sys.argv[1], encoding="utf-8"))
assert whole["model"].endswith("run/latest/model.safetensors"), whole
assert whole["options"]["lines"] == 2 and whole["options"]["num_samples"] == 2
assert [(s["prompt"], s["sample"], s["seed"]) for s in whole["samples"]] == [
    ("月", 0, 1), ("月", 1, 1), ("分", 0, 1), ("分", 1, 1)]
assert all("report" in s and s["text"].startswith(s["prompt"]) for s in whole["samples"])
END
# Rules hold in a beam search too.
succeeds generate run --acrostic 月光不开 --max-line 6 --max-copy 3 --beam 8 --format jsonl
python3 - "$out" <<'END' || fail "--beam with rules"
import json, sys
text = json.loads(open(sys.argv[1], encoding="utf-8").read())["text"]
corpus = open("corpus.txt", encoding="utf-8").read()
assert "".join(l[0] for l in text.split("\n")) == "月光不开", text
assert all(len(l) <= 6 for l in text.split("\n")), text
assert not any(text[i:i + 4] in corpus for i in range(len(text) - 3)), text
END
