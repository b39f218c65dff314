#!/usr/bin/env bash
# bundle_deps.sh DIR [--nccl]: copies the libraries that a build needs into DIR, for machines that
# cannot install packages. --nccl also adds NCCL, which several GPUs need: 200 to 350 MB. On such a
# machine, give --deps DIR to quickstart.sh, test.sh or gpu_check.sh. The machine itself must have a
# compiler, CMake and, for a GPU, the CUDA toolkit. DIR can be moved before a build, because its .pc
# files use paths relative to themselves. It leaves out libarchive,
# which needs 40 MiB of other libraries, OpenCC, which finds its data only where they were
# installed, and MPI, which must be that of the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

most_bytes=$((60 << 20))

if (($# < 1 || $# > 2)) || [[ $1 == -* || ${2---nccl} != --nccl ]]; then
    echo "usage: ${0##*/} DIR [--nccl]" >&2
    exit 2
fi
with_nccl=${2-}
dir=$(cd "$OLDPWD" && realpath -m -- "$1")
[[ ! -e $dir || -z $(ls -A "$dir") ]] || fail "$dir: is not empty; name a new folder"

# add_license FILE: adds the license of FILE's package and the common license texts that it names.
add_license() {
    local package text texts
    package=$(dpkg-query -S "$(realpath "$1")" | sed 's/[:,].*//;q') ||
        fail "$1: belongs to no Debian package; install it with apt-get"
    cp -L "/usr/share/doc/$package/copyright" "$dir/licenses/$package"
    texts=$(grep -oE '/usr/share/common-licenses/[A-Za-z]+(-[0-9.]*[0-9])?' \
        "$dir/licenses/$package" || true)
    for text in $texts; do
        [[ ! -f $text ]] || cp -L "$text" "$dir/licenses/"
    done
}

# add_library FILE: adds a library under its soname, the name that the loader looks for.
add_library() {
    soname=$(objdump -p "$1" | awk '$1 == "SONAME" {print $2}')
    cp -L "$1" "$dir/lib/$soname"
    add_license "$1"
}

# add_module MODULE LIBRARY HEADER...: adds a library and its headers from the paths that pkg-config
# prints for MODULE, and writes a new .pc file for them.
add_module() {
    local module=$1 library=$2 soname header directory flags
    shift 2
    read -ra flags < <(PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
        pkg-config --cflags-only-I --libs-only-L "$module")
    for directory in "${flags[@]#-[IL]}" /usr/include "/usr/lib/$(gcc -print-multiarch)"; do
        for header; do
            [[ ! -f $directory/$header ]] || cp -Ln "$directory/$header" "$dir/include/"
        done
        if [[ -z ${soname-} && -f $directory/lib$library.so ]]; then
            add_library "$directory/lib$library.so"
            ln -s "$soname" "$dir/lib/lib$library.so"
        fi
    done
    for header in "include/$1" "lib/lib$library.so"; do
        [[ -f $dir/$header ]] || fail "$module: $header is missing; install its -dev package"
    done
    cat >"$dir/lib/pkgconfig/$module.pc" <<END
prefix=\${pcfiledir}/../..
Name: $module
Description: $module, from a bundle of lyrnn's dependencies
Version: $(pkg-config --modversion "$module")
Cflags: -I\${prefix}/include $(pkg-config --cflags-only-other "$module")
Libs: -L\${prefix}/lib -l$library
END
}

# Adds the libraries that OpenBLAS loads, except libgomp and libgcc. The machine that builds has its
# own gcc's copies of these, and an older copy could lack functions that its programs need.
add_what_openblas_needs() {
    local name file
    while read -r name _ file _; do
        case $name in
        libc.so.* | libm.so.* | libpthread.so.* | libgomp.so.* | libgcc_s.so.*) ;;
        *) [[ $file != /* ]] || add_library "$file" ;;
        esac
    done < <(ldd "$dir/lib/libopenblas.so")
}

# Adds pkgconf for machines that have no pkg-config.
add_pkg_config() {
    local library
    library=$(ldd "$(command -v pkgconf)" | awk '/libpkgconf/ {print $3}')
    add_library "$library"
    cp -L "$(command -v pkgconf)" "$dir/bin/pkgconf"
    cat >"$dir/bin/pkg-config" <<'END'
#!/bin/sh
bin=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$bin/../lib exec "$bin/pkgconf" "$@"
END
    chmod +x "$dir/bin/pkg-config"
}

# Adds NCCL from this machine, or else from NVIDIA's Python package for the CUDA toolkit's version.
add_nccl() {
    local wheel library nvcc major
    library=$(find_nccl) || {
        nvcc=$(find_nvcc) || fail 'nvcc: not found; install the CUDA toolkit'
        major=$("$nvcc" --version | sed -nE 's/.*release ([0-9]+).*/\1/p')
        wheel=$(mktemp -d)
        python3 -m venv "$wheel/venv"
        "$wheel/venv/bin/pip" --quiet install --no-deps "nvidia-nccl-cu$major"
        library=$(echo "$wheel"/venv/lib/python*/site-packages/nvidia/nccl/lib/libnccl.so.2)
        cp "$wheel"/venv/lib/python*/site-packages/nvidia_nccl*/licenses/* "$dir/licenses/"
    }
    cp -L "$library" "$dir/lib/libnccl.so.2"
    ! dpkg-query -S "$(realpath "$library")" >/dev/null 2>&1 || add_license "$library"
    [[ -z ${wheel-} ]] || rm -r "$wheel"
}

install_packages "${build_packages[@]}" libcmocka-dev
prefer_openmp_openblas
mkdir -p "$dir"/{bin,include,lib/pkgconfig,licenses,share/unicode}

add_module openblas openblas cblas.h openblas_config.h f77blas.h
add_module libutf8proc utf8proc utf8proc.h
add_module jansson jansson jansson.h jansson_config.h
add_module libdivsufsort divsufsort divsufsort.h
add_module cmocka cmocka cmocka.h cmocka_pbc.h
add_what_openblas_needs
cp -rL /usr/include/Random123 "$dir/include/"
add_license /usr/include/Random123/philox.h
cp -L /usr/include/xxhash.h "$dir/include/"
add_license /usr/include/xxhash.h
for table in Readings Variants; do
    bzip2 -dc "/usr/share/unicode/Unihan_$table.txt.bz2" >"$dir/share/unicode/Unihan_$table.txt"
done
add_license /usr/share/unicode/Unihan_Readings.txt.bz2
! command -v pkgconf >/dev/null || add_pkg_config

grep -q openblas_get_parallel < <(nm -D "$dir/lib/libopenblas.so") ||
    fail "$dir: its libopenblas.so is another BLAS; install libopenblas-openmp-dev"
grep -q libgomp < <(objdump -p "$dir/lib/libopenblas.so") ||
    fail "$dir: its OpenBLAS does not use OpenMP; install libopenblas-openmp-dev"
bytes=$(du -sb "$dir" | cut -f1)
# A large library, which is not counted.
[[ -z $with_nccl ]] || add_nccl
echo "$dir: without libarchive, OpenCC and MPI; lyrnn then reads no archives, has no --script," \
    "and moves gradients over TCP"
printf '%s: %d.%d MiB of at most %d\n' "$dir" $((bytes >> 20)) $(((bytes & 0xfffff) * 10 >> 20)) \
    $((most_bytes >> 20))
((bytes <= most_bytes)) || fail "$dir: too large; copy less or raise most_bytes"
