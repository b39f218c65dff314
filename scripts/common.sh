# What quickstart.sh and test.sh share: bringing the packages, and saying what a build will hold.
# Sourced from the repository root by scripts that run under set -euo pipefail.
# shellcheck shell=bash disable=SC2034

build_packages=(cmake ninja-build gcc g++ pkg-config
    libopenblas-openmp-dev libutf8proc-dev libjansson-dev librandom123-dev)
test_packages=(clang clang-format libclang-rt-dev libomp-dev libcmocka-dev)

# fail MESSAGE...: stops the script with one line.
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
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
            'jansson, Random123, and for the tests clang, clang-format, libomp, compiler-rt, cmocka'
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

say_backends() {
    local nvcc
    nvcc=$(command -v "${CUDACXX:-nvcc}" || command -v /usr/local/cuda/bin/nvcc || true)
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
    install_packages "$@"
    check_cmake
    prefer_openmp_openblas
    say_backends
    # Names the generator of new build directories; existing ones keep theirs.
    export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
}

# build DIRECTORY CMAKE_ARGUMENT...: configures and builds, and shows the end of a failing log.
build() {
    local directory=$1 log=$1/build.log
    shift
    mkdir -p "$directory"
    if ! cmake -S . -B "$directory" "$@" >"$log" 2>&1 ||
        ! cmake --build "$directory" --parallel >"$log" 2>&1; then
        tail -n 40 "$log"
        return 1
    fi
}
