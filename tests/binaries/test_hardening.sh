#!/usr/bin/env bash
# What users run is hardened: the program, both copies of it, the modules and the library.
#     test_hardening.sh BUILD_DIRECTORY BUILD_TYPE SANITIZERS
set -euo pipefail
build=$1 build_type=$2 sanitizers=$3

fail() {
    echo "FAILED: $*"
    exit 1
}

# has FILE REGEX READELF_OPTION...
has() {
    local file=$1 regex=$2
    shift 2
    grep -qE "$regex" < <(readelf -W "$@" "$file") || fail "$file: no $regex"
}

# check_binary FILE: how it was linked, and that it calls the checks of the C library.
check_binary() {
    has "$1" 'GNU_RELRO' -l
    has "$1" 'GNU_STACK .* RW ' -l
    has "$1" '(BIND_NOW|Flags:.*NOW)' -d
    has "$1" 'UND __stack_chk_fail' --dyn-syms
    [[ -n $sanitizers || $build_type == Debug ]] || has "$1" 'UND __[a-z]+_chk' --dyn-syms
}

for program in "$build"/lyrnn "$build"/installed/*/lyrnn; do
    check_binary "$program"
    has "$program" 'Type: +DYN' -h
    has "$program" 'FLAGS_1.*PIE' -d
done
for module in "$build"/tests/cuda_module/{module,other}/liblyrnn_cuda.so; do
    check_binary "$module"
done
for module in "$build"/liblyrnn_{cuda,mpi}.so; do
    [[ ! -e $module ]] || check_binary "$module"
done

# Each floor has functions with arrays, so each must check its stack.
for floor in base bench cli cli/options cpu device files generate model module run text train; do
    objects=$(find "$build/host/$floor" -name '*.o')
    [[ -n $objects ]] || fail "$floor: no objects"
    # shellcheck disable=SC2086 # one word per object
    grep -q 'U __stack_chk_fail' < <(nm $objects) || fail "$floor: does not check its stack"
done
