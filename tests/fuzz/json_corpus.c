/* Fuzzes songs in JSON and JSONL, with and without the name of a member. Any bytes are refused in
 * one line that names the file, or read, with memory bounded by the estimate. A song is UTF-8 with
 * something to see and no times of LRC. The songs written as JSONL are the same songs.
 *
 * An input is a file. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <utf8proc.h>

#include "base/untrusted_json.h"
#include "corpus/blank.h"
#include "corpus/json_songs.h"
#include "fuzz.h"

/* One text in the form of LRC takes the tables of LRC and its limit for a song. */
enum { MEMORY_MULTIPLE = 1, MEMORY_CONSTANT = 8192, MEMORY_OF_LRC = 2000000 };

typedef struct {
    json_t *texts;
    size_t next; /* of the songs that are compared */
} kept_songs;

static void check_song(const char *title, const char *utf8, size_t num_bytes)
{
    utf8proc_int32_t c;
    LYRNN_CHECK(text_leading_blanks(utf8, num_bytes) < num_bytes);
    LYRNN_CHECK(title == NULL || *title != '\0');
    LYRNN_CHECK(!lrc_is(NULL, utf8, num_bytes));
    for (size_t i = 0; i < num_bytes;) {
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)utf8 + i,
                                                   (utf8proc_ssize_t)(num_bytes - i), &c);
        LYRNN_CHECK(length > 0 && c != 0);
        i += (size_t)length;
    }
}

static lyrnn_status count_song(void *context, const char *title, const char *utf8, size_t num_bytes)
{
    check_song(title, utf8, num_bytes);
    ++*(size_t *)context;
    return LYRNN_OK;
}

static lyrnn_status keep_song(void *context, const char *title, const char *utf8, size_t num_bytes)
{
    (void)title;
    kept_songs *songs = context;
    json_t *text = json_stringn(utf8, num_bytes);
    LYRNN_CHECK(text != NULL && json_array_append_new(songs->texts, text) == 0);
    return LYRNN_OK;
}

static lyrnn_status compare_song(void *context, const char *title, const char *utf8,
                                 size_t num_bytes)
{
    kept_songs *songs = context;
    const json_t *text = json_array_get(songs->texts, songs->next++);
    LYRNN_CHECK(title == NULL && json_string_length(text) == num_bytes &&
                memcmp(json_string_value(text), utf8, num_bytes) == 0);
    return LYRNN_OK;
}

/* Writes the songs as lines of JSONL, and reads them. */
static void check_again(const char *bytes, size_t num_bytes, const json_songs_rules *rules)
{
    kept_songs songs = {.texts = json_array()};
    json_songs_counts counts = {0};
    const song_sink keep = {.song = keep_song, .context = &songs};
    const song_sink compare = {.song = compare_song, .context = &songs};
    LYRNN_CHECK(json_songs_read("input", bytes, num_bytes, rules, &keep, &counts) == LYRNN_OK);
    char *lines = calloc(1, 1);
    size_t length = 0;
    for (size_t i = 0; i < json_array_size(songs.texts); i++) {
        char *line =
            json_dumps(json_array_get(songs.texts, i), JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        lines = realloc(lines, length + strlen(line) + 2);
        LYRNN_CHECK(lines != NULL);
        length = (size_t)(stpcpy(stpcpy(lines + length, line), "\n") - lines);
        free(line);
    }
    const json_songs_rules as_lines = {.is_lines = true};
    LYRNN_CHECK(json_songs_read("input", lines, length, &as_lines, &compare, &counts) == LYRNN_OK);
    LYRNN_CHECK(songs.next == json_array_size(songs.texts));
    free(lines);
    json_decref(songs.texts);
}

static void read_by(const char *bytes, size_t num_bytes, const json_songs_rules *rules)
{
    size_t num_songs = 0;
    json_songs_counts counts = {0};
    const song_sink sink = {.song = count_song, .context = &num_songs};
    fuzz_watch_memory();
    lyrnn_status status = json_songs_read("input", bytes, num_bytes, rules, &sink, &counts);
    bool is_lrc = counts.lrc.num_songs + counts.lrc.num_not_songs > 0 || status != LYRNN_OK;
    fuzz_check_memory(untrusted_json_memory(bytes, num_bytes), MEMORY_MULTIPLE,
                      MEMORY_CONSTANT + (is_lrc ? MEMORY_OF_LRC : 0));
    LYRNN_CHECK(counts.num_songs == num_songs);
    if (status == LYRNN_OK) {
        check_again(bytes, num_bytes, rules);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_CORPUS);
        fuzz_check_error_text("input");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    for (int way = 0; way < 4; way++)
        read_by((const char *)bytes, num_bytes,
                &(json_songs_rules){.is_lines = (way & 1) != 0, .field = way & 2 ? "a" : NULL});
    return 0;
}
