#!/usr/bin/env bash
# lyrnn tune and the options of plans on a machine without a CUDA device, and what of them is in
# config.json. tests/cuda_sim/test_tuning.sh has the rest.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus

refuses 1 'tune: the cpu has only one plan; use --device cuda where there is one, or train ' \
    tune --device cpu
for format in table json jsonl; do
    refuses 1 'tune: the cpu has only one plan' tune --device cpu --format $format --preset ladder
done
refuses 2 '--hidden-size 0: ' tune --hidden-size 0
refuses 2 '--steps: unknown option; did you mean --num-steps' tune --steps 1
refuses 2 'x: one argument too many; lyrnn tune takes none' tune x

refuses 2 '--tune maybe: must be one of off\|cache\|now$' train corpus.txt --tune maybe
for plan in nonsense steps forward= forward=steps,forward=steps; do
    refuses 2 "--plan $plan: must be forward=PLAN,backward=PLAN or one of the two, for example " \
        train corpus.txt --plan $plan
done
for tune in off cache now; do
    refuses 2 '--plan forward=steps: device cpu has only one way to compute a recurrence; leave ' \
        train corpus.txt --device cpu --tune $tune --plan forward=steps
done
refuses 2 '--plan backward=steps: device cpu has only one way' bench --device cpu --steps 1 \
    --plan backward=steps

# The options change nothing on the CPU, and leave nothing behind.
succeeds train corpus.txt "${tiny[@]}" --device cpu --num-epochs 1 --out a
succeeds train corpus.txt "${tiny[@]}" --device cpu --num-epochs 1 --out b --tune now
same_runs a b
! grep -q '^plan: ' "$err" || fail "the CPU has no plans"
[[ ! -e $XDG_CACHE_HOME ]] || fail "nothing was measured"
grep -q '^  "tune": "now",$' b/config.json || fail "config.json must have the option"
grep -q '^  "plan": null,$' b/config.json || fail "there is no plan"

# A run from before these options, and one whose plan was changed.
sed -i '/^  "tune"/d; /^  "plan"/d' a/config.json
succeeds train --resume a --num-epochs 2
sed -i 's/^  "plan": null/  "plan": "nonsense"/' b/config.json
refuses 5 'b/config.json: --plan nonsense: must be .*; correct the file$' train --resume b \
    --num-epochs 2
sed -i 's/^  "plan": "nonsense"/  "plan": 7/' b/config.json
refuses 5 'b/config.json: .*plan' train --resume b --num-epochs 2
sed -i 's/^  "plan": 7/  "plan": "forward=steps,backward=grid.c1.s8"/' b/config.json
succeeds train --resume b --num-epochs 2
text="warning: the run's plan forward=steps,backward=grid.c1.s8: does not fit"
[[ $(grep -c "^$text" "$err") == 1 ]] || fail "the CPU has no such plan"
same_runs a b
