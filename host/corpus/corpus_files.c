/* Turns paths into documents: files, the files of a folder or an archive, streams. It reads all of
 * them before it reports, so that a person with forty files sees all bad ones at once. An empty
 * file among others is skipped with a word: it is a slip, and nothing is lost. */
#include "corpus/corpus_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "corpus/archive.h"
#include "corpus/document.h"
#include "corpus/encoding_report.h"
#include "corpus/folder.h"
#include "corpus/songs.h"
#include "corpus/visible.h"

/* Names as many files as fit, and counts the rest. */
typedef struct {
    char text[800];
    size_t length, num, num_unnamed;
} file_list;

/* A reading in progress. */
typedef struct {
    lyrnn_corpus *corpus;
    const lyrnn_corpus_rules *rules;
    file_list bad, skipped;
    encoding_report encodings;
    size_t num_files;
    size_t num_unpacked; /* bytes of texts in archives */
    bool has_several;    /* the corpus is not a single document */
    lyrnn_status status; /* of the first bad file */
    char *first_error;   /* owned */
} reader;

/* Lists a name, and in brackets what is wrong with the file, unless that is "". */
static void list_file(file_list *list, const char *name, const char *problem)
{
    char entry[400];
    bool has_problem = problem[0] != '\0';
    size_t length = (size_t)snprintf(entry, sizeof entry, "%s%s%s%s", name, has_problem ? " (" : "",
                                     problem, has_problem ? ")" : "");
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
    char prefix[400], problem[400];
    snprintf(prefix, sizeof prefix, "%s: ", name);
    size_t length = lyrnn_make_plain(prefix, strlen(prefix)); /* as it is at the start of error */
    const char *what = strncmp(error, prefix, length) == 0 ? error + length : error;
    snprintf(problem, sizeof problem, "%.*s", (int)strcspn(what, ";"), what);
    list_file(list, name, problem);
}

/* Collects what is wrong with a file; a lack of memory ends the reading. */
static lyrnn_status take_problem(reader *state, const char *path, lyrnn_status status)
{
    if (status != LYRNN_ERR_IO && status != LYRNN_ERR_CORPUS)
        return status;
    char *error = strdup(lyrnn_error_text());
    if (error == NULL)
        return status;
    list_problem(&state->bad, path, error);
    if (state->first_error != NULL) {
        free(error);
        return LYRNN_OK;
    }
    state->first_error = error;
    state->status = status;
    return LYRNN_OK;
}

/* Appends a document, unless there are several and it has no text. */
static lyrnn_status append(reader *state, const document *given)
{
    lyrnn_corpus *corpus = state->corpus;
    const lyrnn_corpus_counts counts = corpus->counts;
    size_t before = corpus->N;
    text_encoding encoding;
    lyrnn_status status = document_append(corpus, given, state->rules, &encoding);
    bool is_skipped =
        status == LYRNN_OK && state->has_several &&
        (corpus->N == before || (state->rules->normalize != LYRNN_NORMALIZE_NONE &&
                                 !text_has_visible(corpus->chars + before, corpus->N - before)));
    if (is_skipped)
        list_file(&state->skipped, given->name, "");
    if (is_skipped || status != LYRNN_OK) {
        songs_cut(corpus, before);
        corpus->counts = counts;
    } else {
        encoding_report_add(&state->encodings, given->name, &encoding, &corpus->counts);
    }
    return status;
}

/* Appends a document, and collects what is wrong with it. */
static lyrnn_status take_document(reader *state, const document *given)
{
    state->num_files++;
    return take_problem(state, given->name, append(state, given));
}

/* An archive that is being read. */
typedef struct {
    reader *state;
    const char *name;
} archive_reading;

/* Appends a text of an archive, ARCHIVE/NAME. */
static lyrnn_status take_entry(void *context, const char *name, const lyrnn_bytes *bytes)
{
    const archive_reading *reading = context;
    char *path;
    if (asprintf(&path, "%s/%s", reading->name, name) < 0)
        return lyrnn_out_of_memory(reading->name, strlen(name), "give a smaller archive");
    const document given = {.name = path, .bytes = bytes, .is_file = true};
    reading->state->num_unpacked += bytes->num;
    lyrnn_status status = take_document(reading->state, &given);
    free(path);
    return status;
}

/* --max-bytes counts for all archives together. */
static lyrnn_status read_archive(reader *state, const char *name, const lyrnn_bytes *bytes)
{
    archive_reading reading = {state, name};
    const archive_rules rules = {.max_bytes = state->rules->max_bytes,
                                 .num_before = state->num_unpacked,
                                 .log = state->rules->log};
    size_t num_files = state->num_files;
    state->has_several = true;
    lyrnn_status status = archive_read(name, bytes, &rules, take_entry, &reading);
    if (state->num_files == num_files)
        state->num_files++; /* the archive itself is bad */
    return take_problem(state, name, status);
}

/* Appends what a file or a stream holds. status: whether it could be read. */
static lyrnn_status take_bytes(reader *state, const document *given, lyrnn_status status)
{
    bool is_archive =
        status == LYRNN_OK && !state->rules->is_plain_text && archive_is(given->name, given->bytes);
    if (is_archive)
        return read_archive(state, given->name, given->bytes);
    if (status == LYRNN_OK)
        return take_document(state, given);
    state->num_files++;
    return take_problem(state, given->name, status);
}

static lyrnn_status read_file(reader *state, const char *path)
{
    lyrnn_bytes bytes = {0};
    struct stat info;
    const lyrnn_input input = {.path = path,
                               .is_named_by_user = state->rules->is_named_by_user,
                               .max_bytes = LYRNN_MAX_TEXT,
                               .remedy = "name a text file",
                               .log = state->rules->log};
    const document given = {.name = lyrnn_input_name(&input),
                            .bytes = &bytes,
                            .is_file = strcmp(path, "-") != 0 && stat(path, &info) == 0 &&
                                       S_ISREG(info.st_mode)};
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    status = take_bytes(state, &given, status);
    free(bytes.data);
    return status;
}

static lyrnn_status read_listed(reader *state, const folder_names *names)
{
    for (size_t i = 0; i < names->num; i++) {
        lyrnn_bytes bytes = {0};
        const document given = {.name = names->paths[i], .bytes = &bytes, .is_file = true};
        lyrnn_status status = folder_read(names, i, LYRNN_MAX_TEXT, &bytes);
        status = take_bytes(state, &given, status);
        free(bytes.data);
        LYRNN_TRY(status);
    }
    return LYRNN_OK;
}

static lyrnn_status read_folder(reader *state, const char *path)
{
    folder_names names;
    lyrnn_status status = folder_list(path, state->rules->log, &names);
    if (status == LYRNN_OK) {
        state->has_several = true;
        status = read_listed(state, &names);
    } else {
        state->num_files++;
        status = take_problem(state, path, status);
    }
    folder_free(&names);
    return status;
}

static lyrnn_status read_paths(reader *state, const char *const *paths, size_t num)
{
    state->has_several = num > 1;
    for (size_t i = 0; i < num; i++) {
        bool is_input = state->rules->is_named_by_user && strcmp(paths[i], "-") == 0;
        bool is_folder = !is_input && !state->rules->is_plain_text && folder_is(paths[i]);
        LYRNN_TRY(is_folder ? read_folder(state, paths[i]) : read_file(state, paths[i]));
    }
    return LYRNN_OK;
}

/* Refuses the files that could not be read, and reports those that were skipped. */
static lyrnn_status conclude(const reader *state, const char *path)
{
    char end[48];
    FILE *log = state->rules->log;
    end_list(&state->bad, end, sizeof end);
    if (state->bad.num == 1)
        return lyrnn_fail(state->status, "%s", state->first_error);
    if (state->bad.num > 1)
        return lyrnn_fail(state->status,
                          "corpus: %zu of %zu files cannot be read: %s%s; correct them (to convert "
                          "one: iconv -f ENCODING -t UTF-8 FILE > NEW), or leave them out",
                          state->bad.num, state->num_files, state->bad.text, end);
    if (state->corpus->N == 0)
        return state->num_files == 1
                   ? lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is empty; name a file that contains text",
                                name_of(path))
                   : lyrnn_fail(LYRNN_ERR_CORPUS,
                                "corpus: all %zu files are empty; name files that contain text",
                                state->num_files);
    encoding_report_log(&state->encodings, &state->corpus->counts, log);
    end_list(&state->skipped, end, sizeof end);
    if (state->skipped.num > 0 && log != NULL)
        lyrnn_print_plain(log, "corpus: skipped %zu of %zu files without text: %s%s\n",
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

lyrnn_status corpus_read_paths(lyrnn_corpus *corpus, const char *const *paths, size_t num,
                               const lyrnn_corpus_rules *rules)
{
    reader state = {.corpus = corpus, .rules = rules};
    if (rules->is_named_by_user)
        LYRNN_TRY(check_paths(paths, num));
    lyrnn_status status = read_paths(&state, paths, num);
    if (status == LYRNN_OK)
        status = conclude(&state, paths[0]);
    free(state.first_error);
    return status;
}
