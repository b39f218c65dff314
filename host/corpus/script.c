/* OpenCC gets a song in pieces of whole lines, so that the memory for UTF-8 is small: no phrase of
 * its dictionaries has a newline in it. A line that is longer than a piece is cut where no phrase
 * is, after a character that is not Chinese, if it has one. */
#include "corpus/script.h"

#include <stdlib.h>
#include <string.h>

bool script_is_supported(void)
{
#ifdef LYRNN_HAS_OPENCC
    return true;
#else
    return false;
#endif
}

#ifdef LYRNN_HAS_OPENCC

#include <opencc.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "corpus/songs.h"

enum { PIECE = 16384, UTF8_MAX = 4, OPENCC_BYTES = 64 << 20 };

typedef struct {
    lyrnn_script script;
    opencc_t opencc;
    char *utf8;      /* (UTF8_MAX * PIECE + 1), owned */
    uint32_t *chars; /* (N) the converted text, owned */
    size_t *starts;  /* (num_songs), owned */
    size_t N, capacity;
    size_t num_changed;
} conversion;

static const char *option_of(lyrnn_script script)
{
    return script == LYRNN_SCRIPT_SIMPLIFIED ? "--script simplified" : "--script traditional";
}

static lyrnn_status out_of_memory(const conversion *state, size_t num_bytes)
{
    return lyrnn_out_of_memory(option_of(state->script), num_bytes, "give less text");
}

static bool is_han(uint32_t c)
{
    return (c >= 0x3400 && c < 0xA000) || (c >= 0xF900 && c < 0xFB00) ||
           (c >= 0x20000 && c < 0x40000);
}

/* The number of characters of the next piece. */
static size_t length_of_piece(const uint32_t *chars, size_t N)
{
    if (N <= PIECE)
        return N;
    size_t line = PIECE, word = PIECE;
    while (line > 0 && chars[line - 1] != '\n')
        line--;
    while (word > 0 && is_han(chars[word - 1]))
        word--;
    return line > 0 ? line : word > 0 ? word : PIECE;
}

static lyrnn_status append_char(conversion *state, uint32_t c)
{
    if (state->N == LYRNN_MAX_TEXT)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: the corpus gets more than %d characters, the maximum; give less text",
            option_of(state->script), LYRNN_MAX_TEXT);
    if (state->N == state->capacity) {
        size_t capacity = state->capacity + state->capacity / 2 + PIECE;
        uint32_t *chars = realloc(state->chars, capacity * sizeof *chars);
        if (chars == NULL)
            return out_of_memory(state, capacity * sizeof *chars);
        state->chars = chars;
        state->capacity = capacity;
    }
    state->chars[state->N++] = c;
    return LYRNN_OK;
}

/* How many characters differ: position by position, or without what is equal at both ends if the
 * lengths differ. */
static size_t count_changed(const uint32_t *before, size_t num_before, const uint32_t *after,
                            size_t num_after)
{
    size_t num = 0, shorter = num_before < num_after ? num_before : num_after, begin = 0, end = 0;
    if (num_before == num_after) {
        for (size_t i = 0; i < num_before; i++)
            num += before[i] != after[i];
        return num;
    }
    while (begin < shorter && before[begin] == after[begin])
        begin++;
    while (end < shorter - begin && before[num_before - 1 - end] == after[num_after - 1 - end])
        end++;
    return (num_before > num_after ? num_before : num_after) - begin - end;
}

static lyrnn_status append_utf8(conversion *state, const char *utf8)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)utf8;
    utf8proc_int32_t c;
    for (utf8proc_ssize_t num; *bytes != '\0'; bytes += num) {
        num = utf8proc_iterate(bytes, -1, &c);
        if (num < 1)
            return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                              "%s: OpenCC does not write UTF-8; install libopencc-data again",
                              option_of(state->script));
        LYRNN_TRY(append_char(state, (uint32_t)c));
    }
    return LYRNN_OK;
}

static lyrnn_status convert_piece(conversion *state, const uint32_t *chars, size_t N)
{
    size_t num_bytes = 0, before = state->N;
    for (size_t i = 0; i < N; i++)
        num_bytes += (size_t)utf8proc_encode_char((utf8proc_int32_t)chars[i],
                                                  (utf8proc_uint8_t *)state->utf8 + num_bytes);
    state->utf8[num_bytes] = '\0';
    char *converted = opencc_convert_utf8(state->opencc, state->utf8, num_bytes);
    if (converted == NULL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "%s: OpenCC cannot convert the text (%s); leave the option out",
                          option_of(state->script), opencc_error());
    lyrnn_status status = append_utf8(state, converted);
    opencc_convert_utf8_free(converted);
    LYRNN_TRY(status);
    state->num_changed += count_changed(chars, N, state->chars + before, state->N - before);
    return LYRNN_OK;
}

static lyrnn_status convert_songs(conversion *state, const lyrnn_corpus *corpus)
{
    for (size_t s = 0; s < corpus->num_songs; s++) {
        size_t begin = corpus->starts[s], end = songs_end(corpus, s);
        state->starts[s] = state->N;
        while (begin < end) {
            size_t num = length_of_piece(corpus->chars + begin, end - begin);
            LYRNN_TRY(convert_piece(state, corpus->chars + begin, num));
            begin += num;
        }
    }
    return LYRNN_OK;
}

/* OpenCC would look into the working directory first, where a file of that name is hardly meant, so
 * it gets a whole path. It ends the program if it has no memory. */
static lyrnn_status open_opencc(conversion *state, const char *folder)
{
    char path[4096];
    const char *name = state->script == LYRNN_SCRIPT_SIMPLIFIED ? "t2s.json" : "s2t.json";
    LYRNN_TRY(lyrnn_require_memory(option_of(state->script), OPENCC_BYTES, "close other programs"));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    state->opencc = opencc_open(path);
    /* OpenCC defines the failure so. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (state->opencc != (opencc_t)-1)
        return LYRNN_OK;
    state->opencc = NULL;
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "%s: OpenCC cannot read its data (%s); install libopencc-data",
                      option_of(state->script), opencc_error());
}

static lyrnn_status convert(conversion *state, const char *folder, const lyrnn_corpus *corpus)
{
    state->utf8 = malloc(UTF8_MAX * PIECE + 1);
    state->starts = malloc(corpus->num_songs * sizeof *state->starts);
    if (state->utf8 == NULL || state->starts == NULL)
        return out_of_memory(state, corpus->num_songs * sizeof *state->starts);
    LYRNN_TRY(open_opencc(state, folder));
    LYRNN_TRY(lyrnn_require_memory(option_of(state->script), corpus->N * sizeof *state->chars,
                                   "give less text"));
    return convert_songs(state, corpus);
}

lyrnn_status corpus_convert_script_by(const char *folder, lyrnn_corpus *corpus, lyrnn_script script,
                                      size_t *num_changed)
{
    conversion state = {.script = script};
    *num_changed = 0;
    if (script == LYRNN_SCRIPT_KEEP || corpus->N == 0)
        return LYRNN_OK;
    LYRNN_CHECK(corpus->num_songs > 0);
    lyrnn_status status = convert(&state, folder, corpus);
    if (status == LYRNN_OK && state.num_changed > 0) {
        free(corpus->chars);
        free(corpus->starts);
        corpus->chars = state.chars;
        corpus->capacity = state.capacity;
        corpus->starts = state.starts;
        corpus->starts_capacity = corpus->num_songs;
        corpus->N = state.N;
        *num_changed = state.num_changed;
    } else {
        free(state.chars);
        free(state.starts);
    }
    if (state.opencc != NULL)
        opencc_close(state.opencc);
    free(state.utf8);
    return status;
}

lyrnn_status corpus_convert_script(lyrnn_corpus *corpus, lyrnn_script script, size_t *num_changed)
{
    return corpus_convert_script_by(LYRNN_OPENCC_DATA, corpus, script, num_changed);
}

#else

lyrnn_status corpus_convert_script_by(const char *folder, lyrnn_corpus *corpus, lyrnn_script script,
                                      size_t *num_changed)
{
    (void)folder, (void)corpus;
    *num_changed = 0;
    return script == LYRNN_SCRIPT_KEEP
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                            "--script %s: this build lacks OpenCC; install libopencc-dev and build "
                            "again",
                            script == LYRNN_SCRIPT_SIMPLIFIED ? "simplified" : "traditional");
}

lyrnn_status corpus_convert_script(lyrnn_corpus *corpus, lyrnn_script script, size_t *num_changed)
{
    return corpus_convert_script_by("", corpus, script, num_changed);
}

#endif
