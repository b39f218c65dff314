/* Loads the texts that a model learned. Each is looked for among the files that the user names,
 * then where its run found it. Only its hash shows that it is the text. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "run/learned.h"
#include "run/reading_record.h"
#include "run/run_corpus.h"

/* A search in progress. */
typedef struct {
    const lyrnn_learned_source *source;
    lyrnn_corpus *corpus;                      /* what was found */
    char given_xxh128[LYRNN_CORPUS_HASH_SIZE]; /* of all files that the user names, as one text */
    size_t num_recognized;                     /* files of the user's that are learned texts */
} search;

/* Appends a text after LYRNN_TEXT_END, and frees it. */
static lyrnn_status append(lyrnn_corpus *corpus, lyrnn_corpus *text)
{
    size_t N = corpus->N, bytes = (N + 1 + text->N) * sizeof *corpus->chars;
    uint32_t *chars = realloc(corpus->chars, bytes);
    if (chars == NULL) {
        lyrnn_corpus_free(text);
        return lyrnn_out_of_memory("learned texts", bytes, "close other programs");
    }
    corpus->chars = chars;
    corpus->capacity = N + 1 + text->N;
    if (N > 0)
        chars[N++] = LYRNN_TEXT_END;
    memcpy(chars + N, text->chars, text->N * sizeof *chars);
    corpus->N = N + text->N;
    lyrnn_corpus_free(text);
    return LYRNN_OK;
}

static const char *hash_of(const json_t *record)
{
    return json_string_value(json_object_get(record, "corpus_xxh128"));
}

static bool is_recorded(const json_t *record)
{
    return hash_of(record) != NULL || json_is_array(json_object_get(record, "corpus"));
}

/* Counts the files as recognized, and reports which text of several they are. */
static void recognize(search *s, size_t at, size_t first, size_t num)
{
    size_t num_texts = json_array_size(s->source->records);
    s->num_recognized += num;
    if (num_texts > 1 && s->source->log != NULL)
        lyrnn_print_plain(
            s->source->log, "corpus: %s%s: text %zu of the %zu that the model learned\n",
            s->source->paths[first], num > 1 ? " and the files after it" : "", at + 1, num_texts);
}

/* Tries the num files from `first` on. *is_found: they are the record's text. */
static lyrnn_status try_given(search *s, size_t at, size_t first, size_t num, bool *is_found)
{
    const json_t *record = json_array_get(s->source->records, at);
    lyrnn_corpus_rules rules = reading_of_record(record);
    lyrnn_corpus text;
    char hash[LYRNN_CORPUS_HASH_SIZE];
    lyrnn_status status = lyrnn_corpus_load(&text, s->source->paths + first, num, &rules);
    if (status != LYRNN_OK)
        return status == LYRNN_ERR_MEMORY ? status : LYRNN_OK;
    lyrnn_corpus_hash(&text, hash);
    *is_found = strcmp(hash, hash_of(record)) == 0;
    if (*is_found)
        return append(s->corpus, &text);
    lyrnn_corpus_free(&text);
    return LYRNN_OK;
}

/* Looks for a record's text among the user's files: all of them, as many in a row as the record
 * has, and single ones. */
static lyrnn_status find_given(search *s, size_t at, bool *is_found)
{
    const json_t *record = json_array_get(s->source->records, at);
    size_t num_paths = s->source->num_paths;
    const size_t counts[] = {num_paths, json_array_size(json_object_get(record, "corpus")), 1};
    *is_found = false;
    if (num_paths == 0 || hash_of(record) == NULL)
        return LYRNN_OK;
    if (strcmp(hash_of(record), s->given_xxh128) == 0) {
        *is_found = true;
        recognize(s, at, 0, num_paths);
        return LYRNN_OK;
    }
    for (int i = 0; i < 3; i++) {
        for (size_t first = 0; counts[i] > 0 && first + counts[i] <= num_paths; first++) {
            LYRNN_TRY(try_given(s, at, first, counts[i], is_found));
            if (*is_found) {
                recognize(s, at, first, counts[i]);
                return LYRNN_OK;
            }
        }
    }
    return LYRNN_OK;
}

/* Loads a record's text from where its run found it. */
static lyrnn_status load_recorded(search *s, const json_t *record)
{
    lyrnn_corpus text;
    const char *model = json_string_value(json_object_get(record, "model"));
    if (!json_is_array(json_object_get(record, "corpus")))
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: is in no run that names the text that it learned, whose XXH128 is "
                          "%s",
                          model != NULL ? model : s->source->model_path, hash_of(record));
    LYRNN_TRY(lyrnn_run_corpus_load(s->source->model_path, record, &text));
    return append(s->corpus, &text);
}

/* A text that is not found is an error, or a warning if the user names files. */
static lyrnn_status miss(search *s, size_t at, lyrnn_status status)
{
    const lyrnn_learned_source *source = s->source;
    size_t num_texts = json_array_size(source->records);
    char which[80] = "the text that the model learned";
    if (num_texts > 1)
        snprintf(which, sizeof which, "text %zu of the %zu that the model learned", at + 1,
                 num_texts);
    if (source->num_paths == 0)
        return lyrnn_fail(status, "%s; name %s: --corpus FILE", lyrnn_error_text(), which);
    if (source->log != NULL)
        lyrnn_print_plain(source->log,
                          "warning: %s; %s is not guarded; name it too: --corpus FILE\n",
                          lyrnn_error_text(), which);
    return LYRNN_OK;
}

static lyrnn_status find_recorded(search *s, size_t at)
{
    const json_t *record = json_array_get(s->source->records, at);
    bool is_found;
    LYRNN_TRY(find_given(s, at, &is_found));
    if (is_found)
        return LYRNN_OK;
    lyrnn_status status = load_recorded(s, record);
    return status == LYRNN_OK || status == LYRNN_ERR_MEMORY ? status : miss(s, at, status);
}

/* Texts that nobody recorded may be the user's files that are no other text. */
static lyrnn_status report_unrecorded(search *s, const json_t *record)
{
    const lyrnn_learned_source *source = s->source;
    const char *model = json_string_value(json_object_get(record, "model"));
    if (s->num_recognized < source->num_paths)
        return LYRNN_OK;
    if (s->corpus->N == 0)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: is not in a run that names the text that it learned; name the text: "
                          "--corpus FILE",
                          source->model_path);
    if (source->log != NULL)
        lyrnn_print_plain(
            source->log,
            "warning: %s: does not say which texts it learned before, so they are not "
            "guarded; name them: --corpus FILE\n",
            model != NULL ? model : source->model_path);
    return LYRNN_OK;
}

static lyrnn_status load_given(search *s)
{
    const lyrnn_learned_source *source = s->source;
    size_t num_records = json_array_size(source->records);
    const json_t *last = num_records > 0 ? json_array_get(source->records, num_records - 1) : NULL;
    lyrnn_corpus_rules rules = reading_of_record(last);
    if (source->num_paths == 0)
        return LYRNN_OK;
    rules.newlines = source->newlines;
    rules.normalize = source->normalize;
    rules.max_chars = 0;
    rules.is_named_by_user = true;
    rules.log = source->log;
    LYRNN_TRY(lyrnn_corpus_load(s->corpus, source->paths, source->num_paths, &rules));
    lyrnn_corpus_hash(s->corpus, s->given_xxh128);
    return LYRNN_OK;
}

static lyrnn_status load_all(search *s)
{
    const json_t *records = s->source->records, *record;
    size_t i;
    LYRNN_TRY(load_given(s));
    json_array_foreach(records, i, record) if (is_recorded(record)) LYRNN_TRY(find_recorded(s, i));
    json_array_foreach(records, i, record) if (!is_recorded(record))
        LYRNN_TRY(report_unrecorded(s, record));
    return LYRNN_OK;
}

lyrnn_status lyrnn_learned_load(const lyrnn_learned_source *source, lyrnn_corpus *corpus)
{
    search s = {.source = source, .corpus = corpus};
    *corpus = (lyrnn_corpus){0};
    lyrnn_status status = load_all(&s);
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}
