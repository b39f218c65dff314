# What the scripts that build share: bringing the packages, and saying what a build will hold.
# Sourced from the repository root by scripts that run under set -euo pipefail.
# shellcheck shell=bash disable=SC2034

build_packages=(cmake ninja-build gcc g++ pkg-config
    libopenblas-openmp-dev libutf8proc-dev libjansson-dev libdivsufsort-dev librandom123-dev
    libxxhash-dev unicode-data bzip2)
test_packages=(clang clang-format libclang-rt-dev libomp-dev libcmocka-dev)

# Where the packages come from: a folder by bundle_deps.sh; empty: this machine.
deps=

# fail MESSAGE...: stops the script with one line.
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# parse_options ARGUMENT...: [--deps DIR], the only option; DIR as seen from the caller's folder.
parse_options() {
    if (($# == 2)) && [[ $1 == --deps ]]; then
        deps=$(cd "$OLDPWD" && realpath -m -- "$2")
    elif (($# > 0)); then
        echo "usage: ${0##*/} [--deps DIR], DIR being a folder made by scripts/bundle_deps.sh" >&2
        exit 2
    fi
}

# A tool counts wherever it comes from: a cmake newer than the distribution's must not be doubled.
is_installed() {
    command -v "${1%-build}" >/dev/null ||
        dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -x installed >/dev/null
}

# install_packages PACKAGE...: installs those that are missing, or says what to install and stops.
install_packages() {
    local package missing=() as_root=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        echo 'packages: this is no Debian or Ubuntu, so none are installed; lyrnn needs' \
            'CMake 3.24, ninja, gcc, g++, pkg-config, OpenBLAS (OpenMP flavour), utf8proc,' \
            'jansson, libdivsufsort, Random123, xxHash, Unihan (bzip2), and for the tests clang, clang-format, libomp, compiler-rt, cmocka'
        return
    fi
    for package; do
        is_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        echo 'packages: all there'
        return
    fi
    if ((EUID != 0)); then
        # Without a terminal sudo works only where it asks for no password.
        if ! command -v sudo >/dev/null || ! { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
            echo "packages missing: ${missing[*]}"
            fail 'neither root nor sudo here; as root, run:' \
                "apt-get update && apt-get install ${missing[*]}"
        fi
        as_root=(sudo)
    fi
    echo "packages: installing ${missing[*]}"
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    "${as_root[@]}" update
    "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
}

check_cmake() {
    local version
    read -r _ _ version < <(cmake --version) || fail 'cmake: not found; install CMake 3.24 or newer'
    printf '%s\n' 3.24 "$version" | sort -CV ||
        fail "CMake $version is too old: lyrnn needs 3.24, as Debian 12 and Ubuntu 24.04 have it;" \
            'put a newer cmake first on PATH'
}

# Where both flavours of OpenBLAS are installed, Debian's alternatives prefer pthread. Asking
# pkg-config for the OpenMP one settles the linker and, through the run path that CMake writes, the
# loader, and leaves the machine's own choice alone.
prefer_openmp_openblas() {
    local directory
    for directory in /usr/lib/*/openblas-openmp/pkgconfig; do
        export PKG_CONFIG_PATH=$directory${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
    done
}

# Everything from the bundle, and nothing else from this machine.
use_deps() {
    [[ -f $deps/lib/pkgconfig/openblas.pc ]] ||
        fail "--deps $deps: no such bundle; make one with scripts/bundle_deps.sh"
    unset PKG_CONFIG_PATH
    export PKG_CONFIG_LIBDIR=$deps/lib/pkgconfig
    command -v pkg-config >/dev/null || export PKG_CONFIG=$deps/bin/pkg-config
    # OpenBLAS needs libraries of the bundle too, and for those the loader follows a program's RPATH
    # only, not the newer RUNPATH.
    export LDFLAGS="-Wl,--disable-new-dtags${LDFLAGS:+ $LDFLAGS}"
    export LYRNN_UNIHAN_DIR=$deps/share/unicode
    # Random123 and xxHash are used as headers alone and need no .pc file.
    export CFLAGS="-isystem $deps/include${CFLAGS:+ $CFLAGS}"
    export CXXFLAGS="-isystem $deps/include${CXXFLAGS:+ $CXXFLAGS}"
    echo "packages: none installed, all from $deps"
}

find_nvcc() {
    command -v "${CUDACXX:-nvcc}" || command -v /usr/local/cuda/bin/nvcc
}

say_backends() {
    local nvcc
    nvcc=$(find_nvcc || true)
    if [[ -z $nvcc ]]; then
        echo 'CUDA compiler: not found, building the CPU backend alone'
    elif compgen -G 'cuda/*.cu' >/dev/null; then
        echo "CUDA compiler: $nvcc, building the CPU and the CUDA backend"
    else
        echo "CUDA compiler: $nvcc, but this version has the CPU backend alone"
    fi
}

# set_up PACKAGE...: everything that comes before cmake.
set_up() {
    local generator=Ninja
    if [[ -n $deps ]]; then
        use_deps
    else
        install_packages "$@"
        prefer_openmp_openblas
    fi
    check_cmake
    say_backends
    command -v ninja >/dev/null || generator='Unix Makefiles'
    # Names the generator of new build directories; existing ones keep theirs.
    export CMAKE_GENERATOR=${CMAKE_GENERATOR:-$generator}
}

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds, and shows the end of a failing log.
build() {
    local directory=$1 log=$1/build.log
    shift
    mkdir -p "$directory"
    # CMake's cache would go on naming the packages of the build before.
    touch "$directory/packages_from"
    [[ $(<"$directory/packages_from") == "$deps" ]] || set -- --fresh "$@"
    echo "$deps" >"$directory/packages_from"
    if ! cmake -S . -B "$directory" "$@" >"$log" 2>&1 ||
        ! cmake --build "$directory" --parallel "$(nproc)" >"$log" 2>&1; then
        tail -n 40 "$log"
        return 1
    fi
}

# A build of the fuzzers: with clang, and without what no parser needs.
fuzz_configuration=(-DLYRNN_FUZZ=ON -DLYRNN_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo
    -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)

# Whether clang is here with libFuzzer, which is a package of its own.
can_fuzz() {
    echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return !b && n; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2>/dev/null
}

# count PATTERN FILE: the lines that match.
count() {
    grep -cE "$1" "$2" || true
}

# count_tests JUNIT: sets tests_total, tests_ok and tests_not_run. The report's own totals call a
# test skipped whose program is missing; here it has failed.
count_tests() {
    tests_total=$(count '^\s*<testcase ' "$1")
    tests_ok=$(count '^\s*<testcase .*status="run"' "$1")
    tests_not_run=$(count '^\s*(<testcase .*status="disabled"|<skipped message="SKIP_)' "$1")
}
