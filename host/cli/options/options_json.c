/* A command's options as JSON and back, by the command's table. A run's config.json holds them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/words.h"

#include "cli/options/nearest_name.h"
#include "cli/options/options_table.h"
#include "files/json_build.h"
#include "files/json_values.h"

static json_t *choice_to_json(const option_spec *spec, const void *field)
{
    int index;
    memcpy(&index, field, sizeof index);
    size_t length;
    const char *word = lyrnn_word_at(spec->metavar, index, &length);
    return json_stringn(word, length);
}

static json_t *texts_to_json(const option_texts *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < texts->num; i++)
        json_add(&array, json_string_or_null(texts->items[i]));
    return array;
}

static json_t *ints_to_json(const int_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->num; i++)
        json_add(&array, json_integer(list->items[i]));
    return array;
}

json_t *options_value_to_json(const option_spec *spec, const void *fields)
{
    const void *field = (const char *)fields + spec->offset;
    switch (spec->kind) {
    case OPTION_INT:
        return json_integer(*(const int *)field);
    case OPTION_INTS:
        return ints_to_json(field);
    case OPTION_SIZE:
        return json_integer((json_int_t) * (const size_t *)field);
    case OPTION_UINT64:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case OPTION_FLOAT:
        return json_of_float(*(const float *)field);
    case OPTION_DOUBLE:
        return json_real(*(const double *)field);
    case OPTION_CHOICE:
        return choice_to_json(spec, field);
    case OPTION_FLAG:
        return json_boolean(*(const bool *)field);
    case OPTION_TEXT:
        return json_string_or_null(*(const char *const *)field);
    case OPTION_TEXTS:
        return texts_to_json(field);
    case OPTION_HEADING:
        break;
    }
    return NULL;
}

void options_key(const option_spec *spec, option_key key)
{
    snprintf(key, sizeof(option_key), "%s", spec->name);
    for (char *dash = key; (dash = strchr(dash, '-')) != NULL;)
        *dash = '_';
}

json_t *options_to_json(const option_table *table, const void *fields)
{
    json_t *object = json_object();
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind == OPTION_HEADING)
            continue;
        option_key key;
        options_key(spec, key);
        json_put(&object, key, options_value_to_json(spec, fields));
    }
    return object;
}

static lyrnn_status wrong_type(const option_spec *spec, const char *what)
{
    option_key key;
    options_key(spec, key);
    return lyrnn_fail(LYRNN_ERR_USAGE, "\"%s\" must be %s", key, what);
}

static lyrnn_status texts_from_json(const option_spec *spec, const json_t *value,
                                    option_texts *texts)
{
    if (!json_is_array(value))
        return wrong_type(spec, "an array of strings");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (text == NULL)
            return wrong_type(spec, "an array of strings");
        LYRNN_TRY(options_add_text(texts, text));
    }
    return LYRNN_OK;
}

/* Checks each number by the rules for a list of one. */
static lyrnn_status ints_from_json(const option_spec *spec, const json_t *value, void *fields)
{
    int_list *list = option_field(spec, fields), all = {0};
    lyrnn_status status = LYRNN_OK;
    if (!json_is_array(value) || json_array_size(value) == 0)
        return wrong_type(spec, "an array of whole numbers");
    for (size_t i = 0; i < json_array_size(value) && status == LYRNN_OK; i++) {
        char text[32];
        const json_t *item = json_array_get(value, i);
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
        status = json_is_integer(item) ? options_set_value(spec, text, fields)
                                       : wrong_type(spec, "an array of whole numbers");
        if (status == LYRNN_OK && !int_list_add(&all, list->items[0]))
            status = lyrnn_out_of_memory("options", 0, "give fewer");
    }
    free(list->items);
    *list = all;
    return status;
}

/* Numbers become text first, so that one set of rules serves JSON and the command line. */
static lyrnn_status value_from_json(const option_spec *spec, const json_t *value, void *fields)
{
    char text[64];
    switch (spec->kind) {
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_UINT64:
        if (!json_is_integer(value))
            return wrong_type(spec, "a whole number");
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return options_set_value(spec, text, fields);
    case OPTION_INTS:
        return ints_from_json(spec, value, fields);
    case OPTION_FLOAT:
    case OPTION_DOUBLE:
        if (!json_is_number(value))
            return wrong_type(spec, "a number");
        snprintf(text, sizeof text, "%.17g", json_number_value(value));
        return options_set_value(spec, text, fields);
    case OPTION_CHOICE:
        if (!json_is_string(value))
            return wrong_type(spec, "a string");
        return options_set_value(spec, json_string_value(value), fields);
    case OPTION_FLAG:
        if (!json_is_boolean(value))
            return wrong_type(spec, "true or false");
        *(bool *)option_field(spec, fields) = json_is_true(value);
        return LYRNN_OK;
    case OPTION_TEXT:
        if (!json_is_string(value))
            return wrong_type(spec, "a string");
        return options_set_value(spec, json_string_value(value), fields);
    case OPTION_TEXTS:
        return texts_from_json(spec, value, option_field(spec, fields));
    case OPTION_HEADING:
        break;
    }
    return LYRNN_OK;
}

lyrnn_status options_from_json(const option_table *table, const json_t *object, void *fields)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        const option_spec *spec = &table->specs[i];
        if (spec->kind == OPTION_HEADING)
            continue;
        option_key key;
        options_key(spec, key);
        const json_t *value = json_object_get(object, key);
        if (value != NULL && !(json_is_null(value) && spec->fallback == NULL))
            LYRNN_TRY(value_from_json(spec, value, fields));
        else if (value == NULL && spec->if_missing != NULL)
            LYRNN_TRY(options_set_value(spec, spec->if_missing, fields));
        else if (spec->fallback != NULL)
            return lyrnn_fail(LYRNN_ERR_USAGE, "\"%s\" is missing", key);
    }
    return LYRNN_OK;
}

static lyrnn_status refuse_key(const option_table *table, const char *typed)
{
    nearest_name nearest = {.typed = typed, .length = strlen(typed)};
    for (size_t i = 0; i < table->num_specs; i++) {
        if (table->specs[i].kind == OPTION_HEADING)
            continue;
        option_key key;
        options_key(&table->specs[i], key);
        nearest_name_consider(&nearest, "", key, strlen(key));
    }
    const char *meant = nearest_name_text(&nearest);
    return lyrnn_fail(LYRNN_ERR_USAGE, "\"%s\" is no option of %s%s%s", typed, table->name,
                      meant != NULL ? "; " : "", meant != NULL ? meant : "");
}

json_t *options_get(const option_spec *spec, const json_t *object)
{
    option_key key;
    if (spec->kind == OPTION_HEADING)
        return NULL;
    options_key(spec, key);
    return json_object_get(object, key);
}

/* False: out of memory. */
static bool write_value(const json_t *value, FILE *stream)
{
    enum { DIGITS = 15 };
    if (value == NULL || json_is_null(value))
        return fputs("none", stream) >= 0;
    if (json_is_string(value))
        return fputs(json_string_value(value), stream) >= 0;
    char *text = json_to_text(value, JSON_REAL_PRECISION(DIGITS));
    bool is_written = text != NULL && fputs(text, stream) >= 0;
    free(text);
    return is_written;
}

char *options_value_text(const json_t *value)
{
    char *text = NULL;
    size_t num_bytes, num = json_array_size(value);
    FILE *stream = open_memstream(&text, &num_bytes);
    if (stream == NULL)
        return NULL;
    bool is_whole = num > 0 || write_value(json_is_array(value) ? NULL : value, stream);
    for (size_t i = 0; i < num && is_whole; i++)
        is_whole =
            fputs(i > 0 ? ", " : "", stream) >= 0 && write_value(json_array_get(value, i), stream);
    if (fclose(stream) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}

static bool is_key(const option_table *table, const char *typed)
{
    for (size_t i = 0; i < table->num_specs; i++) {
        option_key key;
        if (table->specs[i].kind == OPTION_HEADING)
            continue;
        options_key(&table->specs[i], key);
        if (strcmp(key, typed) == 0)
            return true;
    }
    return false;
}

lyrnn_status options_mark_keys(const option_table *table, const json_t *object,
                               option_result *result)
{
    const char *typed;
    json_t *value;
    json_object_foreach((json_t *)object, typed, value)
    {
        if (!is_key(table, typed))
            return refuse_key(table, typed);
    }
    for (size_t i = 0; i < table->num_specs; i++)
        if (options_get(&table->specs[i], object) != NULL)
            result->given[i] = true;
    return LYRNN_OK;
}

static size_t size_of(option_kind kind)
{
    static const size_t sizes[] = {
        [OPTION_HEADING] = 0,
        [OPTION_INT] = sizeof(int),
        [OPTION_INTS] = sizeof(int_list),
        [OPTION_SIZE] = sizeof(size_t),
        [OPTION_UINT64] = sizeof(uint64_t),
        [OPTION_FLOAT] = sizeof(float),
        [OPTION_DOUBLE] = sizeof(double),
        [OPTION_CHOICE] = sizeof(int),
        [OPTION_FLAG] = sizeof(bool),
        [OPTION_TEXT] = sizeof(const char *),
        [OPTION_TEXTS] = sizeof(option_texts),
    };
    return sizes[kind];
}

void options_swap(const option_spec *spec, void *fields, void *others)
{
    unsigned char held[sizeof(option_texts)];
    size_t size = size_of(spec->kind);
    void *field = option_field(spec, fields), *other = option_field(spec, others);
    LYRNN_CHECK(size <= sizeof held);
    memcpy(held, field, size);
    memcpy(field, other, size);
    memcpy(other, held, size);
}
