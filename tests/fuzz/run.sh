#!/usr/bin/env bash
# run.sh PROGRAM: fuzzes for LYRNN_FUZZ_SECONDS [60], starting from the committed seeds and from
# what earlier runs gathered next to PROGRAM. Inputs that break a promise are kept there too, and
# later runs try them first.
set -euo pipefail
program=$(realpath "$1")
name=${program##*/fuzz_}
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
gathered=${program%/*}/gathered/$name
findings=${program%/*}/findings/$name
mkdir -p "$gathered" "$findings"

arguments=(-max_total_time="${LYRNN_FUZZ_SECONDS:-60}" -artifact_prefix="$findings/"
    -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 -print_final_stats=1)
# libarchive takes the memory that an archive claims to need, for example to look back on its
# stream. A corpus may be an archive, too. The memory is hardly touched, but ASan touches an eighth
# as much for its own records. So malloc returns NULL for more than a GB, as it does on a small
# machine without a sanitizer.
if [[ $name == @(archive|corpus) ]]; then
    # A list of files of a 7z may take 0.7 GB, so ASan must not keep much freed memory.
    arguments+=(-malloc_limit_mb=8192)
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}allocator_may_return_null=1
    export ASAN_OPTIONS=$ASAN_OPTIONS:max_allocation_size_mb=1024:quarantine_size_mb=16
fi
[[ ! -f $here/$name.dict ]] || arguments+=(-dict="$here/$name.dict")

# A target's files are small and many, so they are in memory if possible.
scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
log=${program%/*}/fuzz_$name.log
if "$program" "${arguments[@]}" "$gathered" "$here/seeds/$name" "$findings" >"$log" 2>&1; then
    tail -n 7 "$log"
else
    # The findings, without the progress output.
    grep -avE '^#[0-9]+|NEW_FUNC' "$log" | tail -n 60
    echo "$name: failed; inputs that broke a promise are kept in $findings, to be tried again by"
    echo "  $program INPUT"
    exit 1
fi
