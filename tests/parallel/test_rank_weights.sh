#!/usr/bin/env bash
# Arguments: lyrnn, and lyrnn with flips.c. Weights that are not the same on all ranks end the
# training at its next report, with one line that names the ranks. What was saved before is whole.
set -euo pipefail
flips=$(realpath "$2")
. "$(dirname "$0")/lib.sh" "$1"
write_songs 24
train=(train songs.txt --keep-duplicates --hidden-size 64 --batch-size 4 --num-steps 5 --threads 1)
rank1="rank 1 \\($(hostname)\\):"
differ='XXH128 of the weights after step [0-9]+ is [0-9a-f]{32} and rank 0 has [0-9a-f]{32}'
remedy='test the memory of both machines'

programs=([1]=$flips)
run_ranks 2 "${train[@]}" --num-epochs 2 --out run
expect_rank_error 1 "$rank1 $differ; $remedy$"
[[ ! -s run/metrics.jsonl && ! -s $out ]] || fail "such numbers must not be reported"
rm -r run

# The checkpoint before is whole, and the run continues without that machine.
programs=()
ranks_succeed 2 "${train[@]}" --num-epochs 4 --out whole
ranks_succeed 2 "${train[@]}" --num-epochs 2 --out run
programs=([1]=$flips)
run_ranks 2 train --resume run --num-epochs 4
expect_rank_error 1 "$rank1 $differ; $remedy, then continue: lyrnn train --resume run$"
programs=()
ranks_succeed 2 train --resume run --num-epochs 4
same_runs whole run
