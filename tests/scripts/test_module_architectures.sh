#!/usr/bin/env bash
# Checks that a module has the machine code and the PTX of cuda/architectures.txt, for each source
# with kernels. Needs cuobjdump. Usage: test_module_architectures.sh MODULE
set -euo pipefail
module=$(realpath "$1")
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
source scripts/kernels.sh
if ! find_nvcc >/dev/null || ! cuobjdump=$(find_tool cuobjdump); then
    echo 'skipped: no cuobjdump'
    exit 77
fi
find_toolkit

# list_code OPTION: prints "COUNT ARCHITECTURE" for what the module has.
list_code() {
    "$cuobjdump" "$1" "$module" | sed -nE 's/.*\bsm_([0-9]+)\..*/\1/p' | sort -n | uniq -c |
        awk '{ print $1, $2 }'
}

# expect WHAT FOUND ARCH...: each architecture is there, all equally often, and no other.
expect() {
    local what=$1 found=$2 wanted
    shift 2
    wanted=$(printf '%s\n' "$@" | sort -n)
    if [[ $(cut -d' ' -f2 <<<"$found") != "$wanted" ||
        $(cut -d' ' -f1 <<<"$found" | sort -u | wc -l) != 1 ]]; then
        echo "$found"
        fail "the module's $what is for the architectures above, and not for" \
            "$(paste -sd' ' <<<"$wanted")"
    fi
}

mapfile -t built < <(list_pairs "$@" | awk '$3 == "built" { print $2 }')
mapfile -t ptx < <(list_pairs "$@" | awk '!seen[$1]++ { print $1 }')
expect 'machine code' "$(list_code --list-elf)" "${built[@]}"
expect PTX "$(list_code --list-ptx)" "${ptx[@]}"
