/* Fuzzes corpus files, the vocabulary made from them, and encoding. Bytes are accepted exactly if
 * glibc's iconv takes them for UTF-8 without NUL and there is something to learn in them. They
 * decode to the same characters, with memory bounded by their number, and come back unchanged
 * through the vocabulary. By other rules they have whole songs.
 *
 * An input is a file. */
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/archive.h"
#include "fuzz.h"
#include "lyrnn/corpus.h"
#include "lyrnn/vocab.h"

/* For each byte: the byte of the file, and a character in each of two arrays while they grow. */
enum { MEMORY_MULTIPLE = 16, MEMORY_CONSTANT = 2 * 65536 };

/* The file may be JSON, where a bracket takes the most, or LRC, which has large fixed arrays. */
enum { SONGS_MULTIPLE = 640, SONGS_CONSTANT = 8 << 20 };

typedef struct {
    uint32_t *chars; /* the caller frees it */
    size_t N;
    bool is_text;
} expected_text;

/* The expected result of reading a file, with newlines kept. */
static expected_text decode(const uint8_t *bytes, size_t num_bytes)
{
    expected_text text = {.chars = malloc((num_bytes + 1) * sizeof *text.chars)};
    char *plain = malloc(num_bytes + 1), *from = plain, *to = (char *)text.chars;
    size_t from_left = 0, to_left = num_bytes * sizeof *text.chars;
    /* Opened once, because that loads a library. The first call resets its state. */
    static iconv_t converter;
    if (converter == NULL)
        converter = iconv_open("UTF-32LE", "UTF-8");
    LYRNN_CHECK(text.chars != NULL && plain != NULL && converter != (iconv_t)-1);
    iconv(converter, NULL, NULL, NULL, NULL);
    bool has_mark = num_bytes >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;
    for (size_t i = has_mark ? 3 : 0; i < num_bytes; i++)
        if (bytes[i] != '\n' || i == 0 || bytes[i - 1] != '\r')
            plain[from_left++] = bytes[i] == '\r' ? '\n' : (char)bytes[i];
    bool has_nul = memchr(plain, '\0', from_left) != NULL;
    text.is_text = iconv(converter, &from, &from_left, &to, &to_left) != (size_t)-1 && !has_nul;
    text.N = num_bytes - to_left / sizeof *text.chars;
    free(plain);
    return text;
}

static bool has_two_chars(const uint32_t *chars, size_t N)
{
    for (size_t i = 1; i < N; i++)
        if (chars[i] != chars[0])
            return true;
    return false;
}

/* Checks the vocabulary of a corpus, and the corpus after encoding and decoding. */
static void check_vocab(const lyrnn_corpus *corpus)
{
    lyrnn_vocab vocab;
    int32_t *ids = malloc(corpus->N * sizeof *ids);
    LYRNN_CHECK(ids != NULL);
    LYRNN_CHECK(lyrnn_vocab_from_corpus(&vocab, corpus) == LYRNN_OK);
    for (int id = 1; id < vocab.V; id++)
        LYRNN_CHECK(vocab.chars[id - 1] < vocab.chars[id]);
    LYRNN_CHECK(lyrnn_vocab_encode(&vocab, "text", corpus->chars, corpus->N, ids) == LYRNN_OK);
    for (size_t i = 0; i < corpus->N; i++)
        LYRNN_CHECK(ids[i] >= 0 && ids[i] < vocab.V && vocab.chars[ids[i]] == corpus->chars[i]);

    /* As the prefix for a model that has learned the larger half: missing characters are named. */
    size_t num_learned = (size_t)vocab.V / 2 + 1;
    lyrnn_vocab learned;
    LYRNN_CHECK(lyrnn_vocab_from_chars(&learned, vocab.chars, num_learned) == LYRNN_OK);
    lyrnn_status status = lyrnn_vocab_encode(&learned, "text", corpus->chars, corpus->N, ids);
    LYRNN_CHECK(status == ((size_t)vocab.V == num_learned ? LYRNN_OK : LYRNN_ERR_UNKNOWN_CHAR));
    if (status != LYRNN_OK)
        fuzz_check_error_text("text");
    lyrnn_vocab_free(&learned);
    lyrnn_vocab_free(&vocab);
    free(ids);
}

static void check_chars(const lyrnn_corpus *corpus, const uint32_t *chars, size_t N,
                        lyrnn_newlines newlines)
{
    LYRNN_CHECK(corpus->N == N);
    for (size_t i = 0; i < N; i++) {
        bool is_space = chars[i] == '\n' && newlines == LYRNN_NEWLINES_SPACE;
        LYRNN_CHECK(corpus->chars[i] == (is_space ? ' ' : chars[i]));
    }
}

/* The file on its own, truncated to max_chars. */
static void load(const expected_text *text, size_t num_bytes, lyrnn_newlines newlines,
                 size_t max_chars)
{
    const char *const path = "input";
    size_t N = max_chars > 0 && max_chars < text->N ? max_chars : text->N;
    lyrnn_corpus corpus;
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_corpus_load(&corpus, &path, 1,
                                            &(lyrnn_corpus_rules){.encoding = LYRNN_ENCODING_UTF8,
                                                                  .is_plain_text = true,
                                                                  .width = LYRNN_WIDTH_KEEP,
                                                                  .newlines = newlines,
                                                                  .normalize = LYRNN_NORMALIZE_NONE,
                                                                  .max_chars = max_chars});
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status == LYRNN_OK) {
        LYRNN_CHECK(text->is_text);
        check_chars(&corpus, text->chars, N, newlines);
        check_vocab(&corpus);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_CORPUS);
        if (text->is_text && N > 0) {
            LYRNN_CHECK(newlines == LYRNN_NEWLINES_SPACE || !has_two_chars(text->chars, N));
            fuzz_check_error_text("corpus");
        } else {
            fuzz_check_error_text(path);
        }
    }
    lyrnn_corpus_free(&corpus);
}

/* The file twice: a newline separates the two. */
static void load_twice(const expected_text *text, size_t num_bytes)
{
    const char *const paths[] = {"input", "input"};
    bool is_parted = text->chars[text->N - 1] == '\n';
    size_t second = text->N + (is_parted ? 0 : 1);
    lyrnn_corpus corpus;
    fuzz_watch_memory();
    LYRNN_CHECK(lyrnn_corpus_load(&corpus, paths, 2,
                                  &(lyrnn_corpus_rules){.encoding = LYRNN_ENCODING_UTF8,
                                                        .is_plain_text = true,
                                                        .width = LYRNN_WIDTH_KEEP,
                                                        .keep_duplicates = true,
                                                        .normalize = LYRNN_NORMALIZE_NONE}) ==
                LYRNN_OK);
    fuzz_check_memory(2 * num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    LYRNN_CHECK(corpus.N == second + text->N);
    LYRNN_CHECK(corpus.chars[second - 1] == '\n');
    LYRNN_CHECK(memcmp(corpus.chars, text->chars, text->N * sizeof *text->chars) == 0);
    LYRNN_CHECK(memcmp(corpus.chars + second, text->chars, text->N * sizeof *text->chars) == 0);
    lyrnn_corpus_free(&corpus);
}

/* Songs are contiguous, none is empty, and each but the last ends in a newline. */
static void check_songs(const lyrnn_corpus *corpus)
{
    LYRNN_CHECK(corpus->num_songs > 0 && corpus->starts[0] == 0);
    for (size_t i = 1; i < corpus->num_songs; i++) {
        LYRNN_CHECK(corpus->starts[i - 1] < corpus->starts[i] && corpus->starts[i] < corpus->N);
        LYRNN_CHECK(corpus->chars[corpus->starts[i] - 1] == '\n');
    }
}

/* By the default rules, and by others that the number of bytes chooses: whatever is dropped, the
 * songs are whole. The file is there twice, so that it has copies. run.sh bounds the memory of an
 * archive. */
static void load_songs(const uint8_t *bytes, size_t num_bytes)
{
    const char *const paths[] = {"input", "input"};
    const lyrnn_corpus_rules rules = {.songs = (lyrnn_songs)(num_bytes % 4),
                                      .normalize = (lyrnn_normalize)(num_bytes / 4 % 3),
                                      .repeats = (lyrnn_repeats)(num_bytes / 12 % 2),
                                      .keep_duplicates = num_bytes / 24 % 2 == 1,
                                      .min_count = num_bytes / 48 % 3};
    const size_t num_paths = 1 + num_bytes / 144 % 2;
    const lyrnn_bytes file = {(const char *)bytes, num_bytes};
    lyrnn_corpus corpus;
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_corpus_load(&corpus, paths, num_paths, &rules);
    if (!archive_is(paths[0], &file))
        fuzz_check_memory(num_paths * num_bytes, SONGS_MULTIPLE, SONGS_CONSTANT);
    LYRNN_CHECK(status == LYRNN_OK || status == LYRNN_ERR_CORPUS);
    if (status == LYRNN_OK)
        check_songs(&corpus);
    lyrnn_corpus_free(&corpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    expected_text text = decode(bytes, num_bytes);
    fuzz_write_file("input", bytes, num_bytes);
    load(&text, num_bytes, LYRNN_NEWLINES_KEEP, 0);
    load(&text, num_bytes, LYRNN_NEWLINES_SPACE, 0);
    load(&text, num_bytes, LYRNN_NEWLINES_KEEP, num_bytes / 2);
    if (text.is_text && has_two_chars(text.chars, text.N))
        load_twice(&text, num_bytes);
    load_songs(bytes, num_bytes);
    free(text.chars);
    return 0;
}
