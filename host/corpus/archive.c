/* An archive is known by its first bytes, so that a wrong name does no harm, and a text that is
 * compressed on its own is not taken for one. unpack.c does the rest. */
#include "corpus/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/plain_text.h"
#include "corpus/unpack.h"

#ifdef LYRNN_HAS_LIBARCHIVE
#include <archive.h>
#endif

const char *archive_library(void)
{
#ifdef LYRNN_HAS_LIBARCHIVE
    return archive_version_string();
#else
    return NULL;
#endif
}

bool archive_is_supported(void)
{
    return archive_library() != NULL;
}

static const struct {
    const char *begin;
    size_t num;
    packed_format format;
    packed_filter filter;
} kinds[] = {
    {"PK\x03\x04", 4, PACKED_ZIP, FILTER_NONE},
    {"PK\x05\x06", 4, PACKED_EMPTY, FILTER_NONE},
    {"7z\xBC\xAF\x27\x1C", 6, PACKED_7Z, FILTER_NONE},
    {"\x1F\x8B", 2, PACKED_TAR, FILTER_GZIP},
    {"BZh", 3, PACKED_TAR, FILTER_BZIP2},
    {"\xFD\x37zXZ", 6, PACKED_TAR, FILTER_XZ},
    {"\x28\xB5\x2F\xFD", 4, PACKED_TAR, FILTER_ZSTD},
    {"\x04\x22\x4D\x18", 4, PACKED_TAR, FILTER_LZ4},
};

enum { TAR_BLOCK = 512, TAR_CHECKSUM = 148, TAR_MAGIC = 257 };

/* Tar has no signature at its start. Its first block holds the sum of its bytes, where those of the
 * sum itself count as spaces. */
static bool is_tar(const lyrnn_bytes *bytes)
{
    if (bytes->num < TAR_BLOCK)
        return false;
    unsigned long sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= TAR_CHECKSUM && i < TAR_CHECKSUM + 8 ? ' ' : (unsigned char)bytes->data[i];
    char digits[9] = {0};
    memcpy(digits, bytes->data + TAR_CHECKSUM, 8);
    return bytes->data[0] != '\0' && strtoul(digits, NULL, 8) == sum;
}

/* PACKED_NONE: the bytes are no archive. */
static packed_archive recognize(const char *name, const lyrnn_bytes *bytes)
{
    packed_archive packed = {.name = name, .bytes = bytes};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && packed.format == PACKED_NONE; i++)
        if (bytes->num >= kinds[i].num && memcmp(bytes->data, kinds[i].begin, kinds[i].num) == 0) {
            packed.format = kinds[i].format;
            packed.filter = kinds[i].filter;
        }
    if (packed.format == PACKED_NONE && is_tar(bytes))
        packed.format = PACKED_TAR;
    return packed;
}

bool archive_is(const char *name, const lyrnn_bytes *bytes)
{
    return recognize(name, bytes).format != PACKED_NONE || file_kind_of_name(name) == FILE_ARCHIVE;
}

/* By path, and equal paths by their place in the archive. */
static int compare_texts(const void *left, const void *right)
{
    const packed_text *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    order = order != 0 ? order : strcmp(a->raw_path, b->raw_path);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static lyrnn_status refuse_document(const char *name)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: is an office document or a book, not an archive of texts; save it as "
                      "plain text (UTF-8), and name that",
                      name);
}

static lyrnn_status refuse_empty(const char *name, const unpacked_archive *unpacked)
{
    char skipped[SKIPPED_FILES_SIZE];
    if (unpacked->is_document)
        return refuse_document(name);
    skipped_files_print(&unpacked->skipped, skipped);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: holds no file that lyrnn reads (%s)%s%s; name an archive of texts", name,
                      FILE_TEXT_NAMES, skipped[0] != '\0' ? ", but " : "", skipped);
}

static void log_skipped(const char *name, const unpacked_archive *unpacked, size_t num_replaced,
                        FILE *log)
{
    char skipped[SKIPPED_FILES_SIZE];
    skipped_files_print(&unpacked->skipped, skipped);
    if (log != NULL && skipped[0] != '\0')
        lyrnn_print_plain(log, "%s: read %zu file%s, skipped %s\n", name,
                          unpacked->num_texts - num_replaced,
                          unpacked->num_texts - num_replaced == 1 ? "" : "s", skipped);
    if (log != NULL && num_replaced > 0)
        lyrnn_print_plain(log,
                          "%s: skipped %zu file%s that a later one of the same name replaces\n",
                          name, num_replaced, num_replaced == 1 ? "" : "s");
}

/* Whether the next text has the same path, and so replaces this one. Two paths that differ may look
 * the same. */
static bool is_replaced(const unpacked_archive *unpacked, size_t i)
{
    return i + 1 < unpacked->num_texts &&
           strcmp(unpacked->texts[i].raw_path, unpacked->texts[i + 1].raw_path) == 0;
}

static lyrnn_status read_texts(const char *name, unpacked_archive *unpacked, FILE *log,
                               archive_text_reader *read_text, void *context)
{
    size_t num_replaced = 0;
    if (unpacked->num_texts == 0)
        return refuse_empty(name, unpacked);
    qsort(unpacked->texts, unpacked->num_texts, sizeof *unpacked->texts, compare_texts);
    for (size_t i = 0; i < unpacked->num_texts; i++)
        num_replaced += is_replaced(unpacked, i);
    log_skipped(name, unpacked, num_replaced, log);
    for (size_t i = 0; i < unpacked->num_texts; i++) {
        const packed_text *text = &unpacked->texts[i];
        const lyrnn_bytes bytes = {unpacked->data + text->offset, text->num};
        if (!is_replaced(unpacked, i))
            LYRNN_TRY(read_text(context, text->path, &bytes));
    }
    return LYRNN_OK;
}

lyrnn_status archive_read(const char *name, const lyrnn_bytes *bytes, const archive_rules *rules,
                          archive_text_reader *read_text, void *context)
{
    unpacked_archive unpacked = {0};
    packed_archive packed = recognize(name, bytes);
    if (packed.format == PACKED_NONE)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: is not an archive, although its name says so, or it is damaged; copy it "
            "again, or correct its name",
            name);
    if (file_is_document(name))
        return refuse_document(name);
    if (!archive_is_supported())
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "%s: is an archive, and this build lacks libarchive; unpack it and name "
                          "the folder, or install libarchive-dev and build again",
                          name);
    packed.max_bytes = rules->max_bytes > 0 ? rules->max_bytes : (size_t)1 << 30;
    packed.num_before = rules->num_before;
    lyrnn_status status = LYRNN_OK;
    if (packed.format != PACKED_EMPTY)
        status = archive_unpack(&packed, &unpacked);
    if (status == LYRNN_OK)
        status = read_texts(name, &unpacked, rules->log, read_text, context);
    archive_unpacked_free(&unpacked);
    return status;
}
