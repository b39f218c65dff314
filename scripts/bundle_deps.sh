#!/usr/bin/env bash
# bundle_deps.sh DIR: copies what a build needs besides a compiler, CMake and the CUDA toolkit into
# DIR, for machines without a package registry; there quickstart.sh, test.sh and gpu_check.sh take
# --deps DIR. The folder may be moved before a build: its .pc files find it from where they lie.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

most_bytes=$((60 << 20))

if (($# != 1)) || [[ $1 == -* ]]; then
    echo "usage: ${0##*/} DIR" >&2
    exit 2
fi
dir=$(cd "$OLDPWD" && realpath -m -- "$1")
[[ ! -e $dir || -z $(ls -A "$dir") ]] || fail "$dir: is there already and not empty"

# add_licence FILE: that of the package that FILE belongs to, and the common texts that it names.
add_licence() {
    local package text texts
    package=$(dpkg-query -S "$(realpath "$1")" | sed 's/[:,].*//;q') || fail "$1: of no package"
    cp -L "/usr/share/doc/$package/copyright" "$dir/licences/$package"
    texts=$(grep -oE '/usr/share/common-licenses/[A-Za-z]+(-[0-9.]*[0-9])?' \
        "$dir/licences/$package" || true)
    for text in $texts; do
        [[ ! -f $text ]] || cp -L "$text" "$dir/licences/"
    done
}

# add_library FILE: under its soname, the name that the loader asks for.
add_library() {
    soname=$(objdump -p "$1" | awk '$1 == "SONAME" {print $2}')
    cp -L "$1" "$dir/lib/$soname"
    add_licence "$1"
}

# add_module MODULE LIBRARY HEADER...: as pkg-config finds it, with a .pc file of its own.
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
        [[ -f $dir/$header ]] || fail "$module: no $header found"
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

# What OpenBLAS needs in turn. libgomp and libgcc stay out: the machine that builds has those of its
# own gcc, and an older copy before them could lack what that gcc asks for.
add_what_openblas_needs() {
    local name file
    while read -r name _ file _; do
        case $name in
        libc.so.* | libm.so.* | libpthread.so.* | libgomp.so.* | libgcc_s.so.*) ;;
        *) [[ $file != /* ]] || add_library "$file" ;;
        esac
    done < <(ldd "$dir/lib/libopenblas.so")
}

# For a machine that has no pkg-config.
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

install_packages "${build_packages[@]}" libcmocka-dev
prefer_openmp_openblas
mkdir -p "$dir"/{bin,include,lib/pkgconfig,licences,share/unicode}

add_module openblas openblas cblas.h openblas_config.h f77blas.h
add_module libutf8proc utf8proc utf8proc.h
add_module jansson jansson jansson.h jansson_config.h
add_module libdivsufsort divsufsort divsufsort.h
add_module cmocka cmocka cmocka.h cmocka_pbc.h
add_what_openblas_needs
cp -rL /usr/include/Random123 "$dir/include/"
add_licence /usr/include/Random123/philox.h
cp -L /usr/include/xxhash.h "$dir/include/"
add_licence /usr/include/xxhash.h
for table in Readings Variants; do
    bzip2 -dc "/usr/share/unicode/Unihan_$table.txt.bz2" >"$dir/share/unicode/Unihan_$table.txt"
done
add_licence /usr/share/unicode/Unihan_Readings.txt.bz2
! command -v pkgconf >/dev/null || add_pkg_config

grep -q openblas_get_parallel < <(nm -D "$dir/lib/libopenblas.so") || fail 'OpenBLAS: not found'
grep -q libgomp < <(objdump -p "$dir/lib/libopenblas.so") || fail 'OpenBLAS: not the OpenMP flavour'
bytes=$(du -sb "$dir" | cut -f1)
printf '%s: %d.%d MiB of at most %d\n' "$dir" $((bytes >> 20)) $(((bytes & 0xfffff) * 10 >> 20)) \
    $((most_bytes >> 20))
((bytes <= most_bytes)) || fail "$dir: too large"
