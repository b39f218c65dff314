#!/usr/bin/env bash
# All of nn.RNN: every cell, several layers, both directions, dropout.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
perplexity_at() { sed -nE "s/^epoch $1, perplexity ([0-9.]+), .*/\1/p" "$out"; }
warnings() { grep -c '^warning: ' "$err" || true; }

# Each network learns, describes itself, generates what it generated during training, and gives only
# the warnings that apply.
for cell in rnn_tanh rnn_relu lstm gru; do
    for shape in '' '--num-layers 2 --dropout 0.25' \
        --bidirectional '--num-layers 2 --bidirectional'; do
        directions=$([[ $shape == *--bidirectional* ]] && echo 2 || echo 1)
        # shellcheck disable=SC2086 # words on purpose
        succeeds train corpus.txt "${tiny[@]}" --cell "$cell" $shape --num-epochs 6 --lr 2e-3 \
            --pred-period 2 --pred-len 8 --out run --overwrite
        # The epochs are so few and slow that even rnn_relu does not diverge.
        awk -v first="$(perplexity_at 2)" -v last="$(perplexity_at 6)" \
            'BEGIN { exit !(last >= 1 && last < 0.9 * first && first < 27) }' ||
            fail "perplexity must fall"
        [[ $(warnings) == $((directions - 1)) ]] ||
            fail "one warning where there are two directions"
        ((directions == 1)) || grep -q '^warning: .*bidirectional.*perplexity' "$err" ||
            fail "the warning must say what to expect of both directions"
        sample=$(sed -nE '$s/^ - //p' "$out")
        succeeds generate run --prefix 不分开 --length 8
        [[ $(tr '\n' ' ' <"$out") == "$sample " ]] ||
            fail "generate must write the last sample: $sample"
        [[ $(warnings) == $((directions - 1)) && $(wc -l <"$err") == $((directions - 1)) ]] ||
            fail "generate must warn once where there are two directions, and say nothing else"
        succeeds info run
        grep -q "^cell  *$cell, $([[ $shape == *layers* ]] && echo '2 layers' || echo '1 layer')" \
            "$out" ||
            fail "info must name the cell and its layers"
        [[ $(grep -c 'weight_hh_l0_reverse' "$out") == $((directions - 1)) ]] ||
            fail "info must list the reverse direction where there is one"
    done
done

# Dropout: 0 means none, bit for bit. Any other value changes training, and the same seed drops the
# same units.
deep=(train corpus.txt "${tiny[@]}" --cell lstm --num-layers 2 --num-epochs 3)
succeeds "${deep[@]}" --out none
succeeds "${deep[@]}" --dropout 0 --out zero
cmp "$(model_of none)" "$(model_of zero)" || fail "--dropout 0 must be no dropout"
succeeds "${deep[@]}" --dropout 0.5 --out half
succeeds "${deep[@]}" --dropout 0.5 --out half_again
cmp "$(model_of half)" "$(model_of half_again)" || fail "the same seed must drop the same"
! cmp -s <(tail -c 1000 "$(model_of none)") <(tail -c 1000 "$(model_of half)") ||
    fail "--dropout 0.5 must change what is learned"

# Dropout is between layers. For a single layer it has no effect, and a line says so.
single=(train corpus.txt "${tiny[@]}" --num-epochs 3)
succeeds "${single[@]}" --out one
[[ $(warnings) == 0 ]] || fail "there must be no warning"
succeeds "${single[@]}" --dropout 0.5 --out one_half
[[ $(warnings) == 1 ]] || fail "one warning"
grep -q '^warning: --dropout .*between layers' "$err" ||
    fail "the warning must say where dropout acts"
cmp <(tail -c 1000 "$(model_of one)") <(tail -c 1000 "$(model_of one_half)") ||
    fail "dropout must change nothing where there is one layer"
