/* A text from bytes, from one file or from the embedded lyrics (lyrnn/corpus.h). decode.c decodes
 * bytes, and corpus_files.c reads the files of a corpus. The first bad byte stops the reading, and
 * the error names its offset, because a character that is silently replaced would enter the
 * vocabulary and be learned. */
#include "text/corpus_files.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/open_file.h"
#include "text/decode.h"
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
                                 const lyrnn_bytes *bytes, const lyrnn_corpus_rules *rules)
{
    const char *name = lyrnn_input_name(input);
    size_t bad;
    LYRNN_TRY(text_decode(corpus, name, bytes->data, bytes->num, rules, &bad));
    struct stat info;
    bool is_file = name == input->path && stat(name, &info) == 0 && S_ISREG(info.st_mode);
    return bad == bytes->num
               ? LYRNN_OK
               : text_refuse_file(name, is_file ? name : NULL, bytes->data, bytes->num, bad);
}

lyrnn_status corpus_append_file(lyrnn_corpus *corpus, const char *path,
                                const lyrnn_corpus_rules *rules, bool *ends_in_newline)
{
    lyrnn_bytes bytes = {0};
    const lyrnn_input input = {.path = path,
                               .is_named_by_user = rules->is_named_by_user,
                               .max_bytes = LYRNN_MAX_TEXT,
                               .remedy = "name a text file",
                               .log = rules->log};
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    if (status == LYRNN_OK)
        status = append_bytes(corpus, &input, &bytes, rules);
    /* The last character may be a newline that has become a space, so the bytes decide. */
    const char *end = bytes.num > 0 ? &bytes.data[bytes.num - 1] : "\n";
    *ends_in_newline = *end == '\n' || *end == '\r';
    free(bytes.data);
    return status;
}

lyrnn_status corpus_limit_chars(lyrnn_corpus *corpus, size_t max_chars)
{
    if (max_chars > 0 && corpus->N > max_chars)
        corpus->N = max_chars;
    for (size_t i = 1; i < corpus->N; i++)
        if (corpus->chars[i] != corpus->chars[0])
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "corpus: has only one distinct character, U+%04X; give a text with at least "
                      "two%s",
                      (unsigned)corpus->chars[0], max_chars > 0 ? ", or raise --max-chars" : "");
}

static lyrnn_status load_file(lyrnn_corpus *corpus, const char *path,
                              const lyrnn_corpus_rules *rules)
{
    const lyrnn_input input = {.path = path, .is_named_by_user = rules->is_named_by_user};
    bool ends_in_newline;
    LYRNN_TRY(corpus_append_file(corpus, path, rules, &ends_in_newline));
    if (corpus->N == 0)
        return corpus_refuse_empty(lyrnn_input_name(&input));
    corpus_log_dropped(corpus, lyrnn_input_name(&input), rules->log);
    return LYRNN_OK;
}

static lyrnn_status load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    LYRNN_TRY(lyrnn_corpus_append_text(corpus, "sample lyrics", (const char *)lyrnn_sample_lyrics,
                                       lyrnn_sample_lyrics_size, rules));
    return corpus_limit_chars(corpus, rules->max_chars);
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
    *corpus = (lyrnn_corpus){0};
}
