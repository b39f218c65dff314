#!/usr/bin/env bash
# check_floors.sh SOURCE BUILD: checks that the folders of SOURCE use each other only as floors.txt
# allows: by #include in the sources, and by symbol in the object files of BUILD. SOURCE may have a
# plan of its own in tests/floors/floors.txt.
# Exit status: 0 all arrows go down, 1 one goes elsewhere, 77 the symbols were skipped.
set -euo pipefail
export LC_ALL=C
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source"

# sources: the names of all files that the plan speaks of.
sources() {
    local folder
    for folder in host cuda include; do
        [[ ! -d $folder ]] || find "$folder" -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh'
    done
}

# includes: "FILE NAME" for each #include of a name in quotes, or of a public header.
# shellcheck disable=SC2016 # awk's $0
includes() {
    xargs awk '/^[ \t]*#[ \t]*include[ \t]*("|<lyrnn\/)/ {
        sub(/^[^"<]*["<]/, "")
        sub(/[">].*/, "")
        print FILENAME, $0
    }' <"$work/sources"
}

# objects: "OBJECT SOURCE" for each source with an object file: the newest, where several targets
# compile it. CMake names it FOLDER/CMakeFiles/TARGET.dir/FILE.o, with __ for each .. in FILE. An
# object whose source is gone is a remnant of an earlier build.
objects() {
    local object file
    find "$build" -path '*/CMakeFiles/*.dir/*.o' -printf '%T@ %P\n' | sort -rn | awk '{
        object = path = $2
        sub(/CMakeFiles\/[^\/]*\.dir\//, "", path)
        sub(/\.o$/, "", path)
        while (match(path, /[^_\/][^\/]*\/__\//))
            path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
        if (path ~ /^(host|cuda)\// && !seen[path]++)
            print object, path
    }' | while read -r object file; do
        [[ ! -e $file && ! -e $build/$file ]] || printf '%s %s\n' "$object" "$file"
    done
}

# symbols: "SOURCE SYMBOL TYPE", type U for one that the source uses and does not define.
symbols() {
    (cd "$build" && cut -d ' ' -f 1 "$work/objects" | xargs nm -A -P -g) |
        awk 'NR == FNR { file[$1] = $2; next } { sub(/:$/, "", $1); print file[$1], $2, $3 }' \
            "$work/objects" -
}

sources >"$work/sources"
includes >"$work/includes"
objects >"$work/objects"
[[ -s $work/objects ]] || {
    echo "$build has no objects of $source: build first"
    exit 1
}
skipped=
if ! command -v nm >/dev/null; then
    skipped='no nm here'
elif ! symbols >"$work/symbols" 2>/dev/null || grep -q ' __gnu_lto_slim ' "$work/symbols"; then
    skipped='nm cannot read these objects (link-time optimization?)'
fi
[[ -z $skipped ]] || : >"$work/symbols"

plan=tests/floors/floors.txt
[[ -f $plan ]] || plan=$here/floors.txt
awk -f "$here/check_floors.awk" "$plan" "$work/sources" "$work/includes" "$work/symbols"
if [[ -n $skipped ]]; then
    echo "floors: symbols skipped: $skipped"
    exit 77
fi
