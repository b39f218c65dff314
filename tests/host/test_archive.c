/* Archives in memory: every format, names in several encodings, and archives that are damaged,
 * encrypted or made to do harm. libarchive writes them, so a build without it only checks its
 * refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "corpus/archive.h"

/* What a reader got: NAME=TEXT for each text, and a line for each text after it. */
typedef struct {
    char *text;
    size_t size;
    FILE *stream;
} texts;

static lyrnn_status read_text(void *context, const char *name, const lyrnn_bytes *bytes)
{
    const texts *got = context;
    assert_int_equal(bytes->data[bytes->num], '\0');
    fprintf(got->stream, "%s=", name);
    fwrite(bytes->data, 1, bytes->num, got->stream);
    fputc('|', got->stream);
    return LYRNN_OK;
}

static void assert_refuses_within(const lyrnn_bytes *bytes, size_t max_bytes, lyrnn_status status,
                                  const char *error_text)
{
    texts got = {0};
    got.stream = open_memstream(&got.text, &got.size);
    const archive_rules rules = {.max_bytes = max_bytes};
    assert_int_equal(archive_read("a.zip", bytes, &rules, read_text, &got), status);
    fclose(got.stream);
    assert_string_equal(got.text, "");
    free(got.text);
    if (strncmp(lyrnn_error_text(), error_text, strlen(error_text)) != 0)
        assert_string_equal(lyrnn_error_text(), error_text);
}

/* The text of the error must begin with error_text. */
static void assert_refuses(const lyrnn_bytes *bytes, lyrnn_status status, const char *error_text)
{
    assert_refuses_within(bytes, 0, status, error_text);
}

static void an_archive_is_known_by_its_bytes_or_its_name(void **state)
{
    (void)state;
    char zip[] = "PK\x03\x04 and so on", text[] = "a text that is longer than a signature";
    char tar[512] = "a.txt";
    const lyrnn_bytes a_zip = {zip, sizeof zip - 1}, a_text = {text, sizeof text - 1},
                      a_tar = {tar, sizeof tar}, none = {text, 0};
    unsigned long sum = 8 * ' ';
    for (const char *c = tar; *c != '\0'; c++)
        sum += (unsigned char)*c;
    snprintf(tar + 148, 8, "%06lo", sum);
    assert_true(archive_is("a.txt", &a_zip));
    assert_true(archive_is("a.txt", &a_tar));
    assert_true(archive_is("A.ZIP", &a_text));
    assert_true(archive_is("a.tar.gz", &none));
    assert_false(archive_is("a.txt", &a_text));
    assert_false(archive_is("zip", &a_text));
    assert_false(archive_is("a.txt", &none));
    tar[0]++;
    assert_false(archive_is("a.txt", &a_tar));
    assert_refuses(&a_text, LYRNN_ERR_CORPUS,
                   "a.zip: is not an archive, although its name says so, ");
}

#ifndef LYRNN_HAS_LIBARCHIVE

static void a_build_without_libarchive_says_so(void **state)
{
    (void)state;
    char zip[] = "PK\x03\x04";
    const lyrnn_bytes bytes = {zip, sizeof zip - 1};
    assert_false(archive_is_supported());
    assert_refuses(&bytes, LYRNN_ERR_UNSUPPORTED,
                   "a.zip: is an archive, and this build lacks libarchive; unpack it and name the "
                   "folder, or install libarchive-dev and build again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_is_known_by_its_bytes_or_its_name),
        cmocka_unit_test(a_build_without_libarchive_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <errno.h>
#include <locale.h>

#include <archive.h>
#include <archive_entry.h>

static lyrnn_status refuse_text(void *context, const char *name, const lyrnn_bytes *bytes)
{
    (void)context, (void)bytes;
    return lyrnn_fail(LYRNN_ERR_IO, "%s: not today; wait", name);
}

/* Reads an archive, which must give `expected`, and log `logged`. */
static void assert_reads(const lyrnn_bytes *bytes, const char *expected, const char *logged)
{
    texts got = {0}, log = {0};
    got.stream = open_memstream(&got.text, &got.size);
    log.stream = open_memstream(&log.text, &log.size);
    const archive_rules rules = {.log = log.stream};
    lyrnn_status status = archive_read("a.bin", bytes, &rules, read_text, &got);
    fclose(got.stream);
    fclose(log.stream);
    if (status != LYRNN_OK)
        print_error("%s\n", lyrnn_error_text());
    assert_int_equal(status, LYRNN_OK);
    assert_string_equal(got.text, expected);
    assert_string_equal(log.text, logged);
    free(got.text);
    free(log.text);
}

typedef struct {
    const char *path, *text; /* NULL: a folder */
    const char *link;        /* to what it is a link; NULL: it is none */
    size_t repeat;           /* how often the text is repeated; 0: once */
} file;

/* How to write an archive. A zeroed format is a zip. */
typedef struct {
    int format, filter;
    const char *options;
    bool is_marked_as_utf8; /* the names */
} writing;

static void write_file(struct archive *writer, const file *f, bool is_utf8)
{
    struct archive_entry *entry = archive_entry_new();
    size_t length = f->text != NULL ? strlen(f->text) : 0;
    size_t repeat = f->repeat > 0 ? f->repeat : 1;
    if (is_utf8)
        archive_entry_set_pathname_utf8(entry, f->path);
    else
        archive_entry_set_pathname(entry, f->path);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, f->link != NULL   ? AE_IFLNK
                                      : f->text != NULL ? AE_IFREG
                                                        : AE_IFDIR);
    if (f->link != NULL)
        archive_entry_set_symlink(entry, f->link);
    archive_entry_set_size(entry, (la_int64_t)(length * repeat));
    if (archive_write_header(writer, entry) != ARCHIVE_OK)
        fail_msg("%s: %s", f->path, archive_error_string(writer));
    for (size_t i = 0; i < repeat && length > 0; i++)
        assert_int_equal(archive_write_data(writer, f->text, length), length);
    archive_entry_free(entry);
}

/* Returns an archive. The caller frees its data. */
static lyrnn_bytes pack(const writing *how, const file *files, size_t num)
{
    enum { MOST_BYTES = 1 << 20 };
    lyrnn_bytes bytes = {.data = malloc(MOST_BYTES)};
    /* libarchive needs it to mark names as UTF-8. The reader must not depend on it. */
    locale_t locale =
        newlocale(LC_CTYPE_MASK, how->is_marked_as_utf8 ? "C.UTF-8" : "C", (locale_t)0);
    locale_t before = uselocale(locale);
    struct archive *writer = archive_write_new();
    assert_non_null(bytes.data);
    assert_int_equal(
        archive_write_set_format(writer, how->format != 0 ? how->format : ARCHIVE_FORMAT_ZIP), 0);
    if (how->filter != 0)
        assert_int_equal(archive_write_add_filter(writer, how->filter), 0);
    if (how->options != NULL) {
        assert_int_equal(archive_write_set_options(writer, how->options), 0);
        assert_int_equal(archive_write_set_passphrase(writer, "secret"), 0);
    }
    assert_int_equal(archive_write_open_memory(writer, bytes.data, MOST_BYTES, &bytes.num), 0);
    for (size_t i = 0; i < num; i++)
        write_file(writer, &files[i], how->is_marked_as_utf8);
    assert_int_equal(archive_write_close(writer), 0);
    archive_write_free(writer);
    uselocale(before);
    freelocale(locale);
    return bytes;
}

#define NUM(files) (sizeof(files) / sizeof *(files))

static const writing zip = {0};

static void every_format_gives_the_same_texts(void **state)
{
    (void)state;
    static const file files[] = {{.path = "songs"},
                                 {"songs/b.txt", "two\n", NULL, 0},
                                 {"songs/a.lrc", "one", NULL, 0},
                                 {"songs/empty.json", "", NULL, 0},
                                 {"A.TXT", "three", NULL, 3}};
    static const writing formats[] = {
        {.format = ARCHIVE_FORMAT_ZIP},
        {.format = ARCHIVE_FORMAT_ZIP, .options = "zip:compression=store"},
        {.format = ARCHIVE_FORMAT_ZIP, .options = "zip:zip64"},
        {.format = ARCHIVE_FORMAT_7ZIP},
        {.format = ARCHIVE_FORMAT_7ZIP, .options = "7zip:compression=ppmd"},
        {.format = ARCHIVE_FORMAT_TAR_USTAR},
        {.format = ARCHIVE_FORMAT_TAR_GNUTAR, .filter = ARCHIVE_FILTER_GZIP},
        {.format = ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, .filter = ARCHIVE_FILTER_BZIP2},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_XZ},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_ZSTD},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_LZ4},
    };
    for (size_t i = 0; i < NUM(formats); i++) {
        lyrnn_bytes bytes = pack(&formats[i], files, NUM(files));
        assert_true(archive_is("a", &bytes));
        assert_reads(&bytes,
                     "A.TXT=threethreethree|songs/a.lrc=one|songs/b.txt=two\n|songs/empty.json=|",
                     "");
        free(bytes.data);
    }
}

static void names_are_sorted_by_code_points_in_any_encoding(void **state)
{
    (void)state;
    /* In GBK the order is 歌丙, 歌一, 歌乙; in Unicode it is 歌一, 歌丙, 歌乙. */
    static const file gbk[] = {{"\xB8\xE8\xB1\xFB.txt", "3", NULL, 0},
                               {"\xB8\xE8\xD2\xD2.txt", "2", NULL, 0},
                               {"\xB8\xE8\xD2\xBB.txt", "1", NULL, 0}};
    static const file utf8[] = {
        {"歌丙.txt", "3", NULL, 0}, {"歌乙.txt", "2", NULL, 0}, {"歌一.txt", "1", NULL, 0}};
    static const writing marked[] = {
        {.format = ARCHIVE_FORMAT_ZIP,
         .options = "zip:hdrcharset=UTF-8",
         .is_marked_as_utf8 = true},
        {.format = ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, .is_marked_as_utf8 = true},
        {.format = ARCHIVE_FORMAT_7ZIP, .is_marked_as_utf8 = true},
    };
    const char *expected = "歌一.txt=1|歌丙.txt=3|歌乙.txt=2|";
    lyrnn_bytes bytes = pack(&zip, gbk, NUM(gbk));
    assert_reads(&bytes, expected, "");
    free(bytes.data);
    bytes = pack(&zip, utf8, NUM(utf8));
    assert_reads(&bytes, expected, "");
    free(bytes.data);
    for (size_t i = 0; i < NUM(marked); i++) {
        bytes = pack(&marked[i], utf8, NUM(utf8));
        assert_reads(&bytes, expected, "");
        free(bytes.data);
    }
}

static void what_is_no_text_is_left_out_and_named(void **state)
{
    (void)state;
    static const file files[] = {{"./b.txt", "b", NULL, 0},        {"cover.jpg", "J", NULL, 0},
                                 {".hidden.txt", "h", NULL, 0},    {"link.txt", NULL, "b.txt", 0},
                                 {"__MACOSX/b.txt", "m", NULL, 0}, {"../c.txt", "c", NULL, 0},
                                 {"/d.txt", "d", NULL, 0}};
    static const int formats[] = {ARCHIVE_FORMAT_ZIP, ARCHIVE_FORMAT_TAR_USTAR,
                                  ARCHIVE_FORMAT_7ZIP};
    for (size_t i = 0; i < NUM(formats); i++) {
        lyrnn_bytes bytes = pack(&(writing){.format = formats[i]}, files, NUM(files));
        assert_reads(&bytes, "../c.txt=c|/d.txt=d|b.txt=b|",
                     "a.bin: read 3 files, skipped 2 hidden files (.hidden.txt, __MACOSX/b.txt), 1 "
                     "link (link.txt), 1 other file (cover.jpg)\n");
        free(bytes.data);
    }
}

static void the_later_of_two_files_with_one_name_counts(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "1", NULL, 0},
                                 {"b.txt", "2", NULL, 0},
                                 {"a.txt", "3", NULL, 0},
                                 {"./a.txt", "4", NULL, 0}};
    lyrnn_bytes bytes = pack(&(writing){.format = ARCHIVE_FORMAT_TAR_USTAR}, files, NUM(files));
    assert_reads(&bytes, "a.txt=4|b.txt=2|",
                 "a.bin: skipped 2 files that a later one of the same name replaces\n");
    free(bytes.data);
}

/* What a terminal must not get becomes '?' in a name. */
static void names_that_look_the_same_are_different(void **state)
{
    (void)state;
    static const file files[] = {
        {"\1.txt", "1", NULL, 0}, {"\2.txt", "2", NULL, 0}, {"\1.txt", "3", NULL, 0}};
    lyrnn_bytes bytes = pack(&zip, files, NUM(files));
    assert_reads(&bytes, "?.txt=3|?.txt=2|",
                 "a.bin: skipped 1 file that a later one of the same name replaces\n");
    free(bytes.data);
}

static void an_archive_without_texts_says_what_it_holds(void **state)
{
    (void)state;
    static const file none[] = {{"a.mp3", "x", NULL, 0}, {"b.doc", "x", NULL, 0}};
    static const file document[] = {{"[Content_Types].xml", "x", NULL, 0},
                                    {"word/document.xml", "x", NULL, 0}};
    lyrnn_bytes bytes = pack(&zip, none, NUM(none));
    assert_refuses(
        &bytes, LYRNN_ERR_CORPUS,
        "a.zip: holds no file that lyrnn reads (*.txt, *.lrc, *.json, *.jsonl and *.ndjson), but "
        "2 other files (a.mp3, b.doc); name an archive of texts");
    free(bytes.data);
    bytes = pack(&zip, none, 0);
    assert_refuses(
        &bytes, LYRNN_ERR_CORPUS,
        "a.zip: holds no file that lyrnn reads (*.txt, *.lrc, *.json, *.jsonl and *.ndjson); ");
    free(bytes.data);
    bytes = pack(&zip, document, NUM(document));
    assert_refuses(&bytes, LYRNN_ERR_CORPUS, "a.zip: is an office document or a book, ");
    free(bytes.data);
}

static void an_archive_in_an_archive_is_refused(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "1", NULL, 0}, {"more/inner.Tar.GZ", "x", NULL, 0}};
    lyrnn_bytes bytes = pack(&zip, files, NUM(files));
    assert_refuses(&bytes, LYRNN_ERR_CORPUS,
                   "a.zip: holds an archive, more/inner.Tar.GZ, and lyrnn unpacks no archive in an "
                   "archive; unpack it, and name the folder");
    free(bytes.data);
}

static void an_encrypted_text_is_refused(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "1", NULL, 0}};
    static const char *const options[] = {"zip:encryption=zipcrypt", "zip:encryption=aes256"};
    for (size_t i = 0; i < NUM(options); i++) {
        lyrnn_bytes bytes = pack(&(writing){.options = options[i]}, files, NUM(files));
        assert_refuses(&bytes, LYRNN_ERR_CORPUS,
                       "a.zip: a.txt in it is encrypted; unpack it with its password, ");
        free(bytes.data);
    }
}

/* Every proper prefix of an archive, and every byte changed, must give an error or the texts. */
static void a_damaged_archive_gives_an_error_or_its_texts(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "one and two and three", NULL, 0},
                                 {"b.txt", "four", NULL, 0}};
    static const writing formats[] = {
        {.format = ARCHIVE_FORMAT_ZIP},
        {.format = ARCHIVE_FORMAT_7ZIP},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_GZIP},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_XZ},
    };
    const archive_rules rules = {0};
    for (size_t i = 0; i < NUM(formats); i++) {
        lyrnn_bytes bytes = pack(&formats[i], files, NUM(files));
        const lyrnn_bytes whole = bytes;
        for (bytes.num = 0; bytes.num < whole.num; bytes.num++) {
            char *part = malloc(bytes.num + 1); /* so that ASan sees reads after its end */
            texts got = {0};
            got.stream = open_memstream(&got.text, &got.size);
            memcpy(part, bytes.data, bytes.num);
            lyrnn_status status =
                archive_read("a.zip", &(lyrnn_bytes){part, bytes.num}, &rules, read_text, &got);
            fclose(got.stream);
            if (status == LYRNN_OK)
                print_error("format %zu is read when cut to %zu of %zu\n", i, bytes.num, whole.num);
            assert_int_equal(status, LYRNN_ERR_CORPUS);
            assert_string_equal(got.text, "");
            free(got.text);
            free(part);
        }
        for (size_t k = 0; k < whole.num; k++) {
            texts got = {0};
            got.stream = open_memstream(&got.text, &got.size);
            whole.data[k] ^= 0x55;
            archive_read("a.zip", &whole, &rules, read_text, &got);
            whole.data[k] ^= 0x55;
            fclose(got.stream);
            free(got.text);
        }
        free(whole.data);
    }
}

/* The text is stored as it is, so that nothing else notices. */
static void a_changed_character_is_found_by_the_checksum(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "abc", NULL, 0}};
    static const writing formats[] = {
        {.format = ARCHIVE_FORMAT_ZIP, .options = "zip:compression=store"},
        {.format = ARCHIVE_FORMAT_7ZIP, .options = "7zip:compression=store"},
        {.format = ARCHIVE_FORMAT_TAR_USTAR,
         .filter = ARCHIVE_FILTER_GZIP,
         .options = "gzip:compression-level=0"},
    };
    for (size_t i = 0; i < NUM(formats); i++) {
        lyrnn_bytes bytes = pack(&formats[i], files, NUM(files));
        assert_reads(&bytes, "a.txt=abc|", "");
        *(char *)memmem(bytes.data, bytes.num, "abc", 3) = 'A';
        assert_refuses(&bytes, LYRNN_ERR_CORPUS, "a.zip: is damaged, cut off, or no ");
        free(bytes.data);
    }
}

static void a_bomb_is_refused(void **state)
{
    (void)state;
    static const char zeros[1 << 16] = {0};
    static char as[(1 << 16) + 1];
    (void)zeros;
    memset(as, 'a', sizeof as - 1);
    /* 3 MiB, in a few KiB. */
    const file files[] = {{"a.txt", as, NULL, 48}};
    const file other[] = {{"a.jpg", as, NULL, 48}, {"b.txt", "b", NULL, 0}};
    static const writing formats[] = {
        {.format = ARCHIVE_FORMAT_ZIP},
        {.format = ARCHIVE_FORMAT_7ZIP},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_GZIP},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_BZIP2},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_XZ},
        {.format = ARCHIVE_FORMAT_TAR_USTAR, .filter = ARCHIVE_FILTER_ZSTD},
    };
    for (size_t i = 0; i < NUM(formats); i++) {
        lyrnn_bytes bytes = pack(&formats[i], files, NUM(files));
        char error[64];
        snprintf(error, sizeof error, "a.zip: unpacks to more than 200 times its %zu bytes, ",
                 bytes.num);
        assert_refuses(&bytes, LYRNN_ERR_CORPUS, error);
        free(bytes.data);
        bytes = pack(&formats[i], other, NUM(other));
        if (formats[i].format == ARCHIVE_FORMAT_ZIP)
            assert_reads(&bytes, "b.txt=b|", "a.bin: read 1 file, skipped 1 other file (a.jpg)\n");
        else
            assert_refuses(&bytes, LYRNN_ERR_CORPUS, "a.zip: unpacks to more than 200 times its ");
        free(bytes.data);
    }
}

static void an_archive_may_be_repetitive_if_it_is_small(void **state)
{
    (void)state;
    static char as[1025];
    memset(as, 'a', sizeof as - 1);
    const file files[] = {{"a.txt", as, NULL, 1000}};
    lyrnn_bytes bytes = pack(&zip, files, 1);
    const archive_rules rules = {0};
    texts got = {0};
    got.stream = open_memstream(&got.text, &got.size);
    assert_int_equal(archive_read("a.zip", &bytes, &rules, read_text, &got), LYRNN_OK);
    fclose(got.stream);
    assert_int_equal(got.size, 1024 * 1000 + strlen("a.txt=|"));
    free(got.text);
    assert_refuses_within(&bytes, 1024 * 1000 - 1, LYRNN_ERR_CORPUS,
                          "a.zip: unpacks to more than 1023999 bytes, the maximum; if you trust "
                          "it, raise --max-bytes");
    free(bytes.data);
}

/* A list of files that is compressed, with one coder and the size that it claims to unpack to. */
static void a_list_of_files_in_7z_is_limited(void **state)
{
    (void)state;
    char bytes[] = "7z\xBC\xAF\x27\x1C\0\4"
                   "CRC_"
                   "\0\0\0\0\0\0\0\0"   /* where the list is */
                   "\x20\0\0\0\0\0\0\0" /* its length */
                   "CRC_"
                   "\x17\6\0\1\x09\1\0"                     /* it is one stream */
                   "\7\x0B\1\0\1\x23\3\1\1\5\x5D\0\0\x10\0" /* which LZMA unpacks */
                   "\x0C\xD0\1\0"                           /* to 2^20 + 1 bytes */
                   "\0\0\0\0\0\0";
    const lyrnn_bytes archive = {bytes, sizeof bytes - 1};
    assert_refuses(
        &archive, LYRNN_ERR_CORPUS,
        "a.zip: its list of files has 1048577 bytes, more than the maximum of 1048576; ");
    char *coder = memmem(bytes, sizeof bytes, "\x23\3\1\1", 4);
    static const unsigned char aes[] = {0x24, 6, 0xF1, 7, 1};
    memcpy(coder, aes, sizeof aes);
    assert_refuses(&archive, LYRNN_ERR_CORPUS, "a.zip: is encrypted; ");
    bytes[27] = 2; /* in the highest byte of the length */
    assert_refuses(&archive, LYRNN_ERR_CORPUS, "a.zip: is damaged, cut off, or no 7z archive; ");
}

/* An error from before must not become one of the archive's. */
static void a_name_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const file files[] = {{"\u8BD7.txt", "1", NULL, 0}};
    static const writing marked = {.is_marked_as_utf8 = true};
    lyrnn_bytes bytes = pack(&marked, files, NUM(files));
    char *name = bytes.data;
    while ((name = memmem(name, bytes.num - (size_t)(name - bytes.data), "\u8BD7", 3)) != NULL)
        memset(name, 0xFF, 3);
    errno = ENOMEM;
    assert_refuses(&bytes, LYRNN_ERR_CORPUS, "a.zip: the name of file 1 in it cannot be read; ");
    free(bytes.data);
}

/* A text that is compressed on its own is not an archive. */
static void a_compressed_text_is_no_archive(void **state)
{
    (void)state;
    static const file files[] = {{"a.txt", "a text of some length, which repeats a text", NULL, 0}};
    lyrnn_bytes bytes =
        pack(&(writing){.format = ARCHIVE_FORMAT_RAW, .filter = ARCHIVE_FILTER_GZIP}, files, 1);
    assert_true(archive_is("a.txt.gz", &bytes));
    assert_refuses(&bytes, LYRNN_ERR_CORPUS,
                   "a.zip: is compressed, but what is in it is not a tar archive; ");
    free(bytes.data);
}

static void a_failure_of_the_reader_ends_the_reading(void **state)
{
    (void)state;
    static const file files[] = {{"b.txt", "1", NULL, 0}, {"a.txt", "2", NULL, 0}};
    lyrnn_bytes bytes = pack(&zip, files, NUM(files));
    const archive_rules rules = {0};
    assert_int_equal(archive_read("a.zip", &bytes, &rules, refuse_text, NULL), LYRNN_ERR_IO);
    assert_string_equal(lyrnn_error_text(), "a.txt: not today; wait");
    free(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_is_known_by_its_bytes_or_its_name),
        cmocka_unit_test(every_format_gives_the_same_texts),
        cmocka_unit_test(names_are_sorted_by_code_points_in_any_encoding),
        cmocka_unit_test(what_is_no_text_is_left_out_and_named),
        cmocka_unit_test(the_later_of_two_files_with_one_name_counts),
        cmocka_unit_test(names_that_look_the_same_are_different),
        cmocka_unit_test(an_archive_without_texts_says_what_it_holds),
        cmocka_unit_test(an_archive_in_an_archive_is_refused),
        cmocka_unit_test(an_encrypted_text_is_refused),
        cmocka_unit_test(a_damaged_archive_gives_an_error_or_its_texts),
        cmocka_unit_test(a_changed_character_is_found_by_the_checksum),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(an_archive_may_be_repetitive_if_it_is_small),
        cmocka_unit_test(a_list_of_files_in_7z_is_limited),
        cmocka_unit_test(a_name_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_compressed_text_is_no_archive),
        cmocka_unit_test(a_failure_of_the_reader_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
