#!/usr/bin/env bash
# test_floors_planted.sh COMPILER: shows that check_floors.sh can fail. It plants arrows that go up
# and mistakes in the plan, in a small house of three floors, and expects a report of each.
set -euo pipefail
command -v nm >/dev/null || {
    echo 'skipped: no nm here'
    exit 77
}
compiler=$1
check=$(cd "$(dirname "$0")" && pwd)/check_floors.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p house/{host/{cli,text,base},include/lyrnn,tests/floors} build
plan=house/tests/floors/floors.txt

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' out
    exit 1
}

# write FILE LINE...: a file of the house.
write() {
    printf '%s\n' "${@:2}" >"house/$1"
}

# compile FLOOR NAME [FOLDER]: makes an object where CMake does; FOLDER: in another target's folder.
compile() {
    local object=build/${3-host/$1/CMakeFiles/lyrnn_$1.dir}/$2.c.o
    mkdir -p "${object%/*}"
    "$compiler" -Ihouse/host -Ihouse/include -c "house/host/$1/$2.c" -o "$object"
}

# expect STATUS LINE...: runs the check; compares its exit status and its lines, in any order.
expect() {
    local status=0
    "$check" house build >out 2>&1 || status=$?
    ((status == $1)) || fail "$test: exit status $status, not $1"
    [[ $(sort out) == "$(printf '%s\n' "${@:2}" | sort)" ]] ||
        fail "$test: printed what follows"
}

write tests/floors/floors.txt '# A plan.' 'cli: text base/print' 'text: base' 'base:' \
    'lyrnn/text.h: text'
write include/lyrnn/text.h '#include "base/print.h"' 'int text(void);'
write host/base/print.h 'int print(void);'
write host/base/print.c '#include "print.h"' 'int print(void) { return 1; }'
write host/base/clock.h 'int seconds(void);'
write host/base/clock.c '#include "base/clock.h"' 'int seconds(void) { return 2; }'
write host/text/text.c '#include <lyrnn/text.h>' 'int text(void) { return print(); }'
write host/cli/main.c '#include "lyrnn/text.h"' 'int command(void) { return text() + print(); }'
for file in base/print base/clock text/text cli/main; do
    compile "${file%/*}" "${file#*/}"
done

test='a house in order'
expect 0 'floors: 5 includes and 3 uses of symbols checked'

test='an #include that goes up'
write host/cli/page.h ''
write host/text/up.c '  #  include "cli/page.h"'
expect 1 'host/text/up.c uses "cli/page.h" of host/cli/page.h: text may not use cli' \
    'floors: 6 includes and 3 uses of symbols checked'
rm house/host/text/up.c

test='a public header that goes up'
write include/lyrnn/text.h '#include "base/print.h"' '#include "cli/page.h"' 'int text(void);'
expect 1 'include/lyrnn/text.h uses "cli/page.h" of host/cli/page.h: text may not use cli' \
    'floors: 6 includes and 3 uses of symbols checked'
write include/lyrnn/text.h '#include "base/print.h"' 'int text(void);'
rm house/host/cli/page.h

test='a symbol that goes up'
write host/base/up.c 'int text(void);' 'int up(void) { return text(); }'
compile base up
expect 1 'host/base/up.c uses text of host/text/text.c: base may not use text' \
    'floors: 5 includes and 4 uses of symbols checked'

test='the newest object of a file counts, in whatever target it is'
write host/base/up.c 'int up(void) { return 1; }'
compile base up tests/CMakeFiles/test_up.dir/__/host/base
touch -d '+1 minute' build/tests/CMakeFiles/test_up.dir/__/host/base/up.c.o
expect 0 'floors: 5 includes and 3 uses of symbols checked'
write host/base/up.c 'int text(void);' 'int up(void) { return text(); }'
compile base up tests/sub/CMakeFiles/test_up.dir/__/__/host/base
touch -d '+2 minutes' build/tests/sub/CMakeFiles/test_up.dir/__/__/host/base/up.c.o
expect 1 'host/base/up.c uses text of host/text/text.c: base may not use text' \
    'floors: 5 includes and 4 uses of symbols checked'

test='an object whose source is gone'
rm house/host/base/up.c
expect 0 'floors: 5 includes and 3 uses of symbols checked'

test='a floor may use one file of another floor, but not the next file'
write host/cli/time.c '#include "base/clock.h"' 'int time_of(void) { return seconds(); }'
compile cli time
expect 1 'host/cli/time.c uses "base/clock.h" of host/base/clock.h: cli may not use base' \
    'host/cli/time.c uses seconds of host/base/clock.c: cli may not use base' \
    'floors: 6 includes and 4 uses of symbols checked'
rm house/host/cli/time.c

test='a symbol that two floors define; one of them may be used'
write host/text/open.c 'int open_device(void) { return 1; }'
write host/base/open.c 'int open_device(void) { return 2; }'
write host/cli/open.c 'int open_device(void);' 'int open_it(void) { return open_device(); }'
for floor in text base cli; do
    compile $floor open
done
for floor in text base; do
    touch -d '+3 minutes' build/host/$floor/CMakeFiles/lyrnn_$floor.dir/open.c.o
    expect 0 'floors: 5 includes and 4 uses of symbols checked'
    touch build/host/$floor/CMakeFiles/lyrnn_$floor.dir/open.c.o
done
rm house/host/*/open.c

test='CUDA sources'
mkdir house/cuda
write cuda/kernel.cu '#include "lyrnn/text.h"'
expect 1 'floors.txt: has no line for cuda' 'floors: 6 includes and 3 uses of symbols checked'
sed -i '1acuda: base' $plan
expect 1 'cuda/kernel.cu uses "lyrnn/text.h" of include/lyrnn/text.h: cuda may not use text' \
    'floors: 6 includes and 3 uses of symbols checked'
sed -i '/^cuda:/d' $plan
rm -r house/cuda

test='a circle in the plan'
sed -i 's/^base:/& text/' $plan
expect 1 'floors.txt: base names text, which is not below it' \
    'floors: 5 includes and 3 uses of symbols checked'
sed -i 's/^base:.*/base: ground/' $plan
expect 1 'floors.txt: base names ground, which is no floor' \
    'floors: 5 includes and 3 uses of symbols checked'
sed -i 's/^base:.*/base:/' $plan

test='a folder, a header and a name that the plan does not have'
mkdir house/host/attic
write host/attic/old.h ''
write include/lyrnn/new.h ''
write host/cli/strange.c '#include "strange.h"'
expect 1 'floors.txt: has no line for attic' 'floors.txt: has no line for include/lyrnn/new.h' \
    'host/cli/strange.c includes strange.h, which is not found' \
    'floors: 5 includes and 3 uses of symbols checked'
rm -r house/host/attic house/include/lyrnn/new.h house/host/cli/strange.c

test='an object that nm cannot read'
write host/base/bitcode.c ''
echo BC >build/host/base/CMakeFiles/lyrnn_base.dir/bitcode.c.o
expect 77 'floors: 5 includes and 0 uses of symbols checked' \
    'floors: symbols skipped: nm cannot read these objects (link-time optimization?)'

test='no object at all'
rm -r build/*
expect 1 "$work/build has no objects of $work/house: build first"
