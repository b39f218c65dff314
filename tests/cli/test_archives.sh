#!/usr/bin/env bash
# Archives as corpora: they give the text of the folder that they hold, train and are resumed as it
# does, and what cannot or must not be unpacked ends in one clear line.
set -euo pipefail
. "$(dirname "$0")/zip.sh"
. "$(dirname "$0")/lib.sh" "$1"

# song NUMBER: four lines that no other song has.
song() {
    printf '第%s首歌在清晨\n风吹过第%s座山\n月光照着%s号门\n一夜听雨到天明\n' "$1" "$1" "$1"
}

# same_text NAME: the last run must have printed the file NAME.
same_text() {
    cmp -s "$1" "$out" || fail "must print $1: $(diff "$1" "$out" | head -n 5)"
}

mkdir -p songs/b
song 1 >songs/b/z.txt
song 2 >songs/a.txt
song 3 >songs/歌.txt
cat songs/{a.txt,b/z.txt,歌.txt} >all.txt
tar -czf songs.tar.gz -C songs .

run corpus songs.tar.gz
if grep -q 'lacks libarchive' "$err"; then
    refuses 1 'songs\.tar\.gz: is an archive, and this build lacks libarchive; unpack it and name the folder, or install libarchive-dev and build again$' corpus songs.tar.gz
    mv songs.tar.gz songs
    succeeds corpus songs
    same_text all.txt
    grep -q '^songs: read 3 files, skipped 1 archive, which this build cannot read (songs' "$err" ||
        fail "the archive must be named"
    exit
fi

# Every format gives the text of the folder, whatever its name, also as a stream.
tar -cf songs.tar -C songs .
tar -cJf songs.txz -C songs . || cp songs.tar songs.txz
zip_begin
zip_add 歌.txt songs/歌.txt 2048
zip_add b/z.txt songs/b/z.txt
zip_add a.txt songs/a.txt
zip_end songs.zip
cp songs.zip without-a-name
for archive in songs.tar.gz songs.tar songs.txz songs.zip without-a-name; do
    succeeds corpus "$archive"
    same_text all.txt
    grep -q '^songs: 3 ' "$err" || fail "each file of $archive must be a song"
done
command='lyrnn corpus - <songs.zip'
"$lyrnn" corpus - <songs.zip >"$out" 2>"$err" || fail "must read a stream"
same_text all.txt

# Names in GBK are sorted as characters, and texts in GB18030 are read as in a folder.
zip_begin
for name in 歌丙 歌一 歌乙; do
    song "$name" | iconv -t GB18030 >gbk.txt
    zip_add "$(iconv -t GBK <<<"$name").txt" gbk.txt
done
zip_end gbk.zip
succeeds corpus gbk.zip
{ song 歌一 && song 歌丙 && song 歌乙; } >gbk.expected
same_text gbk.expected
: >picture
zip_begin
zip_add "$(iconv -t GBK <<<封面).jpg" picture
zip_end pictures.zip
refuses 1 'pictures\.zip: holds no file that lyrnn reads \(.*\), but 1 other file \(封面\.jpg\); ' \
    corpus pictures.zip

zip_begin
zip_add a.txt songs/a.txt
zip_add "$(iconv -t GBK <<<歌词).txt" songs/a.txt 2048 # which claims to be UTF-8
zip_end claim.zip
refuses 1 'claim\.zip: the name of file 2 in it cannot be read; unpack it and name the folder$' \
    corpus claim.zip

# A training from an archive is one from the folder, and is resumed from the archive.
train=(--sampling consecutive "${tiny[@]}" --num-epochs 2)
succeeds train songs "${train[@]}" --out folder
succeeds train songs.zip "${train[@]}" --out zipped
cmp <(weights_of folder) <(weights_of zipped) || fail "both must learn the same"
succeeds train --resume zipped --num-epochs 3
succeeds train --resume folder --num-epochs 3
cmp <(weights_of folder) <(weights_of zipped) || fail "both must continue the same way"

# The archive is read again for the guard against copies, which knows no --max-bytes.
succeeds generate zipped --prefix 第 --max-copy 3 --report
grep -q '^sample 0: longest copied run' "$err" || fail "the report needs the text in the archive"

# An archive in a folder is read where its name sorts it.
mkdir mixed
song 4 >mixed/a.txt
cp songs.zip mixed/b.zip
song 5 >mixed/c.txt
cat mixed/a.txt all.txt mixed/c.txt >mixed.txt
succeeds corpus mixed
same_text mixed.txt

# What is no text is left out and named. Links are not followed, and paths lead nowhere.
mkdir odd
song 6 >odd/a.txt
ln -s a.txt odd/link.txt
ln -s / odd/root
mkfifo odd/pipe.txt
: >odd/.hidden.txt
: >odd/cover.jpg
song 7 >outside.txt
(cd odd && tar -cPf ../odd.tar ../outside.txt .)
succeeds corpus odd.tar
cat outside.txt odd/a.txt >odd.txt
same_text odd.txt
grep -qE '^odd\.tar: read 2 files, skipped 1 hidden file \(\.hidden\.txt\), 2 links \(.*\), 1 pipe or device \(pipe\.txt\), 1 other file \(cover\.jpg\)$' "$err" ||
    fail "what is left out must be named"

# Encrypted, nested and office archives.
zip_begin
zip_add b.txt songs/a.txt
zip_add secret/a.txt songs/a.txt 1
zip_end encrypted.zip
refuses 1 'encrypted\.zip: secret/a\.txt in it is encrypted; unpack it with its password, and name the folder$' corpus encrypted.zip
zip_begin
zip_add a.txt songs/a.txt
zip_add more/songs.zip songs.zip
zip_end nested.zip
refuses 1 'nested\.zip: holds an archive, more/songs\.zip, and lyrnn unpacks no archive in an archive; unpack it, and name the folder$' corpus nested.zip
zip_begin
zip_add '[Content_Types].xml' songs/a.txt
zip_add word/document.xml songs/a.txt
zip_end song.docx
cp song.docx song.zip
for name in song.docx song.zip; do
    refuses 1 "${name/./\\.}: is an office document or a book, not an archive of texts; save it as plain text " corpus "$name"
done

# A file with holes may claim any size.
truncate -s 1M holes.txt
echo end >>holes.txt
tar --sparse --hole-detection=raw -cf holes.tar holes.txt
refuses 1 'holes\.tar: has a file with holes (.*); unpack it and name the folder$' corpus holes.tar

# Damaged archives: cut off, changed, empty, of another kind than their names say.
head -c 300 songs.zip >cut.zip
head -c 150 songs.tar.gz >cut.tar.gz
head -c 2000 songs.tar >cut.tar
: >empty.zip
cp all.txt text.zip
gzip -c all.txt >text.gz
for name in cut.zip cut.tar.gz cut.tar; do
    refuses 1 "${name//./\\.}: is damaged, cut off, or no (zip|tar) archive.*; copy it again, or unpack it and name the folder$" corpus "$name"
done
for name in empty.zip text.zip; do
    refuses 1 "${name/./\\.}: is not an archive, although its name says so, or it is damaged; " \
        corpus "$name"
done
refuses 1 'text\.gz: is compressed, but what is in it is not a tar archive; decompress it and ' \
    corpus text.gz
refuses 1 'corpus: 2 of 4 files cannot be read: cut\.zip \(.*\), nested\.zip \(.*\); ' \
    corpus cut.zip all.txt nested.zip outside.txt

# A bomb of 42 MB in 42 kB, with and without a text in it, is refused within little memory and time.
head -c 42000000 /dev/zero | tr '\0' a >bomb.txt
zip_begin
zip_add bomb.txt bomb.txt
zip_end bomb.zip
tar -czf bomb.tar.gz bomb.txt
mv bomb.txt bomb.jpg
tar -czf skipped.tar.gz bomb.jpg songs/a.txt
rm bomb.jpg
for name in bomb.zip bomb.tar.gz skipped.tar.gz; do
    command="ulimit -v 700000; lyrnn corpus $name"
    status=0 start=$SECONDS
    (limit_memory 700000 && exec "$lyrnn" corpus "$name") >"$out" 2>"$err" || status=$?
    expect_error 1 "${name//./\\.}: unpacks to more than 200 times its [0-9]+ bytes, "
    ((SECONDS - start < 10)) || fail "it must be refused at once"
done

# --max-bytes counts for all archives together.
bytes=$(wc -c <all.txt)
succeeds corpus --max-bytes "$bytes" songs.zip
refuses 1 "songs\.zip: unpacks to more than $((bytes - 1)) bytes, the maximum; if you trust it, raise --max-bytes$" corpus --max-bytes $((bytes - 1)) songs.zip
most=$((2 * bytes - 1))
run corpus --max-bytes $most songs.zip songs.zip
expect_error 1 "songs\.zip: with the archives before it, unpacks to more than $most bytes, "
