#!/usr/bin/env bash
# No binary that the build or an installation makes takes a library from the current directory, or
# from another folder that does not belong to it.
#     test_run_paths.sh BUILD_DIRECTORY CMAKE C_COMPILER STAND_IN_DRIVER
set -euo pipefail
build=$(realpath "$1") cmake=$2 compiler=$3 driver=$4
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$build/lyrnn"
: >"$out"
: >"$err"
prefix=$(realpath "$scratch")/prefix
"$cmake" --install "$build" --prefix "$prefix" >install.log

# binaries TREE: prints its dynamically linked ELF files. A build inside this one is not its own.
binaries() {
    find "$1" -mindepth 1 -type d -exec test -e '{}/CMakeCache.txt' \; -prune -o \
        -type f \( -perm -u+x -o -name '*.so*' \) -print0 |
        while IFS= read -r -d '' file; do
            ! readelf -d "$file" 2>/dev/null | grep -q NEEDED || echo "$file"
        done
}

# needed FILE...: prints the libraries that the files are linked to.
needed() {
    readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'
}

# check_entry TREE FILE ENTRY: fails unless the entry of FILE's run path is a folder of its own
# tree, or a folder of the system that has a library which FILE or the program needs.
# shellcheck disable=SC2016 # $ORIGIN is the loader's
check_entry() {
    local tree=$1 file=$2 entry=$3 folder name
    case $entry in
    '$ORIGIN' | '$ORIGIN/'*)
        folder=$(realpath -m "${file%/*}${entry#\$ORIGIN}")
        [[ $folder/ == "$tree/"* ]] || fail "$file: $entry leads out of $tree"
        return
        ;;
    "$build" | "$build"/*) fail "$file: $entry names a folder of the build" ;;
    /*) ;;
    *) fail "$file: '$entry' is relative to the current directory" ;;
    esac
    [[ -d $entry ]] || fail "$file: $entry does not exist"
    [[ -z $(find "$(realpath "$entry")" -maxdepth 0 -perm -o+w) ]] ||
        fail "$file: anyone may write into $entry"
    for name in $(needed "$file" "$build/lyrnn"); do
        [[ ! -e $entry/$name ]] || return 0
    done
    fail "$file: nothing is needed from $entry"
}

number=0
for tree in "$build" "$prefix"; do
    while IFS= read -r file; do
        number=$((number + 1))
        path=$(readelf -d "$file" | sed -n 's/.*(R.*PATH).*\[\(.*\)\]$/\1/p')
        [[ -n $path ]] || continue
        # The loader splits at each colon, so a colon at the end makes an entry too.
        while IFS= read -r -d : entry; do
            check_entry "$tree" "$file" "$entry"
        done <<<"$path:"
    done < <(binaries "$tree")
done
((number > 2)) || fail "only $number binaries were found"
[[ -n $(binaries "$prefix") ]] || fail "the installation must have a binary"

# Libraries in the current directory that announce themselves are not loaded, under any name that
# the program loads. The driver next to them lets the search for the module begin.
cat >evil.c <<'END'
#include <stdio.h>
__attribute__((constructor)) static void announce(void)
{
    fputs("loaded from the current directory\n", stderr);
}
END
"$compiler" -shared -fPIC -o evil.so evil.c
for name in $(needed "$lyrnn") libcuda.so.1 liblyrnn_cuda.so; do
    case $name in
    libc.so* | ld-linux* | lib*san.so*) ;;
    *) cp evil.so "$name" ;;
    esac
done
# The stand-in has no module next to it, as in a build without CUDA.
for driver_path in '' "${driver%/*}"; do
    [[ -z $driver_path ]] ||
        export LD_LIBRARY_PATH=$driver_path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    for lyrnn in "$build/lyrnn" "$prefix/bin/lyrnn" "$build"/tests/lyrnn_simulated_program; do
        [[ -x $lyrnn ]] || continue
        succeeds info
        ! grep -q 'loaded from' "$err" || fail "$lyrnn must not load a library from here"
    done
done
