/* lyrnn bench: how fast this machine trains a shape, or writes with it, as a line to read or JSON to keep. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "lyrnn/bench.h"
#include "machine.h"
#include "options.h"

enum { FORMAT_TABLE, FORMAT_JSON };
enum { TASK_TRAIN, TASK_GENERATE };

typedef struct {
    int task;
    lyrnn_bench_config bench;
    lyrnn_sampler sampler;
    machine_options machine;
    int format;
} bench_fields;

#define FIELD(member) .offset = offsetof(bench_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Task:"},
    {OPTION_CHOICE, "task", "train|generate", "optimiser steps, or texts written side by side",
     FIELD(task), .fallback = "train"},
    {OPTION_FLOAT, "temperature", "T", "how texts are drawn; 0: the likeliest character each time",
     FIELD(sampler.temperature), .fallback = "0", .min = "0", .max = "100"},
    {OPTION_INT, "top-k", "N", "draw among the N likeliest; 0: all", FIELD(sampler.top_k),
     .fallback = "0", .min = "0", .max = "1114112"},
    {OPTION_FLOAT, "top-p", "P", "draw among the likeliest that together have probability P",
     FIELD(sampler.top_p), .fallback = "1", .min = "0.001", .max = "1"},

    {OPTION_HEADING, .help = "Shape:"},
    {OPTION_CHOICE, "cell", "rnn_tanh|rnn_relu|lstm|gru", "recurrent cell", FIELD(bench.model.cell),
     .fallback = "rnn_tanh"},
    {OPTION_INT, "vocab-size", "N", "distinct characters", FIELD(bench.model.input_size),
     .fallback = "1027", .min = "2", .max = "1114112"},
    {OPTION_INT, "hidden-size", "N", "hidden units", FIELD(bench.model.hidden_size),
     .fallback = "256", .min = "1", .max = "65536"},
    {OPTION_INT, "num-layers", "N", "recurrent layers", FIELD(bench.model.num_layers),
     .fallback = "1", .min = "1", .max = "16"},
    {OPTION_FLAG, "bidirectional", NULL, "both directions", FIELD(bench.model.bidirectional)},
    {OPTION_FLOAT, "dropout", "P", "between layers", FIELD(bench.model.dropout), .fallback = "0",
     .min = "0", .max = "1"},
    {OPTION_INT, "batch-size", "N", "streams of text, or texts", FIELD(bench.B), .fallback = "32",
     .min = "1", .max = "65536"},
    {OPTION_INT, "num-steps", "N", "characters that gradients reach back in training",
     FIELD(bench.T), .fallback = "35", .min = "1", .max = "8192"},

    {OPTION_HEADING, .help = "Measurement:"},
    {OPTION_INT, "steps", "N", "optimiser steps, or characters of a text, a repetition",
     FIELD(bench.num_steps), .fallback = "50", .min = "1", .max = "1000000"},
    {OPTION_INT, "repetitions", "N", "repetitions, after one that is not counted",
     FIELD(bench.num_repetitions), .fallback = "5", .min = "1", .max = "10000"},
    {OPTION_CHOICE, "format", "table|json", "how to print it", FIELD(format), .fallback = "table"},

    MACHINE_OPTIONS(bench_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn bench",
    .doc =
        "Measures training on random characters, or writing: milliseconds an optimiser step or a "
        "character of every text, and characters a second, as median, least and most over the "
        "repetitions.",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = 0,
};

static void print_table(const bench_fields *fields, const lyrnn_bench_result *result,
                        const char *device)
{
    const lyrnn_bench_config *bench = &fields->bench;
    printf("%s, V %d, H %d, L %d%s, B %d", lyrnn_cell_name(bench->model.cell),
           bench->model.input_size, bench->model.hidden_size, bench->model.num_layers,
           bench->model.bidirectional ? " in both directions" : "", bench->B);
    printf(fields->task == TASK_TRAIN ? ", T %d\n" : ", writing %d characters\n",
           fields->task == TASK_TRAIN ? bench->T : bench->num_steps);
    printf("%s\n", device);
    printf("%.4g ms a step (%.4g to %.4g), %.0f characters/s", result->median_ms, result->min_ms,
           result->max_ms, result->chars_per_second);
    if (result->device_bytes > 0)
        printf(", %.1f MiB", (double)result->device_bytes / (1024.0 * 1024.0));
    putchar('\n');
}

static lyrnn_status print_json(const bench_fields *fields, const lyrnn_bench_result *result,
                               const char *backend, const char *device)
{
    json_t *json = options_to_json(&table, fields);
    int failed = json_object_set_new(json, "version", json_string(LYRNN_VERSION));
    failed |= json_object_set_new(json, "backend", json_string(backend));
    failed |= json_object_set_new(json, "device_name", json_string(device));
    failed |= json_object_set_new(json, "ms_per_step", json_real(result->median_ms));
    failed |= json_object_set_new(json, "ms_per_step_min", json_real(result->min_ms));
    failed |= json_object_set_new(json, "ms_per_step_max", json_real(result->max_ms));
    failed |= json_object_set_new(json, "chars_per_second", json_real(result->chars_per_second));
    failed |=
        json_object_set_new(json, "device_bytes", json_integer((json_int_t)result->device_bytes));
    failed |= json_dumpf(json, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(json);
    return failed ? lyrnn_fail(LYRNN_ERR_IO, "standard output: the result cannot be written; make "
                                             "room or send it elsewhere")
                  : LYRNN_OK;
}

static lyrnn_status bench(bench_fields *fields)
{
    lyrnn_backend backend;
    lyrnn_bench_result result;
    char device[256];
    LYRNN_TRY(machine_open(&fields->machine, &backend));
    fields->sampler.repeat_penalty = 1.0f;
    lyrnn_status status =
        fields->task == TASK_TRAIN
            ? lyrnn_bench_training(&fields->bench, &backend, &result)
            : lyrnn_bench_generation(&fields->bench, &fields->sampler, &backend, &result);
    backend.describe(&backend, device, sizeof device);
    if (status == LYRNN_OK && fields->format == FORMAT_JSON)
        status = print_json(fields, &result, backend.name, device);
    else if (status == LYRNN_OK)
        print_table(fields, &result, device);
    lyrnn_backend_close(&backend);
    return status;
}

lyrnn_status command_bench(int argc, char **argv)
{
    bench_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help)
        status = bench(&fields);
    options_free(&table, &fields);
    return status;
}
