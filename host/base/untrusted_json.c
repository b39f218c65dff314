/* Three checks come before jansson. jansson makes an object of every bracket and of every value, so
 * a text of empty brackets would grow to 75 times its size, and one of short values to 25 times.
 * And it ignores a NUL that follows a number.
 *
 * One check comes after it. If an allocation fails while jansson 2.14 reads a string, it returns a
 * shorter string without an error. So jansson's allocator is wrapped once, and a tree that was made
 * while an allocation failed is thrown away. */
#include "base/untrusted_json.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* A vocabulary has one value for each of up to 0x110000 characters. */
enum { MAX_VALUES = 0x110000 + 64 };

/* A tensor's entry has three opening brackets in at least 45 bytes; a configuration or a vocabulary
 * has one in all. */
static const char *find_excess(const char *text, size_t num_bytes)
{
    size_t num_brackets = 0, num_commas = 0;
    bool in_string = false;
    for (size_t i = 0; i < num_bytes; i++) {
        if (text[i] == '"')
            in_string = !in_string;
        else if (text[i] == '\\' && in_string)
            i++;
        else if (!in_string && (text[i] == '[' || text[i] == '{'))
            num_brackets++;
        else if (!in_string && text[i] == ',')
            num_commas++;
    }
    if (num_brackets > num_bytes / 12 + 8)
        return "has more brackets than a model's";
    return num_commas > MAX_VALUES ? "has more values than a model's" : NULL;
}

static const char *problem_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return NULL;
    case json_error_invalid_utf8:
        return "is not UTF-8";
    case json_error_duplicate_key:
        return "has a key twice";
    case json_error_numeric_overflow:
        return "has a number that is too large";
    default:
        return "is not JSON";
    }
}

static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static _Thread_local bool allocation_failed;
static json_malloc_t allocate;

static void *watched_allocate(size_t num_bytes)
{
    void *memory = allocate(num_bytes);
    allocation_failed = allocation_failed || memory == NULL;
    return memory;
}

static void watch_allocations(void)
{
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(watched_allocate, release);
}

json_t *untrusted_json_parse(const char *text, size_t num_bytes, untrusted_json_error *error)
{
    json_error_t parse_error;
    *error = (untrusted_json_error){0};
    error->problem = find_excess(text, num_bytes);
    if (error->problem != NULL)
        return NULL;
    const char *nul = memchr(text, '\0', num_bytes);
    if (nul != NULL) {
        *error = (untrusted_json_error){"is not JSON", (int)(nul - text)};
        return NULL;
    }
    pthread_once(&watch_once, watch_allocations);
    allocation_failed = false;
    json_t *json = json_loadb(text, num_bytes, JSON_REJECT_DUPLICATES, &parse_error);
    if (allocation_failed) {
        json_decref(json);
        return NULL;
    }
    if (json == NULL)
        *error = (untrusted_json_error){problem_of(&parse_error), parse_error.position};
    return json;
}
