/* A text from bytes, from files or from the embedded lyrics (lyrnn/corpus.h). corpus_files.c reads
 * the files of a corpus, and document.c makes songs of the bytes of each. The first bad byte stops the reading, and
 * the error names its offset, because a character that is silently replaced would enter the
 * vocabulary and be learned. */
#include "text/corpus_files.h"

#include <stdlib.h>

#include "base/open_file.h"
#include "base/plain_text.h"
#include "base/words.h"
#include "text/decode.h"
#include "text/document.h"

/* scripts/build/embed.cmake writes these from host/data/sample_lyrics.txt. */
extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, const lyrnn_corpus_rules *rules)
{
    size_t bad;
    LYRNN_TRY(text_decode(corpus, name, bytes, num_bytes, rules, &bad));
    if (bad == num_bytes)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      bytes[bad] == '\0' ? "%s: byte %zu is NUL; give a text"
                                         : "%s: byte %zu is not UTF-8; give the text in UTF-8",
                      name, bad);
}

static void log_changes(const lyrnn_corpus *corpus, const char *name, FILE *log)
{
    size_t num_marks = corpus->counts.num_marks;
    if (num_marks > 0 && log != NULL)
        lyrnn_print_plain(log, "%s: dropped %zu byte order mark%s (U+FEFF) inside the text\n", name,
                          num_marks, num_marks > 1 ? "s" : "");
}

/* What is left to do when all documents are read. */
static lyrnn_status finish(lyrnn_corpus *corpus, const char *name, const lyrnn_corpus_rules *rules)
{
    LYRNN_TRY(document_find_songs(corpus, rules));
    document_finish(corpus, rules);
    log_changes(corpus, name, rules->log);
    return LYRNN_OK;
}

/* Refuses a corpus from which nothing can be learned. */
static lyrnn_status check_distinct(const lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    for (size_t i = 1; i < corpus->N; i++)
        if (corpus->chars[i] != corpus->chars[0])
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "corpus: has only one distinct character, U+%04X; give a text with at least "
                      "two%s",
                      (unsigned)corpus->chars[0],
                      rules->max_chars > 0 ? ", or raise --max-chars" : "");
}

static lyrnn_status load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                         const lyrnn_corpus_rules *rules)
{
    LYRNN_TRY(corpus_read_paths(corpus, paths, num_paths, rules));
    LYRNN_TRY(finish(corpus, "corpus", rules));
    return check_distinct(corpus, rules);
}

static lyrnn_status load_file(lyrnn_corpus *corpus, const char *path,
                              const lyrnn_corpus_rules *rules)
{
    const lyrnn_input input = {.path = path, .is_named_by_user = rules->is_named_by_user};
    LYRNN_TRY(corpus_read_paths(corpus, &path, 1, rules));
    return finish(corpus, lyrnn_input_name(&input), rules);
}

static lyrnn_status load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    const lyrnn_bytes bytes = {(char *)lyrnn_sample_lyrics, lyrnn_sample_lyrics_size};
    const document given = {.name = "sample lyrics", .bytes = &bytes};
    LYRNN_TRY(document_append(corpus, &given, rules));
    LYRNN_TRY(finish(corpus, given.name, rules));
    return check_distinct(corpus, rules);
}

const char *lyrnn_normalize_name(lyrnn_normalize normalize)
{
    static const char *const names[] = {"clean", "nfc", "none"};
    return names[normalize];
}

lyrnn_normalize lyrnn_normalize_of_name(const char *name)
{
    int index = lyrnn_word_find(LYRNN_NORMALIZE_WORDS, name);
    return index >= 0 ? (lyrnn_normalize)index : LYRNN_NORMALIZE_NONE;
}

/* Passes status on, and empties the corpus if it is a failure. */
static lyrnn_status empty_on_failure(lyrnn_corpus *corpus, lyrnn_status status)
{
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}

lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               const lyrnn_corpus_rules *rules)
{
    LYRNN_CHECK(num_paths > 0);
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, load(corpus, paths, num_paths, rules));
}

lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path,
                                    const lyrnn_corpus_rules *rules)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, load_file(corpus, path, rules));
}

lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    *corpus = (lyrnn_corpus){0};
    return empty_on_failure(corpus, load_sample(corpus, rules));
}

void lyrnn_corpus_free(lyrnn_corpus *corpus)
{
    free(corpus->chars);
    free(corpus->starts);
    *corpus = (lyrnn_corpus){0};
}
