/* plans.json:
 *     {"format": "lyrnn plans 1",
 *      "entries": [{"device": ..., "seam": ..., "precision": "fp32", "cell": "lstm",
 *                   "direction": "forward", "T": 32, "B": 64, "H": 512, "chosen": "grid.c2.s32",
 *                   "plans": [{"plan": "steps", "us": 9.9, "error": 0.0, "fault": ""}, ...]}]}
 * The file is replaced by rename. So a reader sees a whole file, and of two processes that write at
 * the same time the last one wins. */
#include "tune/plan_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "base/remedy.h"
#include "base/untrusted_json.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "files/plain_json.h"

static const char format[] = "lyrnn plans 1";

/* An entry takes about a kilobyte. */
enum { MAX_ENTRIES = 128, MAX_BYTES = 1 << 20 };

static lyrnn_status cannot(const char *verb, const char *path)
{
    int error = errno;
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s; %s", path, verb, strerror(error),
                      lyrnn_remedy(error));
}

/* The specification ignores a path that is relative. False: there is no place. */
static bool find_path(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (cache != NULL && cache[0] == '/')
        length = snprintf(path, size, "%s/lyrnn/plans.json", cache);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, size, "%s/.cache/lyrnn/plans.json", home);
    if (length >= 0 && (size_t)length < size)
        return true;
    path[0] = '\0';
    return false;
}

/* The entries of a text; NULL if it is not a cache, or no memory is left. */
static json_t *parse(const lyrnn_bytes *text)
{
    untrusted_json_error error;
    json_t *file = untrusted_json_parse(text->data, text->num, &error), *entries = NULL;
    const char *found = json_string_value(json_object_get(file, "format"));
    if (found != NULL && strcmp(found, format) == 0 &&
        json_is_array(json_object_get(file, "entries")))
        entries = json_incref(json_object_get(file, "entries"));
    json_decref(file);
    return entries;
}

static lyrnn_status read_entries(const char *path, json_t **entries)
{
    struct stat info;
    lyrnn_bytes text = {0};
    const lyrnn_input input = {.path = path, .max_bytes = MAX_BYTES, .remedy = "remove it"};
    *entries = NULL;
    if (lstat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return LYRNN_OK;
    lyrnn_status status = lyrnn_input_read(&input, &text);
    if (status == LYRNN_OK && (*entries = parse(&text)) == NULL)
        status = lyrnn_fail(LYRNN_ERR_IO, "%s: is no cache of plans; remove it", path);
    free(text.data);
    return status;
}

lyrnn_status plan_cache_open(plan_cache *cache)
{
    *cache = (plan_cache){0};
    if (!find_path(cache->path, sizeof cache->path))
        return lyrnn_fail(LYRNN_ERR_IO, "plans.json: has no place, because neither XDG_CACHE_HOME "
                                        "nor HOME is the path of a folder; set one of them");
    return read_entries(cache->path, &cache->entries);
}

void plan_cache_close(plan_cache *cache)
{
    json_decref(cache->entries);
    cache->entries = NULL;
}

static json_t *entry_of(const plan_cache_key *key, const lyrnn_recurrence_shape *shape)
{
    static const char *const precisions[] = {
        [LYRNN_FP32] = "fp32", [LYRNN_TF32] = "tf32", [LYRNN_BF16] = "bf16"};
    json_t *entry = json_object();
    json_put(&entry, "device", json_string_or_null(key->device));
    json_put(&entry, "seam", json_string(LYRNN_SEAM));
    json_put(&entry, "precision", json_string(precisions[key->precision]));
    json_put(&entry, "cell", json_string(lyrnn_cell_name(shape->cell)));
    json_put(&entry, "direction", json_string(shape->is_backward ? "backward" : "forward"));
    json_put(&entry, "T", json_integer(shape->T));
    json_put(&entry, "B", json_integer(shape->B));
    json_put(&entry, "H", json_integer(shape->H));
    return entry;
}

/* Whether an entry has all values of `wanted`, which entry_of made. */
static bool has_key(const json_t *entry, json_t *wanted)
{
    const char *name;
    json_t *value;
    json_object_foreach(wanted, name,
                        value) if (!json_equal(json_object_get(entry, name), value)) return false;
    return true;
}

/* The newest entry with this key, borrowed; NULL: there is none. */
static json_t *find_entry(const json_t *entries, json_t *wanted)
{
    for (size_t i = json_array_size(entries); wanted != NULL && i > 0; i--)
        if (has_key(json_array_get(entries, i - 1), wanted))
            return json_array_get(entries, i - 1);
    return NULL;
}

/* Null, and what is no number, is NaN. */
static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The entry's record of a plan, borrowed; NULL: it has none. */
static const json_t *find_plan(const json_t *entry, const char *text)
{
    const json_t *plans = json_object_get(entry, "plans");
    for (size_t i = 0; i < json_array_size(plans); i++) {
        const json_t *plan = json_array_get(plans, i);
        const char *found = json_string_value(json_object_get(plan, "plan"));
        if (found != NULL && strcmp(found, text) == 0)
            return plan;
    }
    return NULL;
}

static bool take_entry(const json_t *entry, plan_set *set)
{
    const char *chosen = json_string_value(json_object_get(entry, "chosen"));
    for (int i = 0; i < set->num; i++) {
        lyrnn_plan *plan = &set->plans[i];
        const json_t *record = find_plan(entry, plan->text);
        const char *fault = json_string_value(json_object_get(record, "fault"));
        if (fault == NULL)
            return false;
        plan->us = number(record, "us");
        plan->error = number(record, "error");
        snprintf(plan->fault, sizeof plan->fault, "%s", fault);
    }
    set->chosen = chosen != NULL ? plan_set_find(set, chosen) : -1;
    return set->chosen >= 0 && set->plans[set->chosen].fault[0] == '\0';
}

bool plan_cache_find(const plan_cache *cache, const plan_cache_key *key, plan_set *set)
{
    json_t *wanted = entry_of(key, &set->shape);
    const json_t *entry = find_entry(cache->entries, wanted);
    plan_set found = *set;
    bool is_found = entry != NULL && take_entry(entry, &found);
    if (is_found)
        *set = found;
    json_decref(wanted);
    return is_found;
}

static json_t *to_record(const lyrnn_plan *plan)
{
    json_t *record = json_object();
    json_put(&record, "plan", json_string(plan->text));
    json_put(&record, "us", json_real_or_null(plan->us));
    json_put(&record, "error", json_real_or_null(plan->error));
    json_put(&record, "fault", json_string_or_null(plan->fault));
    return record;
}

/* The new entry; NULL: no memory. */
static json_t *to_entry(const plan_cache_key *key, const plan_set *set)
{
    json_t *entry = entry_of(key, &set->shape), *plans = json_array();
    for (int i = 0; i < set->num; i++)
        json_add(&plans, to_record(&set->plans[i]));
    json_put(&entry, "chosen", json_string(set->plans[set->chosen].text));
    json_put(&entry, "plans", plans);
    return entry;
}

/* The newest entries, except those with the key of `entry`, and then `entry`. NULL: no memory. */
static json_t *with_entry(const json_t *entries, json_t *entry, json_t *wanted)
{
    json_t *all = json_array();
    size_t num = json_array_size(entries);
    for (size_t i = num < MAX_ENTRIES ? 0 : num - MAX_ENTRIES + 1; i < num; i++)
        if (!has_key(json_array_get(entries, i), wanted))
            json_add(&all, json_incref(json_array_get(entries, i)));
    json_add(&all, entry);
    return all;
}

/* Makes the folders of the path. XDG's folder is for its user only. */
static lyrnn_status make_folders(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *end = strchr(folder + 1, '/'); end != NULL; end = strchr(end + 1, '/')) {
        *end = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return cannot("create", folder);
        *end = '/';
    }
    return LYRNN_OK;
}

static bool write_text(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t num = write(fd, text, left);
        if (num < 0 && errno != EINTR)
            return false;
        text += num > 0 ? num : 0;
        left -= num > 0 ? (size_t)num : 0;
    }
    return true;
}

/* Replaces the file. A process has a name of its own for the new one until that is whole. */
static lyrnn_status replace(const char *path, const char *text)
{
    char temporary[PATH_MAX + sizeof ".XXXXXX"];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return cannot("write", path);
    bool is_whole = write_text(fd, text);
    is_whole = close(fd) == 0 && is_whole;
    if (is_whole && rename(temporary, path) == 0)
        return LYRNN_OK;
    lyrnn_status status = cannot("write", path);
    unlink(temporary);
    return status;
}

static lyrnn_status write_entries(const char *path, const json_t *entries)
{
    json_t *file = json_object();
    json_put(&file, "format", json_string(format));
    json_put(&file, "entries", json_incref((json_t *)entries));
    char *text = json_dumps_plain(file, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(file);
    if (text == NULL)
        return lyrnn_out_of_memory("plans.json", 0, "close other programs");
    lyrnn_status status = make_folders(path);
    if (status == LYRNN_OK)
        status = replace(path, text);
    free(text);
    return status;
}

lyrnn_status plan_cache_add(plan_cache *cache, const plan_cache_key *key, const plan_set *set)
{
    json_t *wanted = entry_of(key, &set->shape), *entries = NULL;
    /* What cannot be read is replaced. */
    if (cache->path[0] != '\0' && read_entries(cache->path, &entries) == LYRNN_OK) {
        json_decref(cache->entries);
        cache->entries = entries;
    }
    json_t *all = wanted != NULL ? with_entry(cache->entries, to_entry(key, set), wanted) : NULL;
    json_decref(wanted);
    if (all == NULL)
        return lyrnn_out_of_memory("plans.json", 0, "close other programs");
    json_decref(cache->entries);
    cache->entries = all;
    return cache->path[0] != '\0' ? write_entries(cache->path, all) : LYRNN_OK;
}
