#!/usr/bin/env bash
# Makes zip archives for the tests, because not every machine has zip: gzip compresses, and its
# output has the checksum.

# le NUM_BYTES NUMBER: its bytes, lowest first.
le() {
    local i number=$2 bytes=''
    for ((i = 0; i < $1; i++, number >>= 8)); do
        bytes+=$(printf '\\x%02x' $((number & 255)))
    done
    printf '%b' "$bytes"
}

# zip_begin: begins an archive in the file zip.
zip_begin() {
    : >zip && : >zip.list
    zip_num=0
}

# zip_add NAME FILE [FLAGS]: adds a file. FLAGS: 1 is encrypted, 2048 marks a name in UTF-8.
zip_add() {
    local name=$1 file=$2 flags=${3:-0} offset size packed
    offset=$(stat -c %s zip)
    size=$(stat -c %s "$file")
    gzip -nc "$file" >zip.gz
    packed=$(($(stat -c %s zip.gz) - 18)) # without 10 bytes of header and 8 of checksum and length
    {
        le 2 20 && le 2 "$flags" && le 2 8 && le 4 0
        tail -c 8 zip.gz | head -c 4
        le 4 "$packed" && le 4 "$size" && le 2 "$(printf %s "$name" | wc -c)" && le 2 0
    } >zip.common
    {
        printf 'PK\3\4' && cat zip.common && printf %s "$name"
        tail -c +11 zip.gz | head -c "$packed"
    } >>zip
    {
        printf 'PK\1\2' && le 2 20 && cat zip.common && le 6 0 && le 4 0 && le 4 "$offset"
        printf %s "$name"
    } >>zip.list
    zip_num=$((zip_num + 1))
}

# zip_end FILE: makes it the archive.
zip_end() {
    local offset
    offset=$(stat -c %s zip)
    cat zip.list >>zip
    {
        printf 'PK\5\6' && le 4 0 && le 2 "$zip_num" && le 2 "$zip_num"
        le 4 "$(stat -c %s zip.list)" && le 4 "$offset" && le 2 0
    } >>zip
    mv zip "$1"
    rm -f zip.list zip.gz zip.common
}
