#!/usr/bin/env bash
# Programs outside lyrnn can use an installed lyrnn, even after its prefix was moved: with
# pkg-config and find_package, from C and C++.
#     test_install.sh BUILD_DIRECTORY CMAKE C_COMPILER CXX_COMPILER SANITIZERS CUDA_STAND_INS
set -euo pipefail
build=$1 cmake=$2 sanitizers=$5 stand_ins=$6
export CC=$3 CXX=$4 # everything here is built like lyrnn
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "FAILED: $*"
    exit 1
}

"$cmake" --install "$build" --prefix "$scratch/first" >install.log
mkdir moved
mv first moved/prefix
prefix=$scratch/moved/prefix
for name in bin/lyrnn include/lyrnn/rnn.h \
    share/man/man1/lyrnn{,-train,-generate,-eval,-corpus,-bench,-info,-help,-version}.1 \
    share/bash-completion/completions/lyrnn share/zsh/site-functions/_lyrnn \
    share/fish/vendor_completions.d/lyrnn.fish; do
    [[ -s $prefix/$name ]] || fail "$name must be installed"
done
"$prefix/bin/lyrnn" info >info.txt || fail "the installed program must run"
! grep -rIlF -e "$build" -e "$scratch/first" -e "${here%/tests/outsider}" "$prefix" ||
    fail "these strings name a folder of the build"

[[ -z $sanitizers ]] || export CFLAGS="-fsanitize=$sanitizers" CXXFLAGS="-fsanitize=$sanitizers"
pc=$(find "$prefix" -name lyrnn.pc)
export PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
# The loader does not find a bundle's libraries (scripts/test.sh --deps) on its own.
[[ -z ${PKG_CONFIG_LIBDIR-} ]] || export LD_LIBRARY_PATH=${PKG_CONFIG_LIBDIR%/pkgconfig}

# A module that reports its identity when a device is requested, and a replacement for the driver.
modules=${pc%/pkgconfig/*}/lyrnn
[[ ! -e $build/liblyrnn_mpi.so || -s $modules/liblyrnn_mpi.so ]] ||
    fail "the module of MPI must be installed"
mkdir -p "$modules"
cp "$stand_ins/module/liblyrnn_cuda.so" "$modules"
module_paths=$stand_ins/driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# check PROGRAM: its output must be right, and it must find the module in the prefix.
check() {
    ! LD_LIBRARY_PATH=$module_paths "$1" cuda:1 2>err.txt || fail "$1 must have no such device"
    grep -q '^lstm: cuda:1: the stand-in has no such device' err.txt ||
        fail "$1 must load the module: $(cat err.txt)"
    "$1" >out.txt || fail "$1 must succeed"
    awk 'function abs(x) { return x < 0 ? -x : x }
         /^whole/ { good += $4 < 1e-6 }
         /^gradient/ {
             gradient = $2 + 0
             good += abs(gradient) > 1e-4 && abs(gradient - $5) < 1e-5
         }
         END { exit !(good == 2 && NR == 2) }' out.txt || fail "$1 printed: $(cat out.txt)"
}

# compile COMPILER SOURCE PROGRAM FLAG...: uses pkg-config, whose output is split into words.
compile() {
    local compiler=$1 source=$2 program=$3
    shift 3
    # shellcheck disable=SC2046,SC2086
    "$compiler" ${CFLAGS-} -Wall -Wextra -Werror "$source" \
        $("${PKG_CONFIG:-pkg-config}" "$@" --cflags --libs lyrnn) ${LDFLAGS-} -o "$program"
}

# cmake_build SOURCE_DIRECTORY BUILD_DIRECTORY
cmake_build() {
    {
        "$cmake" -S "$1" -B "$2" -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 &&
            "$cmake" --build "$2" --verbose >>cmake.log 2>&1
    } || fail "$1 by find_package: $(tail -n 30 cmake.log)"
}

compile "$CC" "$here/lstm.c" ./lstm_pkg_config
check ./lstm_pkg_config
compile "$CC" "$here/lstm.c" ./lstm_pkg_config_static --static
check ./lstm_pkg_config_static
cmake_build "$here" from_c
check from_c/lstm

# Every header compiles in C++, also through the one that includes them all. CMake must not need a C
# compiler for it.
for header in "$prefix"/include/lyrnn/*.h; do
    name=lyrnn/${header##*/}
    [[ $name == lyrnn/lyrnn.h ]] ||
        grep -qxF "#include \"$name\"" "$prefix/include/lyrnn/lyrnn.h" ||
        fail "lyrnn/lyrnn.h must include $name"
done
mkdir cpp
(cd "$prefix/include" && printf '#include <%s>\n' lyrnn/*.h) >cpp/headers.cpp
cat >>cpp/headers.cpp <<'END'
int main()
{
    lyrnn_backend backend;
    if (lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend) != LYRNN_OK)
        return 1;
    lyrnn_backend_close(&backend);
    return 0;
}
END
cat >cpp/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.24)
project(headers LANGUAGES CXX)
find_package(lyrnn 0.1 REQUIRED)
add_executable(headers headers.cpp)
target_link_libraries(headers PRIVATE lyrnn::lyrnn)
END
compile "$CXX" cpp/headers.cpp ./headers
./headers || fail "a C++ program must run"
cmake_build cpp from_cpp
from_cpp/headers || fail "a C++ program by find_package must run"
