#!/usr/bin/env bash
# A rank of --ranks that is killed before it meets the others. They would wait 300 s for it. The
# process that started them ends them instead within 5 s, and reports it.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
lyrnn=$(realpath "$4")
write_songs 24
export LYRNN_TEST_ABSENT=1
begin=$SECONDS
refuses 137 'rank 1 \(process [0-9]+\): was killed \(Killed\); look for the reason in the ' \
    train songs.txt --keep-duplicates --hidden-size 4 --batch-size 6 --ranks 3
((SECONDS - begin < 10)) || fail "must end soon, not after $((SECONDS - begin)) s"
