#!/usr/bin/env bash
# One script for a corpus: --script converts by phrases and says how much, is recorded for --resume,
# and leaves everything else as it is.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

cat >traditional.txt <<'END'
頭髮在風裡飄過
發展的路還很長

乾坤之間有著作
後來皇后乾了杯
END
cat >simplified.txt <<'END'
头发在风里飘过
发展的路还很长

乾坤之间有著作
后来皇后干了杯
END

run corpus --script simplified traditional.txt
if grep -q 'lacks OpenCC' "$err"; then
    for script in simplified traditional; do
        refuses 1 "--script $script: this build lacks OpenCC; install libopencc-dev and build" \
            corpus --script "$script" traditional.txt
    done
    succeeds corpus --script keep traditional.txt
    cmp traditional.txt "$out" || fail "the text must stay"
    exit
fi

# Phrases decide: 乾 stays in 乾坤 and becomes 干 in 乾了杯.
# 后 stays in 皇后 and becomes 後 in 后来.
grep -qE "^corpus: changed 13 characters to the other script \\(--script\\)$" "$err" ||
    fail "it must say what it changed"
cmp simplified.txt "$out" || fail "the text must be simplified"
succeeds corpus --script traditional simplified.txt
sed 's/風裡/風裏/' traditional.txt | cmp - "$out" || fail "the text must be traditional"
for name in traditional.txt simplified.txt; do
    succeeds corpus "$name"
    cmp "$name" "$out" || fail "nothing is converted unless it is asked for"
done
refuses 2 '--script upright: ' corpus --script upright simplified.txt

# Everything else stays.
printf '  A\tz 1 あア한 «»…🎵\U10FFFF\n\nπ\n' >other.txt
for script in simplified traditional; do
    succeeds corpus --normalize nfc --width keep --script "$script" other.txt
    cmp other.txt "$out" || fail "what is not Chinese must stay"
done

# Songs begin where they did, in a folder that holds both scripts.
mkdir both
cp traditional.txt both/a.txt
sed 's/头发/白发/' simplified.txt >both/b.txt
succeeds corpus --keep-duplicates --songs file --stats --script simplified both
grep -qE '^songs +2$' "$out" || fail "there must be two songs"

# A training converts, records it, and is resumed with it.
for ((i = 0; i < 9; i++)); do cat traditional.txt; done >nine-traditional.txt
for ((i = 0; i < 9; i++)); do cat simplified.txt; done >nine-simplified.txt
train=("${tiny[@]}" --keep-duplicates --num-epochs 2)
succeeds train nine-simplified.txt "${train[@]}" --out simplified
succeeds train nine-traditional.txt "${train[@]}" --script simplified --out converted
cmp <(weights_of simplified) <(weights_of converted) || fail "both must learn the same"
grep -q '"script": "simplified"' converted/config.json || fail "it must be recorded"
succeeds train --resume converted --num-epochs 3
succeeds train --resume simplified --num-epochs 3
cmp <(weights_of simplified) <(weights_of converted) || fail "both must continue the same way"
