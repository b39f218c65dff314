/* Fuzzes LRC. Any UTF-8 is refused in one line that names the file, or read, with memory bounded by
 * its length and the limits of LRC. A song has no time in brackets, no blank at the ends of its
 * lines and no two empty lines in a row; it is read as plain text without a change, and read as LRC
 * it is the same song.
 *
 * An input is a file. */
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "corpus/blank.h"
#include "corpus/lrc.h"
#include "fuzz.h"
#include "lyrnn/corpus.h"

/* The texts and the song, which repeats lines up to its limit; the tables of lines and times. */
enum { MEMORY_MULTIPLE = 3, MEMORY_CONSTANT = LRC_MAX_BYTES + 80 * LRC_MAX_LINES };

#define TIME "[0-9]+:[0-9]+([.:][0-9]+)?"

typedef struct {
    char *text; /* owned */
    size_t num_bytes;
} kept_song;

typedef struct {
    kept_song items[LRC_MAX_LINES];
    size_t num;
} kept_songs;

static lyrnn_status keep_song(void *context, const char *title, const char *utf8, size_t num_bytes)
{
    kept_songs *songs = context;
    LYRNN_CHECK(songs->num < LRC_MAX_LINES && num_bytes > 0);
    kept_song *song = &songs->items[songs->num++];
    LYRNN_CHECK(title == NULL || text_leading_blanks(title, strlen(title)) < strlen(title));
    song->text = malloc(num_bytes + 1);
    LYRNN_CHECK(song->text != NULL);
    memcpy(song->text, utf8, num_bytes);
    song->text[num_bytes] = '\0';
    song->num_bytes = num_bytes;
    return LYRNN_OK;
}

static bool is_utf8(const uint8_t *bytes, size_t num_bytes)
{
    utf8proc_int32_t c;
    for (size_t i = 0; i < num_bytes;) {
        utf8proc_ssize_t length =
            utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(num_bytes - i), &c);
        if (length < 1 || c == 0)
            return false;
        i += (size_t)length;
    }
    return true;
}

static void check_lines(const kept_song *song)
{
    static regex_t time;
    static bool is_compiled;
    if (!is_compiled)
        LYRNN_CHECK(regcomp(&time, "\\[" TIME "\\]|<" TIME ">", REG_EXTENDED) == 0);
    is_compiled = true;
    LYRNN_CHECK(regexec(&time, song->text, 0, NULL, 0) == REG_NOMATCH);
    LYRNN_CHECK(!lrc_is("song.txt", song->text, song->num_bytes));
    LYRNN_CHECK(song->text[song->num_bytes - 1] == '\n');
    size_t num_empty = 1;
    for (const char *line = song->text; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n\r");
        LYRNN_CHECK(line[length] == '\n');
        LYRNN_CHECK(text_leading_blanks(line, length) == 0);
        LYRNN_CHECK(text_without_trailing_blanks(line, length) == length);
        num_empty = length == 0 ? num_empty + 1 : 0;
        LYRNN_CHECK(num_empty < 2);
    }
    LYRNN_CHECK(num_empty == 0);
}

static void check_plain(const kept_song *song)
{
    lyrnn_corpus corpus = {0};
    const lyrnn_corpus_rules rules = {.normalize = LYRNN_NORMALIZE_NONE};
    LYRNN_CHECK(lyrnn_corpus_append_text(&corpus, "song", song->text, song->num_bytes, &rules) ==
                LYRNN_OK);
    size_t num_bytes = 0;
    for (size_t i = 0; i < corpus.N; i++) {
        utf8proc_uint8_t bytes[4];
        size_t length = (size_t)utf8proc_encode_char((utf8proc_int32_t)corpus.chars[i], bytes);
        LYRNN_CHECK(num_bytes + length <= song->num_bytes);
        LYRNN_CHECK(memcmp(song->text + num_bytes, bytes, length) == 0);
        num_bytes += length;
    }
    LYRNN_CHECK(num_bytes == song->num_bytes);
    lyrnn_corpus_free(&corpus);
}

static void free_songs(kept_songs *songs)
{
    for (size_t i = 0; i < songs->num; i++)
        free(songs->items[i].text);
    songs->num = 0;
}

/* Credits that were too far from the ends of the song may now be near enough. */
static void check_again(const kept_song *song)
{
    static kept_songs again;
    lrc_counts counts = {0};
    const song_sink sink = {.song = keep_song, .context = &again};
    LYRNN_CHECK(lrc_read("input", song->text, song->num_bytes, &sink, &counts) == LYRNN_OK);
    LYRNN_CHECK(counts.num_word_times + counts.num_speakers + counts.num_headers +
                    counts.num_translations ==
                0);
    LYRNN_CHECK(counts.num_credits > 0 ||
                (again.num == 1 && again.items[0].num_bytes == song->num_bytes &&
                 strcmp(again.items[0].text, song->text) == 0));
    free_songs(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    static kept_songs songs;
    if (!is_utf8(bytes, num_bytes))
        return 0;
    lrc_counts counts = {0};
    const song_sink sink = {.song = keep_song, .context = &songs};
    fuzz_watch_memory();
    lyrnn_status status = lrc_read("input", (const char *)bytes, num_bytes, &sink, &counts);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    lrc_is("input", (const char *)bytes, num_bytes);
    LYRNN_CHECK(counts.num_songs == songs.num);
    if (status == LYRNN_OK) {
        LYRNN_CHECK(counts.num_songs + counts.num_not_songs > 0);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_CORPUS);
        fuzz_check_error_text("input");
    }
    for (size_t i = 0; i < songs.num; i++) {
        const kept_song *song = &songs.items[i];
        LYRNN_CHECK(is_utf8((const uint8_t *)song->text, song->num_bytes));
        check_lines(song);
        check_plain(song);
        check_again(song);
    }
    free_songs(&songs);
    return 0;
}
