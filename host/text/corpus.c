/* A text from bytes, from one file or from the embedded lyrics (lyrnn/corpus.h). document.c makes
 * songs of a file's bytes, and corpus_files.c reads the files of a corpus. The first bad byte stops the reading, and
 * the error names its offset, because a character that is silently replaced would enter the
 * vocabulary and be learned. */
#include "text/corpus_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/open_file.h"
#include "base/words.h"
#include "text/decode.h"
#include "text/document.h"
#include "text/foreign_text.h"

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

static lyrnn_status append_bytes(lyrnn_corpus *corpus, const lyrnn_input *input,
                                 const lyrnn_bytes *bytes, const lyrnn_corpus_rules *rules,
                                 bool is_file)
{
    const char *name = lyrnn_input_name(input);
    size_t bad;
    LYRNN_TRY(document_append(corpus, name, bytes, rules, is_file, &bad));
    return bad == bytes->num
               ? LYRNN_OK
               : text_refuse_file(name, is_file ? name : NULL, bytes->data, bytes->num, bad);
}

lyrnn_status corpus_append_file(lyrnn_corpus *corpus, const char *path,
                                const lyrnn_corpus_rules *rules)
{
    lyrnn_bytes bytes = {0};
    struct stat info;
    const lyrnn_input input = {.path = path,
                               .is_named_by_user = rules->is_named_by_user,
                               .max_bytes = LYRNN_MAX_TEXT,
                               .remedy = "name a text file",
                               .log = rules->log};
    bool is_file = strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    if (status == LYRNN_OK)
        status = append_bytes(corpus, &input, &bytes, rules, is_file);
    free(bytes.data);
    return status;
}

static lyrnn_status load_file(lyrnn_corpus *corpus, const char *path,
                              const lyrnn_corpus_rules *rules)
{
    const lyrnn_input input = {.path = path, .is_named_by_user = rules->is_named_by_user};
    LYRNN_TRY(corpus_append_file(corpus, path, rules));
    if (corpus->N == 0)
        return corpus_refuse_empty(lyrnn_input_name(&input));
    corpus_log_dropped(corpus, lyrnn_input_name(&input), rules->log);
    LYRNN_TRY(document_find_songs(corpus, lyrnn_input_name(&input), rules));
    document_finish(corpus, rules);
    return LYRNN_OK;
}

static lyrnn_status load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    size_t bad;
    const lyrnn_bytes bytes = {(char *)lyrnn_sample_lyrics, lyrnn_sample_lyrics_size};
    LYRNN_TRY(document_append(corpus, "sample lyrics", &bytes, rules, false, &bad));
    LYRNN_CHECK(bad == bytes.num);
    LYRNN_TRY(document_find_songs(corpus, "sample lyrics", rules));
    document_finish(corpus, rules);
    return corpus_check_distinct(corpus, rules);
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
    return empty_on_failure(corpus, corpus_append_files(corpus, paths, num_paths, rules));
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
