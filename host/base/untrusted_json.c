/* Three checks come before jansson. jansson makes an object of every bracket and of every value, so
 * a text of empty brackets would grow to 75 times its size, and one of short values to 25 times.
 * And it ignores a NUL that follows a number.
 *
 * One check comes after it. If an allocation fails while jansson 2.14 reads a string, it loses a
 * byte of it without an error, and aborts if that byte came after a backslash. So jansson's
 * allocator is wrapped once: when memory runs out, it hands out a reserve that has room for the
 * longest string, and the tree is thrown away. */
#include "base/untrusted_json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A vocabulary has one value for each of up to 0x110000 characters. */
enum { MAX_VALUES = 0x110000 + 64 };

typedef struct {
    size_t num_brackets, num_commas; /* outside strings */
    size_t longest;                  /* bytes of the longest string */
} json_size;

static json_size measure(const char *text, size_t num_bytes)
{
    json_size size = {0};
    bool in_string = false;
    size_t begin = 0;
    for (size_t i = 0; i < num_bytes; i++) {
        if (text[i] == '"') {
            if (in_string && i - begin > size.longest)
                size.longest = i - begin;
            in_string = !in_string;
            begin = i;
        } else if (text[i] == '\\' && in_string) {
            i++;
        } else if (!in_string && (text[i] == '[' || text[i] == '{')) {
            size.num_brackets++;
        } else if (!in_string && text[i] == ',') {
            size.num_commas++;
        }
    }
    return size;
}

/* A tensor's entry has three opening brackets in at least 45 bytes; a configuration or a vocabulary
 * has one in all. */
static const char *find_excess(const char *text, size_t num_bytes)
{
    json_size size = measure(text, num_bytes);
    if (size.num_brackets > num_bytes / 12 + 8)
        return "has more brackets than a model's";
    return size.num_commas > MAX_VALUES ? "has more values than a model's" : NULL;
}

/* jansson's buffer for a string doubles, and what it held before is released last. */
static size_t reserve_bytes(const json_size *size)
{
    enum { SMALL_BYTES = 256, STRING_BYTES = 4 };
    return SMALL_BYTES + STRING_BYTES * size->longest;
}

size_t untrusted_json_memory(const char *text, size_t num_bytes)
{
    /* An object with its table, or an array; a member or an element; and each string once more in
     * the parser's buffer, which doubles. */
    enum { BRACKET_BYTES = 320, VALUE_BYTES = 192, BYTE_BYTES = 4 };
    json_size size = measure(text, num_bytes);
    return size.num_brackets * BRACKET_BYTES +
           (size.num_commas + size.num_brackets + 1) * VALUE_BYTES + num_bytes * BYTE_BYTES +
           reserve_bytes(&size);
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
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "has the character NUL";
    case json_error_stack_overflow:
        return "is nested too deeply";
    default:
        return "is not JSON";
    }
}

static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static _Thread_local bool allocation_failed;
static _Thread_local struct {
    char *memory; /* NULL outside parse() */
    size_t num_bytes, used;
} reserve;
static json_malloc_t allocate;
static json_free_t release;

static void *take_from_reserve(size_t num_bytes)
{
    size_t rounded =
        (num_bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (reserve.memory == NULL || rounded > reserve.num_bytes - reserve.used)
        return NULL;
    reserve.used += rounded;
    return reserve.memory + reserve.used - rounded;
}

static void *watched_allocate(size_t num_bytes)
{
    void *memory = allocate(num_bytes);
    if (memory != NULL)
        return memory;
    allocation_failed = true;
    return take_from_reserve(num_bytes);
}

static void watched_release(void *memory)
{
    char *at = memory;
    if (reserve.memory == NULL || at < reserve.memory || at >= reserve.memory + reserve.num_bytes)
        release(memory);
}

static void watch_allocations(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(watched_allocate, watched_release);
}

static bool open_reserve(const char *text, size_t num_bytes)
{
    const json_size size = measure(text, num_bytes);
    reserve.num_bytes = reserve_bytes(&size);
    reserve.used = 0;
    reserve.memory = malloc(reserve.num_bytes);
    return reserve.memory != NULL;
}

static void close_reserve(void)
{
    free(reserve.memory);
    reserve.memory = NULL;
}

static bool is_cut_off(const json_error_t *error)
{
    return json_error_code(error) == json_error_premature_end_of_input ||
           (json_error_code(error) == json_error_invalid_syntax &&
            strstr(error->text, "near end of file") != NULL);
}

static int count_lines(const char *begin, const char *end)
{
    int num = 1;
    for (const char *at = begin; at < end; at++)
        num += *at == '\n';
    return num;
}

static json_t *parse(const char *text, size_t num_bytes, size_t flags, untrusted_json_error *error)
{
    json_error_t parse_error;
    const char *nul = memchr(text, '\0', num_bytes);
    if (nul != NULL) {
        *error = (untrusted_json_error){
            .problem = "is not JSON", .byte = (int)(nul - text), .line = count_lines(text, nul)};
        return NULL;
    }
    pthread_once(&watch_once, watch_allocations);
    allocation_failed = false;
    if (!open_reserve(text, num_bytes))
        return NULL;
    json_t *json = json_loadb(text, num_bytes, flags | JSON_REJECT_DUPLICATES, &parse_error);
    if (allocation_failed) {
        json_decref(json);
        json = NULL;
    }
    close_reserve();
    if (allocation_failed)
        return NULL;
    if (json != NULL)
        return json;
    bool is_value_cut_off = (flags & JSON_DECODE_ANY) != 0 && is_cut_off(&parse_error);
    *error = (untrusted_json_error){.problem =
                                        is_value_cut_off ? "is cut off" : problem_of(&parse_error),
                                    .byte = parse_error.position,
                                    .line = parse_error.line};
    return NULL;
}

json_t *untrusted_json_parse(const char *text, size_t num_bytes, untrusted_json_error *error)
{
    *error = (untrusted_json_error){.problem = find_excess(text, num_bytes)};
    return error->problem == NULL ? parse(text, num_bytes, 0, error) : NULL;
}

json_t *untrusted_json_parse_any(const char *text, size_t num_bytes, untrusted_json_error *error)
{
    *error = (untrusted_json_error){0};
    return parse(text, num_bytes, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, error);
}
