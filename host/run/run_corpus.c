/* The text that a run learned, from its config.json: both directions of "corpus", and the files
 * read again as the run read them. */
#include "run/run_corpus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "run/reading_record.h"

/* A pipe cannot be found again by its name. It becomes "-", as standard input is. NULL: no
 * memory. */
static json_t *path_to_json(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISFIFO(info.st_mode))
        path = "-";
    bool has_name = strcmp(path, "-") != 0;
    char *absolute = has_name ? realpath(path, NULL) : NULL;
    if (has_name && absolute == NULL && errno == ENOMEM)
        return NULL;
    json_t *string = json_of_path(absolute != NULL ? absolute : path);
    free(absolute);
    return string;
}

json_t *lyrnn_run_corpus_to_json(const char *const *paths, size_t num_paths)
{
    json_t *array = json_array();
    for (size_t i = 0; i < num_paths; i++)
        json_add(&array, path_to_json(paths[i]));
    return array;
}

lyrnn_status lyrnn_run_corpus_paths(const char *run_path, const json_t *config, const char ***paths,
                                    size_t *num_paths)
{
    const json_t *array = json_object_get(config, "corpus");
    size_t num = json_array_size(array), bytes = (num + 1) * sizeof **paths;
    *num_paths = num;
    *paths = malloc(bytes);
    if (*paths == NULL)
        return lyrnn_out_of_memory("corpus", bytes, "close other programs");
    bool is_named = json_is_array(array);
    for (size_t i = 0; i < num; i++) {
        (*paths)[i] = json_path_value(json_array_get(array, i));
        is_named = is_named && (*paths)[i] != NULL;
    }
    if (!is_named)
        return lyrnn_fail(LYRNN_ERR_CORPUS, "%s/config.json: does not name the corpus", run_path);
    for (size_t i = 0; i < num; i++)
        if (strcmp((*paths)[i], "-") == 0)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: its text came from standard input or a pipe, which lyrnn cannot "
                              "read again",
                              run_path);
    return LYRNN_OK;
}

static lyrnn_status load_as_read(const json_t *record, const char *const *paths, size_t num_paths,
                                 lyrnn_corpus *corpus)
{
    const lyrnn_corpus_rules rules = reading_of_record(record);
    return num_paths == 0 ? lyrnn_corpus_load_sample(corpus, &rules)
                          : lyrnn_corpus_load(corpus, paths, num_paths, &rules);
}

/* A file may have changed since the run read it. A run of an early version has no hash and is
 * trusted. */
static lyrnn_status check_hash(const json_t *record, const lyrnn_corpus *corpus)
{
    char hash[LYRNN_CORPUS_HASH_SIZE];
    const char *learned = json_string_value(json_object_get(record, "corpus_xxh128"));
    lyrnn_corpus_hash(corpus, hash);
    if (learned == NULL || strcmp(learned, hash) == 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS, "corpus: the text has changed: its hash is %s, not %s",
                      hash, learned);
}

static lyrnn_status load_checked(const char *run_path, const json_t *record, const char ***paths,
                                 lyrnn_corpus *corpus)
{
    size_t num_paths;
    LYRNN_TRY(lyrnn_run_corpus_paths(run_path, record, paths, &num_paths));
    LYRNN_TRY(load_as_read(record, *paths, num_paths, corpus));
    return check_hash(record, corpus);
}

lyrnn_status lyrnn_run_corpus_load(const char *run_path, const json_t *record, lyrnn_corpus *corpus)
{
    const char **paths = NULL;
    *corpus = (lyrnn_corpus){0};
    lyrnn_status status = load_checked(run_path, record, &paths, corpus);
    free(paths);
    if (status != LYRNN_OK)
        lyrnn_corpus_free(corpus);
    return status;
}
