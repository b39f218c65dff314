/* Records of the texts that a model learned, from two places that anyone may have changed. What
 * model.safetensors says decides which texts there are; config.json only adds where they are. A
 * model of an earlier version says nothing, so only its run's config.json decides. */
#include "run/learned.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/untrusted_json.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "run/config.h"
#include "run/reading_record.h"

/* Members of a record that reading_record.h does not have. Those of model.safetensors come
 * first. */
static const char *const own_members[] = {"corpus_xxh128", "sampling", "song_unit", "corpus",
                                          "model"};
enum { NUM_IN_MODEL = 3, NUM_OWN_MEMBERS = 5 };

static lyrnn_status learned_out_of_memory(void)
{
    return lyrnn_out_of_memory("learned texts", 0, "close other programs");
}

static void pick(json_t **record, const json_t *object, const char *member)
{
    json_t *value = json_object_get(object, member);
    if (json_is_string(value) || json_is_integer(value) || json_is_array(value) ||
        json_is_boolean(value))
        json_put(record, member, json_incref(value));
}

/* A new record of what model.safetensors holds of an object. NULL: no memory. */
static json_t *pick_for_model(const json_t *object)
{
    json_t *record = json_object();
    for (int i = 0; i < NUM_IN_MODEL; i++)
        pick(&record, object, own_members[i]);
    for (const char *const *member = reading_members; *member != NULL; member++)
        pick(&record, object, *member);
    return record;
}

/* A new record of all members that an object has. NULL: no memory. */
static json_t *pick_members(const json_t *object)
{
    json_t *record = pick_for_model(object);
    for (int i = NUM_IN_MODEL; i < NUM_OWN_MEMBERS; i++)
        pick(&record, object, own_members[i]);
    return record;
}

/* Adds a record to those that the caller owns. NULL: no memory. */
static lyrnn_status add_record(json_t *records, json_t *record)
{
    json_t *owned = json_incref(records);
    json_add(&owned, record);
    if (owned == NULL)
        return learned_out_of_memory();
    json_decref(owned);
    return LYRNN_OK;
}

/* Adds the record of texts that nobody recorded. */
static lyrnn_status add_unknown(json_t *records, const char *model_path)
{
    return add_record(records, json_pack("{s:o}", "model", json_string_or_null(model_path)));
}

/* Adds the records of a run. A run of an earlier version that began with --init does not say what
 * that model learned. */
static lyrnn_status add_records_of_run(json_t *records, const json_t *config)
{
    const json_t *earlier = json_object_get(config, "learned"), *record;
    const char *init = json_string_value(json_object_get(config, "init"));
    size_t i;
    json_array_foreach(earlier, i, record) LYRNN_TRY(add_record(records, pick_members(record)));
    if (!json_is_array(earlier) && init != NULL)
        LYRNN_TRY(add_unknown(records, init));
    return add_record(records, pick_members(config));
}

static const char *hash_of(const json_t *record)
{
    return json_string_value(json_object_get(record, "corpus_xxh128"));
}

/* The record of the run's that describes the same text as the model's record number `at`, or
 * NULL. */
static const json_t *find_same(const json_t *of_run, const json_t *record, size_t at)
{
    const char *hash = hash_of(record);
    const json_t *found = json_array_get(of_run, at);
    if (hash == NULL)
        return hash_of(found) == NULL ? found : NULL;
    size_t i;
    json_array_foreach(of_run, i, found)
    {
        const char *other = hash_of(found);
        if (other != NULL && strcmp(hash, other) == 0)
            return found;
    }
    return NULL;
}

/* Sets *of_model to the records that model.safetensors holds, or to NULL if it holds none that
 * lyrnn could have written. */
static lyrnn_status parse_learned(const char *learned, json_t **of_model)
{
    untrusted_json_error error;
    *of_model = NULL;
    if (learned == NULL)
        return LYRNN_OK;
    json_t *parsed = untrusted_json_parse(learned, strlen(learned), &error), *record;
    if (parsed == NULL && error.problem == NULL)
        return learned_out_of_memory();
    size_t i;
    bool is_ours = json_array_size(parsed) > 0;
    json_array_foreach(parsed, i, record)
    {
        const json_t *hash = json_object_get(record, "corpus_xxh128");
        is_ours = is_ours && json_is_object(record) && (hash == NULL || json_is_string(hash));
    }
    if (is_ours)
        *of_model = parsed;
    else
        json_decref(parsed);
    return LYRNN_OK;
}

/* A model's record of a text that is in no config.json: the model must be named instead. NULL: no
 * memory. */
static json_t *record_of_copy(const json_t *record, const char *model_path)
{
    json_t *copy = pick_for_model(record);
    json_put(&copy, "model", json_string_or_null(model_path));
    return copy;
}

static lyrnn_status add_records_of_model(json_t *records, const json_t *of_model,
                                         const json_t *of_run, const char *model_path)
{
    size_t i;
    const json_t *record;
    json_array_foreach(of_model, i, record)
    {
        const json_t *same = find_same(of_run, record, i);
        LYRNN_TRY(add_record(records, same != NULL ? pick_members(same)
                                                   : record_of_copy(record, model_path)));
    }
    return LYRNN_OK;
}

/* Reads config.json of the run of run/checkpoints/epoch-000050/model.safetensors, or of
 * run/latest/model.safetensors where a copy has a folder in place of the link. *config is NULL if
 * the model is in no run. */
static lyrnn_status read_config(const char *model_path, json_t **config)
{
    char file[PATH_MAX], run[PATH_MAX];
    *config = NULL;
    if (realpath(model_path, file) == NULL)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: %s; name a model.safetensors or a run", model_path,
                          strerror(errno));
    for (int num_parents = 3; num_parents >= 2; num_parents--) {
        memcpy(run, file, sizeof run);
        for (int i = 0; i < num_parents; i++) {
            char *slash = strrchr(run, '/');
            if (slash != NULL)
                *slash = '\0';
        }
        if (lyrnn_run_config_read(run, config) == LYRNN_OK &&
            json_object_get(*config, "corpus") != NULL)
            return LYRNN_OK;
        json_decref(*config);
        *config = NULL;
    }
    return LYRNN_OK;
}

static lyrnn_status fill_records(const char *model_path, const char *learned, const json_t *config,
                                 json_t *of_run, json_t *records)
{
    json_t *of_model;
    if (config != NULL)
        LYRNN_TRY(add_records_of_run(of_run, config));
    LYRNN_TRY(parse_learned(learned, &of_model));
    if (of_model == NULL && config == NULL)
        return add_unknown(records, model_path);
    if (of_model == NULL)
        return add_records_of_run(records, config);
    lyrnn_status status = add_records_of_model(records, of_model, of_run, model_path);
    json_decref(of_model);
    return status;
}

lyrnn_status lyrnn_learned_of_run(const char *model_path, const char *learned, const json_t *config,
                                  json_t **records)
{
    json_t *of_run = json_array();
    *records = json_array();
    lyrnn_status status = of_run != NULL && *records != NULL
                              ? fill_records(model_path, learned, config, of_run, *records)
                              : learned_out_of_memory();
    json_decref(of_run);
    if (status != LYRNN_OK) {
        json_decref(*records);
        *records = NULL;
    }
    return status;
}

lyrnn_status lyrnn_learned_of_model(const char *model_path, const char *learned, json_t **records)
{
    json_t *config;
    *records = NULL;
    LYRNN_TRY(read_config(model_path, &config));
    lyrnn_status status = lyrnn_learned_of_run(model_path, learned, config, records);
    json_decref(config);
    return status;
}

lyrnn_status lyrnn_learned_add(json_t *records, const lyrnn_corpus_rules *rules, const char *xxh128,
                               const char *sampling, lyrnn_songs song_unit)
{
    for (size_t i = json_array_size(records); i > 0; i--) {
        const char *hash = hash_of(json_array_get(records, i - 1));
        if (hash != NULL && strcmp(hash, xxh128) == 0)
            json_array_remove(records, i - 1);
    }
    json_t *record = json_object();
    json_put(&record, "corpus_xxh128", json_string(xxh128));
    json_put(&record, "sampling", json_string(sampling));
    reading_put_song_unit(&record, song_unit);
    reading_to_record(&record, rules);
    return add_record(records, record);
}

char *lyrnn_learned_to_model(const json_t *records)
{
    json_t *array = json_array();
    const json_t *record;
    size_t i;
    json_array_foreach(records, i, record) json_add(&array, pick_for_model(record));
    char *text = json_to_text(array, JSON_COMPACT);
    json_decref(array);
    return text;
}
