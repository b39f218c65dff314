/* Reads all files before it reports, so that a person with forty files sees all bad ones at once.
 * An empty file among others is skipped with a word: it is a slip, and nothing is lost. */
#include "text/corpus_files.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain_text.h"
#include "text/document.h"
#include "text/songs.h"
#include "text/visible.h"

/* Names as many files as fit, and counts the rest. */
typedef struct {
    char text[800];
    size_t length, num, num_unnamed;
} file_list;

typedef struct {
    file_list bad, skipped;
    size_t num_files;
    lyrnn_status status; /* of the first bad file */
    char *first_error;   /* owned */
} reading;

static void list_file(file_list *list, const char *format, ...) LYRNN_PRINTF(2, 3);
static void list_file(file_list *list, const char *format, ...)
{
    char entry[400];
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(entry, sizeof entry, format, arguments);
    va_end(arguments);
    list->num++;
    if (length >= sizeof entry || list->length + length + 3 > sizeof list->text) {
        list->num_unnamed++;
        return;
    }
    list->length += (size_t)snprintf(list->text + list->length, sizeof list->text - list->length,
                                     "%s%s", list->length > 0 ? ", " : "", entry);
}

static void end_list(const file_list *list, char *end, size_t size)
{
    end[0] = '\0';
    if (list->num_unnamed > 0)
        snprintf(end, size, "%s%zu more", list->length > 0 ? " and " : "", list->num_unnamed);
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* The middle of "NAME: what is wrong; what to do", for a list. */
static void list_problem(file_list *list, const char *path, const char *error)
{
    const char *name = name_of(path);
    lyrnn_fail(LYRNN_ERR_CORPUS, "%s: ", name); /* as it is at the start of error */
    size_t length = strlen(lyrnn_error_text());
    const char *what = strncmp(error, lyrnn_error_text(), length) == 0 ? error + length : error;
    list_file(list, "%s (%.*s)", name, (int)strcspn(what, ";"), what);
}

static lyrnn_status read_one(lyrnn_corpus *corpus, const char *path,
                             const lyrnn_corpus_rules *rules, reading *state)
{
    const lyrnn_corpus_counts counts = corpus->counts;
    size_t before = corpus->N;
    lyrnn_status status = corpus_append_file(corpus, path, rules);
    bool is_skipped =
        status == LYRNN_OK && state->num_files > 1 &&
        (corpus->N == before || (rules->normalize != LYRNN_NORMALIZE_NONE &&
                                 !text_has_visible(corpus->chars + before, corpus->N - before)));
    if (is_skipped)
        list_file(&state->skipped, "%s", name_of(path));
    if (is_skipped || status != LYRNN_OK) {
        songs_cut(corpus, before);
        corpus->counts = counts;
    }
    return status;
}

/* Only what is wrong with a file is collected; a lack of memory ends the reading. */
static lyrnn_status read_all(lyrnn_corpus *corpus, const char *const *paths,
                             const lyrnn_corpus_rules *rules, reading *state)
{
    for (size_t i = 0; i < state->num_files; i++) {
        lyrnn_status status = read_one(corpus, paths[i], rules, state);
        if (status != LYRNN_OK && status != LYRNN_ERR_IO && status != LYRNN_ERR_CORPUS)
            return status;
        if (status == LYRNN_OK)
            continue;
        char *error = strdup(lyrnn_error_text());
        if (error == NULL)
            return status;
        list_problem(&state->bad, paths[i], error);
        if (state->first_error == NULL) {
            state->first_error = error;
            state->status = status;
        } else {
            free(error);
        }
    }
    return LYRNN_OK;
}

lyrnn_status corpus_check_distinct(const lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
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

lyrnn_status corpus_refuse_empty(const char *name)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is empty; name a file that contains text", name);
}

void corpus_log_dropped(const lyrnn_corpus *corpus, const char *name, FILE *log)
{
    if (corpus->counts.num_marks > 0 && log != NULL)
        lyrnn_print_plain(log, "%s: dropped %zu byte order mark%s (U+FEFF) inside the text\n", name,
                          corpus->counts.num_marks, corpus->counts.num_marks > 1 ? "s" : "");
}

/* Refuses the files that could not be read, and reports those that were skipped. */
static lyrnn_status conclude(const lyrnn_corpus *corpus, const char *const *paths,
                             const lyrnn_corpus_rules *rules, const reading *state)
{
    char end[48];
    end_list(&state->bad, end, sizeof end);
    if (state->bad.num == 1)
        return lyrnn_fail(state->status, "%s", state->first_error);
    if (state->bad.num > 1)
        return lyrnn_fail(state->status,
                          "corpus: %zu of %zu files cannot be read: %s%s; correct them (to convert "
                          "one: iconv -f ENCODING -t UTF-8 FILE > NEW), or leave them out",
                          state->bad.num, state->num_files, state->bad.text, end);
    if (corpus->N == 0)
        return state->num_files == 1
                   ? corpus_refuse_empty(name_of(paths[0]))
                   : lyrnn_fail(LYRNN_ERR_CORPUS,
                                "corpus: all %zu files are empty; name files that contain text",
                                state->num_files);
    end_list(&state->skipped, end, sizeof end);
    if (state->skipped.num > 0 && rules->log != NULL)
        lyrnn_print_plain(rules->log, "corpus: skipped %zu of %zu files without text: %s%s\n",
                          state->skipped.num, state->num_files, state->skipped.text, end);
    return LYRNN_OK;
}

/* Standard input can be read only once. */
static lyrnn_status check_paths(const char *const *paths, size_t num_paths)
{
    size_t num = 0;
    for (size_t i = 0; i < num_paths; i++)
        num += strcmp(paths[i], "-") == 0;
    return num < 2 ? LYRNN_OK
                   : lyrnn_fail(LYRNN_ERR_USAGE,
                                "-: names standard input %zu times, and it can be read only once; "
                                "name it once",
                                num);
}

lyrnn_status corpus_append_files(lyrnn_corpus *corpus, const char *const *paths, size_t num,
                                 const lyrnn_corpus_rules *rules)
{
    reading state = {.num_files = num};
    if (rules->is_named_by_user)
        LYRNN_TRY(check_paths(paths, num));
    lyrnn_status status = read_all(corpus, paths, rules, &state);
    if (status == LYRNN_OK)
        status = conclude(corpus, paths, rules, &state);
    free(state.first_error);
    LYRNN_TRY(status);
    LYRNN_TRY(document_find_songs(corpus, num > 1 ? "corpus" : name_of(paths[0]), rules));
    document_finish(corpus, rules);
    LYRNN_TRY(corpus_check_distinct(corpus, rules));
    corpus_log_dropped(corpus, "corpus", rules->log);
    return LYRNN_OK;
}
