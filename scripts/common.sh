# Functions that the scripts of this folder share: installing packages, building, counting tests.
# A script sources this file in the root of the repository, after set -euo pipefail.
# shellcheck shell=bash disable=SC2034

build_packages=(cmake ninja-build gcc g++ pkg-config
    libopenblas-openmp-dev libutf8proc-dev libjansson-dev libdivsufsort-dev librandom123-dev
    libxxhash-dev unicode-data bzip2)
# Without them, lyrnn reads no archives and has no --script.
optional_packages=(libarchive-dev libopencc-dev)
# Without libopenmpi-dev, ranks that mpirun starts use TCP. It brings a Fortran compiler, so only
# the tests ask for it. iproute2 makes two hosts of one machine.
test_packages=(clang clang-format clang-tidy shellcheck libclang-rt-dev libomp-dev libcmocka-dev
    man-db zsh python3-venv libopenmpi-dev openmpi-bin iproute2)

# The folder that bundle_deps.sh made, or empty to use this machine's packages.
deps=

passed=0 failed=0 skipped=0

# report passed|failed|skipped WHAT: counts one check and prints its verdict.
report() {
    printf '%s: %s\n' "$1" "$2"
    declare -g "$1=$(($1 + 1))"
}

# fail MESSAGE...: prints MESSAGE as one line and stops the script.
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# parse_options ARGUMENT...: accepts the option --deps DIR. DIR is relative to the caller's folder.
parse_options() {
    if (($# == 2)) && [[ $1 == --deps ]]; then
        deps=$(cd "$OLDPWD" && realpath -m -- "$2")
    elif (($# > 0)); then
        echo "usage: ${0##*/} [--deps DIR]; scripts/bundle_deps.sh makes the folder DIR" >&2
        exit 2
    fi
}

# is_installed PACKAGE: also succeeds if the package's tool comes from elsewhere, for example if a
# newer cmake is on PATH. A package with triggers left to run is complete for those who use it.
is_installed() {
    command -v "${1%-build}" >/dev/null ||
        dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null |
        grep -xE 'installed|triggers-(pending|awaited)' >/dev/null
}

# find_missing PACKAGE...: sets missing to those that are not installed. Sets as_root to the command
# that can install them, or fails if there is none.
find_missing() {
    local package
    missing=() as_root=()
    for package; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]} > 0 && EUID != 0)) || return 0
    as_root=(sudo)
    # Without a terminal, sudo works only if it needs no password.
    command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }
}

# install_missing: installs what find_missing found. If an earlier installation was interrupted, it
# is finished first, because apt-get refuses any other until then.
install_missing() {
    ((${#missing[@]} > 0)) || return 0
    echo "packages: installing ${missing[*]}"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    "${as_root[@]}" dpkg --configure -a </dev/null >/dev/null 2>&1 || true
    as_root+=(apt-get -qq -o DPkg::Lock::Timeout=120)
    "${as_root[@]}" update && "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" \
        >/dev/null
}

# install_packages PACKAGE...: installs the missing packages, or names them and stops.
install_packages() {
    local missing as_root
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        echo 'packages: cannot install any, because this is not Debian or Ubuntu; lyrnn needs' \
            'CMake 3.24, ninja, gcc, g++, pkg-config, OpenBLAS built with OpenMP, utf8proc,' \
            'jansson, libdivsufsort, Random123, xxHash and Unihan (bzip2), and uses libarchive,' \
            'OpenCC and Open MPI if they are there; its tests need clang, clang-format, clang-tidy,' \
            'shellcheck, ruff, libomp, compiler-rt, cmocka, man-db, zsh and iproute2'
        return
    fi
    if ! find_missing "$@"; then
        echo "packages missing: ${missing[*]}"
        fail 'packages: need root or sudo to install; as root, run:' \
            "apt-get update && apt-get install ${missing[*]}"
    fi
    ((${#missing[@]} > 0)) || echo 'packages: all there'
    install_missing
}

# install_optional: installs the optional packages if that is possible, and names them if not.
install_optional() {
    local missing as_root
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
    if ! { find_missing "${optional_packages[@]}" && install_missing; }; then
        echo "packages: continuing without ${missing[*]}, which are optional"
    fi
}

# find_ruff: prints the path of ruff, or fails if it is not installed.
find_ruff() {
    local program
    for program in ruff build/venv/bin/ruff; do
        "$program" --version >/dev/null 2>&1 || continue
        echo "$program"
        return
    done
    return 1
}

# install_ruff: installs ruff into build/venv if python3 has venv and pip, since Debian 12 has no
# package of it.
install_ruff() {
    find_ruff >/dev/null || {
        python3 -m venv build/venv && build/venv/bin/pip install 'ruff==0.17.*'
    } >build/ruff.log 2>&1 ||
        echo 'packages: ruff is missing and cannot be installed, see build/ruff.log'
}

check_cmake() {
    local version
    read -r _ _ version < <(cmake --version) ||
        fail 'cmake: not found; install version 3.24 or newer'
    printf '%s\n' 3.24 "$version" | sort -CV ||
        fail "cmake: version $version is too old; install 3.24 or newer (Debian 12 and Ubuntu" \
            '24.04 have one) and put it first on PATH'
}

# Debian has OpenBLAS with OpenMP and with pthreads. If both are installed, it prefers pthreads.
# This makes pkg-config find the one with OpenMP, for the linker and, by the run path that CMake
# writes, for the loader. The machine's default stays as it is.
prefer_openmp_openblas() {
    local directory
    for directory in /usr/lib/*/openblas-openmp/pkgconfig; do
        export PKG_CONFIG_PATH=$directory${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
    done
}

# Takes all libraries from the bundle and none from this machine.
use_deps() {
    [[ -f $deps/lib/pkgconfig/openblas.pc ]] ||
        fail "--deps $deps: not a bundle; make one with scripts/bundle_deps.sh"
    unset PKG_CONFIG_PATH
    export PKG_CONFIG_LIBDIR=$deps/lib/pkgconfig
    command -v pkg-config >/dev/null || export PKG_CONFIG=$deps/bin/pkg-config
    # OpenBLAS needs other libraries of the bundle. For these the loader only follows a program's
    # RPATH, not the newer RUNPATH.
    export LDFLAGS="-Wl,--disable-new-dtags${LDFLAGS:+ $LDFLAGS}"
    export LYRNN_UNIHAN_DIR=$deps/share/unicode
    # Random123 and xxHash are used as headers only and need no .pc file.
    export CFLAGS="-isystem $deps/include${CFLAGS:+ $CFLAGS}"
    export CXXFLAGS="-isystem $deps/include${CXXFLAGS:+ $CXXFLAGS}"
    echo "packages: using the bundle $deps"
}

# find_nccl: prints the path of NCCL's library: that of LYRNN_NCCL, of the bundle, of this machine,
# of the CUDA toolkit or of python3's PyTorch. Fails if there is none.
find_nccl() {
    local file nvcc python
    nvcc=$(find_nvcc || true)
    python=$(python3 -c 'import nvidia.nccl; print(*nvidia.nccl.__path__)' 2>/dev/null || true)
    for file in "${LYRNN_NCCL-}" ${deps:+"$deps/lib/libnccl.so.2"} \
        "$(ldconfig -p 2>/dev/null | awk '/libnccl\.so\.2 / {print $NF; exit}')" \
        "$(realpath -m "${nvcc%/*}/../lib64")"/libnccl.so.2 "$python/lib/libnccl.so.2"; do
        [[ ! -f $file ]] || {
            echo "$file"
            return
        }
    done
    return 1
}

find_nvcc() {
    command -v "${CUDACXX:-nvcc}" || command -v /usr/local/cuda/bin/nvcc
}

say_backends() {
    local nvcc
    nvcc=$(find_nvcc || true)
    if [[ -z $nvcc ]]; then
        echo 'CUDA compiler: not found, building the CPU backend only'
    elif compgen -G 'cuda/*.cu' >/dev/null; then
        echo "CUDA compiler: $nvcc, building the CPU and the CUDA backend"
    else
        echo "CUDA compiler: $nvcc, but this version has only the CPU backend"
    fi
}

# set_up PACKAGE...: prepares the machine for cmake: packages, OpenBLAS, generator.
set_up() {
    local generator=Ninja
    if [[ -n $deps ]]; then
        use_deps
    else
        install_packages "$@"
        install_optional
        prefer_openmp_openblas
    fi
    check_cmake
    say_backends
    command -v ninja >/dev/null || generator='Unix Makefiles'
    # A new build folder uses this generator; an existing one keeps its own.
    export CMAKE_GENERATOR=${CMAKE_GENERATOR:-$generator}
}

# configure DIRECTORY CMAKE_ARGUMENT...: runs cmake. Prints the end of the log of a failure.
configure() {
    local directory=$1 log=$1/build.log
    shift
    mkdir -p "$directory"
    # CMake's cache keeps the paths of packages, so a change of --deps needs a fresh configuration.
    touch "$directory/packages_from"
    [[ $(<"$directory/packages_from") == "$deps" ]] || set -- --fresh "$@"
    echo "$deps" >"$directory/packages_from"
    cmake -S . -B "$directory" "$@" >"$log" 2>&1 || {
        tail -n 40 "$log"
        return 1
    }
}

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds. Prints the end of the log of a failure.
build() {
    configure "$@" || return
    cmake --build "$1" --parallel "$(nproc)" >"$1/build.log" 2>&1 || {
        tail -n 40 "$1/build.log"
        return 1
    }
}

# The CMake arguments of the fuzzers' build. It needs clang, but not CUDA.
fuzz_configuration=(-DLYRNN_FUZZ=ON -DLYRNN_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo
    -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)

# Succeeds if clang and libFuzzer are installed. libFuzzer is a separate package.
can_fuzz() {
    echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return !b && n; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2>/dev/null
}

# count PATTERN FILE: prints the number of lines that match.
count() {
    grep -cE "$1" "$2" || true
}

# count_tests JUNIT: sets tests_total, tests_ok and tests_not_run. In the report's own totals a test
# without a program is skipped; here it is failed.
count_tests() {
    tests_total=$(count '^\s*<testcase ' "$1")
    tests_ok=$(count '^\s*<testcase .*status="run"' "$1")
    tests_not_run=$(count '^\s*(<testcase .*status="disabled"|<skipped message="SKIP_)' "$1")
}
