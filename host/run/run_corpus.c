/* Finds the text that a run learnt: its config.json has the paths as they were given, and how they were
 * read. */
#include "run/run_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"

/* run/checkpoints/epoch-000050/model.safetensors -> run. The model may be named through latest. */
static lyrnn_status find_run(const char *model_path, char run[PATH_MAX])
{
    if (realpath(model_path, run) == NULL)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: %s; give a model.safetensors or a run directory",
                          model_path, strerror(errno));
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(run, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    return LYRNN_OK;
}

static lyrnn_status load(const json_t *config, const json_t *paths, lyrnn_corpus *corpus)
{
    const char *read_as = json_string_value(json_object_get(config, "newlines"));
    json_int_t max_chars = json_integer_value(json_object_get(config, "max_chars"));
    lyrnn_newlines newlines = read_as != NULL && strcmp(read_as, "space") == 0
                                  ? LYRNN_NEWLINES_SPACE
                                  : LYRNN_NEWLINES_KEEP;
    size_t num = json_array_size(paths), most = max_chars > 0 ? (size_t)max_chars : 0;
    if (num == 0)
        return lyrnn_corpus_load_sample(corpus, newlines, most);
    const char **names = calloc(num, sizeof *names);
    if (names == NULL)
        return lyrnn_out_of_memory("corpus", num * sizeof *names, "close other programs");
    bool are_named = true;
    for (size_t i = 0; i < num; i++) {
        names[i] = json_string_value(json_array_get(paths, i));
        are_named = are_named && names[i] != NULL;
    }
    lyrnn_status status =
        are_named ? lyrnn_corpus_load(corpus, names, num, newlines, most)
                  : lyrnn_fail(LYRNN_ERR_IO, "corpus: a path is not UTF-8 and was not kept");
    free(names);
    return status;
}

/* A file may have changed since; a run of an earlier version does not say what it was. */
static lyrnn_status check_hash(const json_t *config, const lyrnn_corpus *corpus)
{
    char hash[LYRNN_CORPUS_HASH_SIZE];
    const char *learnt = json_string_value(json_object_get(config, "corpus_xxh128"));
    lyrnn_corpus_hash(corpus, hash);
    if (learnt == NULL || strcmp(learnt, hash) == 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS, "corpus: is no longer the same, its hash is %s, not %s",
                      hash, learnt);
}

lyrnn_status lyrnn_run_dir_load_corpus(const char *model_path, lyrnn_corpus *corpus)
{
    char run[PATH_MAX], *text;
    *corpus = (lyrnn_corpus){0};
    LYRNN_TRY(find_run(model_path, run));
    lyrnn_status status;
    /* What is wrong with it matters less than that the text has to be given. */
    (void)lyrnn_run_dir_read_config(run, &text);
    json_t *config = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *paths = json_object_get(config, "corpus");
    if (!json_is_array(paths)) {
        status = lyrnn_fail(LYRNN_ERR_IO,
                            "%s: is in no run that says what text it learnt; give that: "
                            "--corpus FILE",
                            model_path);
    } else {
        status = load(config, paths, corpus);
        if (status == LYRNN_OK)
            status = check_hash(config, corpus);
        if (status != LYRNN_OK) {
            lyrnn_corpus_free(corpus);
            status = lyrnn_fail(status,
                                "%s (what the run learnt, by its config.json); give the "
                                "text: --corpus FILE",
                                lyrnn_error_text());
        }
    }
    json_decref(config);
    free(text);
    return status;
}
