/* An archive comes from anywhere, so everything that it claims has a limit. Only the one format and
 * the one decompression that its first bytes show are tried: libarchive itself would try them again
 * on what it has unpacked. All that is unpacked counts, with what is left out: to skip a file in a
 * compressed tar means to decompress it. The size that a file claims to have is not trusted. */
#include "corpus/unpack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef LYRNN_HAS_LIBARCHIVE

#include <errno.h>
#include <locale.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "corpus/encoding.h"
#include "corpus/seven_zip.h"

/* An archive may unpack to RATIO times its size, and a small one of repetitive text to a little
 * more. */
enum { RATIO = 200, SMALL = 1 << 20, MAX_FILES = 1000000 };

typedef struct {
    const packed_archive *packed;
    unpacked_archive *unpacked;
    struct archive *reader;
    struct archive_entry *entry;
    struct archive *stream; /* decompresses what reader reads; NULL: nothing is compressed */
    size_t num_streamed;    /* bytes of it */
    uint32_t crc;           /* of these bytes, as gzip has it */
    lyrnn_status failure;   /* of the stream */
    bool is_open;           /* reader */
    char *path;             /* of the entry, in UTF-8; owned */
    const char *raw_path;   /* as the archive has it; "" if it has none */
    size_t num_bytes;       /* unpacked of all entries */
    size_t num_files;       /* entries of any kind */
    size_t num, capacity;   /* of unpacked->data */
    size_t texts_capacity;
} unpacking;

static lyrnn_status out_of_memory(const unpacking *state, size_t num_bytes)
{
    return lyrnn_out_of_memory(state->packed->name, num_bytes, "give a smaller archive");
}

static const char *format_name(packed_format format)
{
    return format == PACKED_ZIP ? "zip" : format == PACKED_7Z ? "7z" : "tar";
}

static lyrnn_status refuse_because(const unpacking *state, const char *reason)
{
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: is damaged, cut off, or no %s archive%s%s (%s); copy it again, or unpack "
        "it and name the folder",
        state->packed->name, format_name(state->packed->format), state->path != NULL ? ", at " : "",
        state->path != NULL ? state->path : "",
        reason != NULL ? reason : "libarchive gives no reason");
}

/* Says why libarchive failed. */
static lyrnn_status refuse_damaged(const unpacking *state, struct archive *reader)
{
    if (state->failure != LYRNN_OK)
        return state->failure;
    if (archive_errno(reader) == ENOMEM)
        return out_of_memory(state, 0);
    /* Unless it is open, the question would crash (libarchive 3.6). */
    if (reader == state->reader && state->is_open &&
        archive_read_has_encrypted_entries(reader) == 1)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: is encrypted; unpack it with its password, and name the folder",
                          state->packed->name);
    return refuse_because(state, archive_error_string(reader));
}

static lyrnn_status check_size(unpacking *state)
{
    const packed_archive *packed = state->packed;
    size_t num = packed->bytes->num, most = RATIO * num + SMALL;
    size_t now = state->num_streamed > state->num_bytes ? state->num_streamed : state->num_bytes;
    if (now + packed->num_before > packed->max_bytes)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: %sunpacks to more than %zu bytes, the maximum; if you trust it, "
                          "raise --max-bytes",
                          packed->name,
                          packed->num_before > 0 ? "with the archives before it, " : "",
                          packed->max_bytes);
    if (now > most)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: unpacks to more than %d times its %zu bytes, as archives do that are "
            "made to fill memory; if you trust it, unpack it and name the folder",
            packed->name, RATIO, num);
    return LYRNN_OK;
}

static lyrnn_status append_bytes(unpacking *state, const void *bytes, size_t num)
{
    size_t wanted = state->num + num + 1; /* and a NUL */
    if (wanted > state->capacity) {
        size_t capacity = 2 * state->capacity > wanted ? 2 * state->capacity : wanted;
        LYRNN_TRY(lyrnn_require_memory(state->packed->name, capacity - state->num,
                                       "give a smaller archive"));
        char *data = realloc(state->unpacked->data, capacity);
        if (data == NULL)
            return out_of_memory(state, capacity);
        state->unpacked->data = data;
        state->capacity = capacity;
    }
    if (num > 0)
        memcpy(state->unpacked->data + state->num, bytes, num);
    state->num += num;
    return LYRNN_OK;
}

/* Reads the entry to its end, and keeps its bytes if is_kept. A file with holes may claim any size,
 * and no text has them. */
static lyrnn_status read_entry(unpacking *state, bool is_kept)
{
    const void *block;
    size_t num, total = 0;
    la_int64_t offset;
    int result;
    while ((result = archive_read_data_block(state->reader, &block, &num, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || (size_t)offset != total)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: has a file with holes (a sparse file); unpack it and name the "
                              "folder",
                              state->packed->name);
        total += num;
        state->num_bytes += num;
        LYRNN_TRY(check_size(state));
        if (is_kept)
            LYRNN_TRY(append_bytes(state, block, num));
    }
    if (result != ARCHIVE_EOF)
        return refuse_damaged(state, state->reader);
    if (is_kept && archive_entry_size_is_set(state->entry) &&
        archive_entry_size(state->entry) != (la_int64_t)total)
        return refuse_because(state, "its size differs");
    return LYRNN_OK;
}

static lyrnn_status add_text(unpacking *state)
{
    unpacked_archive *unpacked = state->unpacked;
    if (unpacked->num_texts == state->texts_capacity) {
        size_t capacity = state->texts_capacity > 0 ? 2 * state->texts_capacity : 64;
        packed_text *texts = realloc(unpacked->texts, capacity * sizeof *texts);
        if (texts == NULL)
            return out_of_memory(state, capacity * sizeof *texts);
        unpacked->texts = texts;
        state->texts_capacity = capacity;
    }
    packed_text *text = &unpacked->texts[unpacked->num_texts];
    *text = (packed_text){.offset = state->num, .order = unpacked->num_texts};
    unpacked->num_texts++;
    text->path = strdup(state->path);
    text->raw_path = strdup(state->raw_path);
    if (text->path == NULL || text->raw_path == NULL)
        return out_of_memory(state, 2 * strlen(state->path));
    LYRNN_TRY(read_entry(state, true));
    text->num = state->num - text->offset;
    return append_bytes(state, "", 1);
}

/* A zip finds the next file without unpacking this one. The others unpack it, and that counts. */
static lyrnn_status skip_entry(unpacking *state, file_name_list *list)
{
    if (list != NULL)
        file_name_list_add(list, state->path);
    return state->packed->format == PACKED_ZIP ? LYRNN_OK : read_entry(state, false);
}

static bool is_of_document(const char *path)
{
    return strcmp(path, "[Content_Types].xml") == 0 || strcmp(path, "mimetype") == 0;
}

/* A regular file that is not hidden. */
static lyrnn_status take_file(unpacking *state)
{
    file_kind kind = file_kind_of_name(state->path);
    if (kind == FILE_ARCHIVE)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: holds an archive, %s, and lyrnn unpacks no archive in an archive; "
                          "unpack it, and name the folder",
                          state->packed->name, state->path);
    if (kind == FILE_OTHER) {
        state->unpacked->is_document |= is_of_document(state->path);
        return skip_entry(state, &state->unpacked->skipped.other);
    }
    if (archive_entry_is_encrypted(state->entry))
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: %s in it is encrypted; unpack it with its password, and name the "
                          "folder",
                          state->packed->name, state->path);
    return add_text(state);
}

/* A name that is marked as UTF-8 and is not has no bytes in libarchive. The file may be a text. */
static lyrnn_status refuse_nameless(const unpacking *state)
{
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: the name of file %zu in it cannot be read; unpack it and name the folder",
        state->packed->name, state->num_files);
}

static lyrnn_status take_entry(unpacking *state)
{
    skipped_files *skipped = &state->unpacked->skipped;
    if (++state->num_files > MAX_FILES)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: holds more than %d files, the maximum; give a smaller archive",
                          state->packed->name, MAX_FILES);
    mode_t type = archive_entry_filetype(state->entry);
    if (type == AE_IFDIR)
        return skip_entry(state, NULL);
    const char *path = archive_entry_pathname(state->entry);
    while (path != NULL && strncmp(path, "./", 2) == 0)
        path += 2;
    if (path == NULL || path[0] == '\0')
        return refuse_nameless(state);
    state->raw_path = path;
    LYRNN_TRY(text_name_to_utf8(state->raw_path, &state->path));
    if (file_is_hidden(state->path))
        return skip_entry(state, &skipped->hidden);
    if (type == AE_IFLNK || archive_entry_hardlink(state->entry) != NULL)
        return skip_entry(state, &skipped->links);
    if (type != AE_IFREG)
        return skip_entry(state, &skipped->special);
    return take_file(state);
}

/* CRC-32 as gzip and zip have it, from the value for the bytes before. */
static uint32_t add_to_crc(uint32_t crc, const unsigned char *bytes, size_t num)
{
    static _Thread_local uint32_t table[256];
    for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
        table[i] = value;
    }
    crc = ~crc;
    for (size_t i = 0; i < num; i++)
        crc = table[(crc ^ bytes[i]) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

static uint32_t read_le32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* libarchive does not compare the checksum at the end of gzip. If the length there is another, the
 * file has several parts, each with its own checksum, and this says nothing. */
static lyrnn_status check_crc(const unpacking *state)
{
    const lyrnn_bytes *bytes = state->packed->bytes;
    if (state->packed->filter != FILTER_GZIP || bytes->num < 8)
        return LYRNN_OK;
    const char *end = bytes->data + bytes->num - 8;
    return read_le32(end + 4) != (uint32_t)state->num_streamed || read_le32(end) == state->crc
               ? LYRNN_OK
               : refuse_because(state, "its checksum differs");
}

/* Decompresses the next block, and returns its length; 0: the end. */
static la_ssize_t read_stream(struct archive *reader, void *context, const void **block)
{
    unpacking *state = context;
    size_t num = 0;
    la_int64_t offset;
    int result = ARCHIVE_OK;
    while (result == ARCHIVE_OK && num == 0)
        result = archive_read_data_block(state->stream, block, &num, &offset);
    if (result == ARCHIVE_EOF)
        return 0;
    if (result != ARCHIVE_OK) {
        state->failure = refuse_damaged(state, state->stream);
    } else {
        state->num_streamed += num;
        state->crc = add_to_crc(state->crc, *block, num);
        state->failure = check_size(state);
    }
    if (state->failure == LYRNN_OK)
        return (la_ssize_t)num;
    archive_set_error(reader, EINVAL, "its stream ends");
    return ARCHIVE_FATAL;
}

/* Reads what is left of the stream: its checksum is at its end. */
static lyrnn_status end_stream(unpacking *state)
{
    const void *block;
    la_ssize_t num = 1;
    while (state->stream != NULL && num > 0)
        num = read_stream(state->reader, state, &block);
    return num < 0 ? state->failure : check_crc(state);
}

static int filter_code(packed_filter filter)
{
    switch (filter) {
    case FILTER_GZIP:
        return ARCHIVE_FILTER_GZIP;
    case FILTER_BZIP2:
        return ARCHIVE_FILTER_BZIP2;
    case FILTER_XZ:
        return ARCHIVE_FILTER_XZ;
    case FILTER_ZSTD:
        return ARCHIVE_FILTER_ZSTD;
    case FILTER_LZ4:
        return ARCHIVE_FILTER_LZ4;
    default:
        return ARCHIVE_FILTER_NONE;
    }
}

/* Opens the stream: to libarchive, it is an archive of one file. */
static lyrnn_status open_stream(unpacking *state)
{
    const packed_archive *packed = state->packed;
    struct archive_entry *entry;
    state->stream = archive_read_new();
    if (state->stream == NULL)
        return out_of_memory(state, 0);
    /* ARCHIVE_WARN: libarchive would run another program. */
    if (archive_read_append_filter(state->stream, filter_code(packed->filter)) != ARCHIVE_OK)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "%s: is compressed in a way that this libarchive cannot read; unpack it, "
                          "and name the folder",
                          packed->name);
    if (archive_read_support_format_raw(state->stream) != ARCHIVE_OK ||
        archive_read_open_memory(state->stream, packed->bytes->data, packed->bytes->num) !=
            ARCHIVE_OK ||
        archive_read_next_header(state->stream, &entry) != ARCHIVE_OK)
        return refuse_damaged(state, state->stream);
    return LYRNN_OK;
}

/* A zip is read by the list of files at its end. Without it, a zip that is cut off would be read as
 * far as it goes. */
static int add_format(struct archive *reader, packed_format format)
{
    return format == PACKED_ZIP  ? archive_read_support_format_zip_seekable(reader)
           : format == PACKED_7Z ? archive_read_support_format_7zip(reader)
                                 : archive_read_support_format_tar(reader);
}

static lyrnn_status open_reader(unpacking *state)
{
    const packed_archive *packed = state->packed;
    if (packed->format == PACKED_7Z)
        LYRNN_TRY(seven_zip_check(packed->name, packed->bytes));
    state->reader = archive_read_new();
    if (state->reader == NULL)
        return out_of_memory(state, 0);
    if (packed->filter != FILTER_NONE)
        LYRNN_TRY(open_stream(state));
    int result = add_format(state->reader, packed->format);
    if (result == ARCHIVE_OK)
        result =
            state->stream != NULL
                ? archive_read_open(state->reader, state, NULL, read_stream, NULL)
                : archive_read_open_memory(state->reader, packed->bytes->data, packed->bytes->num);
    state->is_open = result == ARCHIVE_OK;
    if (!state->is_open && state->num_streamed > 0 && state->failure == LYRNN_OK)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: is compressed, but what is in it is not a tar archive; decompress it "
            "and name the file",
            packed->name);
    return state->is_open ? LYRNN_OK : refuse_damaged(state, state->reader);
}

static lyrnn_status read_entries(unpacking *state)
{
    LYRNN_TRY(open_reader(state));
    for (;;) {
        free(state->path);
        state->path = NULL;
        /* libarchive ends the program where it cannot convert a name and errno is ENOMEM, which
         * may be left from long ago (3.6). */
        errno = 0;
        int result = archive_read_next_header(state->reader, &state->entry);
        if (result == ARCHIVE_EOF)
            return end_stream(state);
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return refuse_damaged(state, state->reader);
        LYRNN_TRY(take_entry(state));
    }
}

lyrnn_status archive_unpack(const packed_archive *packed, unpacked_archive *unpacked)
{
    unpacking state = {.packed = packed, .unpacked = unpacked};
    /* libarchive turns names that are marked as UTF-8 or UTF-16 into the encoding of the thread's
     * locale, and leaves others as they are. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    lyrnn_status status = read_entries(&state);
    archive_read_free(state.reader);
    archive_read_free(state.stream);
    free(state.path);
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    return status;
}

void archive_unpacked_free(unpacked_archive *unpacked)
{
    for (size_t i = 0; i < unpacked->num_texts; i++) {
        free(unpacked->texts[i].path);
        free(unpacked->texts[i].raw_path);
    }
    free(unpacked->texts);
    free(unpacked->data);
    *unpacked = (unpacked_archive){0};
}

#endif
