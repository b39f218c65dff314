/* See golden_file.h. */
#include "golden_file.h"

#include <stdio.h>

#include "compare.h"
#include "model_check.h"

json_t *golden_member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL)
        fail_msg("golden file: no %s", name);
    return value;
}

int golden_integer(json_t *object, const char *name)
{
    json_t *value = golden_member(object, name);
    assert_true(json_is_integer(value));
    return (int)json_integer_value(value);
}

double golden_number(json_t *object, const char *name)
{
    json_t *value = golden_member(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Appends a JSON array of `count` numbers to values, and returns the end. */
static double *append_numbers(json_t *array, double *values, size_t count)
{
    assert_int_equal(json_array_size(array), count);
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_array_get(array, i);
        assert_true(json_is_number(value));
        *values++ = json_number_value(value);
    }
    return values;
}

double *golden_numbers(json_t *object, const char *name, int count)
{
    double *values = test_memory((size_t)count, sizeof *values);
    append_numbers(golden_member(object, name), values, (size_t)count);
    return values;
}

int32_t *golden_ids(json_t *object, const char *name, size_t count)
{
    json_t *array = golden_member(object, name);
    assert_int_equal(json_array_size(array), count);
    int32_t *values = test_memory(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return values;
}

double *golden_tensors(json_t *object, const char *name, const lyrnn_rnn_config *config)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    json_t *named = golden_member(object, name);
    assert_int_equal(json_object_size(named), parameters.num);
    double *values = test_memory(lyrnn_parameters_total(&parameters), sizeof *values);
    double *next = values;
    for (int i = 0; i < parameters.num; i++)
        next = append_numbers(golden_member(named, parameters.items[i].name), next,
                              lyrnn_parameter_count(&parameters.items[i]));
    return values;
}

void golden_assert_tensors(const lyrnn_rnn_config *config, const double *actual,
                           const double *expected, double tolerance)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    for (int i = 0; i < parameters.num; i++) {
        size_t count = lyrnn_parameter_count(&parameters.items[i]);
        assert_doubles_near(parameters.items[i].name, actual, expected, count, tolerance);
        actual += count;
        expected += count;
    }
}

json_t *golden_open_json(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    assert_non_null(json_string_value(golden_member(golden_member(json, "provenance"), "torch")));
    return json;
}

lyrnn_rnn_config golden_config(json_t *json)
{
    lyrnn_rnn_config config = {
        .input_size = golden_integer(json, "V"),
        .hidden_size = golden_integer(json, "H"),
        .num_layers = golden_integer(json, "num_layers"),
        .bidirectional = json_is_true(golden_member(json, "bidirectional")),
    };
    const char *cell = json_string_value(golden_member(json, "cell"));
    assert_int_equal(lyrnn_cell_parse(cell, &config.cell), LYRNN_OK);
    if (json_object_get(json, "embedding_size") == NULL)
        return config;
    config.embedding_size = golden_integer(json, "embedding_size");
    config.tied = json_is_true(golden_member(json, "tied"));
    config.dropout = (float)golden_number(json, "dropout");
    config.dropout_input = (float)golden_number(json, "dropout_input");
    config.dropout_output = (float)golden_number(json, "dropout_output");
    config.dropout_weight = (float)golden_number(json, "dropout_weight");
    return config;
}
