/* All texts that a model learned: that of its own run, and before it those of the models that it
 * began with (--init), however many.
 *
 * A record describes one text by members of a config.json: "corpus" (its files), "corpus_xxh128",
 * how it was read (reading_record.h), how it was learned ("sampling"), and what its songs are where
 * that was left to lyrnn ("song_unit"). Records are in an array, the oldest first. A run's
 * config.json holds the earlier ones under "learned" and is itself the record of the last.
 * model.safetensors holds all of them without the files, so that a copy knows its texts but does
 * not say where they are. A record without files and hash stands for texts that nobody recorded.
 * "model" names the model that learned a text whose files are not known. */
#ifndef LYRNN_LEARNED_H
#define LYRNN_LEARNED_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"

/* Sets *records to a new array with the records of a model file. `learned` is what the file holds
 * (lyrnn_checkpoint.learned); config.json of the file's run adds where the texts are. LYRNN_ERR_IO:
 * there is no such file. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_learned_of_model(const char *model_path, const char *learned, json_t **records);

/* The same for a model of a run whose config.json was read; config may be NULL. */
lyrnn_status lyrnn_learned_of_run(const char *model_path, const char *learned, const json_t *config,
                                  json_t **records);

/* Makes the record of a text that was read by these rules and learned by this way of sampling the
 * last one; an earlier record of the same text is removed. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_learned_add(json_t *records, const lyrnn_corpus_rules *rules, const char *xxh128,
                               const char *sampling, lyrnn_songs song_unit);

/* Returns what model.safetensors holds for these records, for the caller to free. NULL: no
 * memory. */
char *lyrnn_learned_to_model(const json_t *records);

/* Where to find the texts of a model. */
typedef struct {
    const char *model_path;
    const json_t *records;
    /* Files that the user names with --corpus, read as one text by these rules. They are
     * searched for the learned texts, which are recognized by their hashes. */
    const char *const *paths; /* (num_paths) */
    size_t num_paths;
    lyrnn_newlines newlines;
    lyrnn_normalize normalize;
    FILE *log; /* gets a line for each text that is recognized among several, or is not found */
} lyrnn_learned_source;

/* Loads all texts that a model learned, and those that the user names, into one corpus. Between two
 * texts is LYRNN_TEXT_END, which no vocabulary has. A text that is not found fails, unless the user
 * names files; it is then logged. So are texts that nobody recorded, unless the user names files
 * that are none of the others. LYRNN_ERR_IO, LYRNN_ERR_CORPUS, LYRNN_ERR_MEMORY. The caller frees
 * corpus; on failure it is empty. */
#define LYRNN_TEXT_END UINT32_MAX
lyrnn_status lyrnn_learned_load(const lyrnn_learned_source *source, lyrnn_corpus *corpus);

#endif
