/* A text from bytes, from files or from the embedded lyrics (lyrnn/corpus.h). corpus_files.c reads
 * the files of a corpus, and document.c makes songs of the bytes of each. The first bad byte stops
 * the reading, and the error names its offset, because a character that is silently replaced would
 * enter the vocabulary and be learned. */
#include "corpus/corpus_files.h"

#include <stdlib.h>

#include "base/open_file.h"
#include "base/words.h"
#include "corpus/corpus_log.h"
#include "corpus/decode.h"
#include "corpus/document.h"
#include "corpus/duplicates.h"
#include "corpus/mixed_scripts.h"
#include "corpus/rare.h"
#include "corpus/repeats.h"
#include "corpus/script.h"

/* scripts/build/embed.cmake writes these from host/data/sample_lyrics.txt. */
extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, const lyrnn_corpus_rules *rules)
{
    size_t bad;
    lyrnn_corpus_rules only_composed = *rules;
    only_composed.width = LYRNN_WIDTH_KEEP;
    if (rules->normalize == LYRNN_NORMALIZE_CLEAN)
        only_composed.normalize = LYRNN_NORMALIZE_NFC;
    LYRNN_TRY(text_decode(corpus, name, bytes, num_bytes, &only_composed, &bad));
    if (bad == num_bytes)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      bytes[bad] == '\0' ? "%s: byte %zu is NUL; give a text"
                                         : "%s: byte %zu is not UTF-8; give the text in UTF-8",
                      name, bad);
}

static lyrnn_status drop_repeats(lyrnn_corpus *corpus)
{
    repeat_counts repeats;
    LYRNN_TRY(corpus_drop_repeats(corpus, &repeats));
    corpus->counts.num_repeated_stanzas = repeats.num_stanzas;
    corpus->counts.num_repeated_chars = repeats.num_chars;
    return LYRNN_OK;
}

static lyrnn_status drop_duplicates(lyrnn_corpus *corpus, FILE *log)
{
    duplicate_counts copies;
    corpus->counts.num_compared_chars = corpus->N;
    LYRNN_TRY(corpus_drop_duplicates(corpus, &copies));
    corpus->counts.num_copied_songs = copies.num_dropped;
    corpus->counts.num_copied_chars = copies.num_chars;
    duplicates_log(&copies, log);
    return LYRNN_OK;
}

static lyrnn_status drop_rare(lyrnn_corpus *corpus, size_t min_count)
{
    rare_counts rare;
    LYRNN_TRY(corpus_drop_rare(corpus, min_count, &rare));
    corpus->counts.num_rare_chars = rare.num_chars;
    corpus->counts.num_rare_lines = rare.num_lines;
    corpus->counts.num_rare_songs = rare.num_songs;
    return LYRNN_OK;
}

static void log_mixed_scripts(const lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    if (rules->log == NULL || rules->script != LYRNN_SCRIPT_KEEP)
        return;
    script_counts counts = text_count_scripts(corpus->chars, corpus->N);
    mixed_scripts_log(&counts, rules->log);
}

/* What is left to do when all documents are read. Newlines become spaces last, because lines and
 * stanzas end in them. */
static lyrnn_status finish(lyrnn_corpus *corpus, const char *name, const lyrnn_corpus_rules *rules)
{
    LYRNN_TRY(document_find_songs(corpus, rules));
    LYRNN_TRY(corpus_convert_script(corpus, rules->script, &corpus->counts.num_other_script));
    if (rules->repeats == LYRNN_REPEATS_ONCE)
        LYRNN_TRY(drop_repeats(corpus));
    if (!rules->keep_duplicates && !corpus->may_be_stanzas && corpus->num_songs > 1)
        LYRNN_TRY(drop_duplicates(corpus, rules->log));
    if (rules->min_count > 1)
        LYRNN_TRY(drop_rare(corpus, rules->min_count));
    document_finish(corpus, rules);
    corpus_log_changes(&corpus->counts, name, rules->log);
    log_mixed_scripts(corpus, rules);
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
    text_encoding encoding;
    LYRNN_TRY(document_append(corpus, &given, rules, &encoding));
    corpus->counts.num_in[0]++; /* UTF-8 */
    LYRNN_TRY(finish(corpus, given.name, rules));
    return check_distinct(corpus, rules);
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
