/* The command lyrnn tune: tries the plans of a training's recurrences on this machine's device, for
 * each shape that the options select, and puts the result into the cache that trainings read.
 * host/tune/ measures and chooses. */
#include "cli/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "bench/bench_run.h"
#include "cli/bench_output.h"
#include "cli/bench_shapes.h"
#include "cli/bench_table.h"
#include "cli/machine.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "files/plain_json.h"
#include "tune/tuning.h"

typedef enum { TUNE_TABLE, TUNE_JSON, TUNE_JSONL } tune_format;

typedef struct {
    bench_preset preset;
    bench_choice choice;
    tune_format format;
    machine_options machine;
} tune_fields;

#define FIELD(member) .offset = offsetof(tune_fields, member)
static const option_spec specs[] = {
    BENCH_SHAPE_OPTIONS(tune_fields, preset, choice),

    {OPTION_HEADING, .help = "Output:"},
    {OPTION_CHOICE, "format", "table|json|jsonl",
     "a table to read, one JSON object with all plans, or one JSON object per line and plan",
     FIELD(format), .fallback = "table"},

    MACHINE_OPTIONS(tune_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn tune",
    .summary = "find the fastest way to compute recurrences on this GPU",
    .doc = "Tries each way (plan) in which a CUDA device can compute the recurrences of a "
           "training, forward and backward. Prints the time of a time step by estimate and as "
           "measured, and how far the results are from those of the plan steps. Trainings of the "
           "same shape then use the plans that it chooses. " BENCH_LIST_DOC
           " Every combination is tried.",
    .detail = "A training measures by itself, for at most half a second, so that this command is "
              "only needed to see the plans, or to measure again. --batch-size is that of a shard "
              "if the training has --shards. An error is the largest difference relative to the "
              "largest value. A plan whose error rounding does not explain, which cannot be "
              "launched or which does not end is not used, and the table says why. The result is "
              "in $XDG_CACHE_HOME/lyrnn/plans.json, or ~/.cache/lyrnn/plans.json. On a device with "
              "only one way, such as the CPU, the exit status is 1.",
    .examples = "lyrnn tune --preset article\n"
                "lyrnn tune --cell lstm --hidden-size 512 --batch-size 64 --num-steps 128",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = 0,
};

static void print_number(double value, const char *format)
{
    if (isfinite(value))
        printf(format, value);
    else
        printf("%12s", "-");
}

static void print_direction(const plan_set *set, const char *direction)
{
    for (int i = 0; i < set->num; i++) {
        const lyrnn_plan *plan = &set->plans[i];
        printf("  %-10s %-24s", i == 0 ? direction : "", plan->text);
        print_number(plan->expected_us, "%12.3g");
        print_number(plan->fault[0] == '\0' ? plan->us : NAN, "%12.3g");
        print_number(plan->error, "%12.2g");
        puts(i == set->chosen ? "  chosen" : "");
        if (plan->fault[0] != '\0')
            lyrnn_print_plain(stdout, "  %-10s   not used: %s\n", "", plan->fault);
    }
}

static void print_table(const char *label, const tuning *result)
{
    printf("\n%s\n  %-10s %-24s%12s%12s%12s\n", label, "direction", "plan", "expected us",
           "measured us", "error");
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        print_direction(&result->sets[i], plan_directions[i]);
}

typedef struct {
    tune_format format;
    lyrnn_backend *backend;
    bool bidirectional; /* all shapes are */
    bool has_begun;     /* something was printed */
} tune_output;

static const char *const precisions[] = {"fp32", "tf32", "bf16"};

/* One row per plan, which begins as those of lyrnn bench. NULL: no memory. */
static json_t *to_row(const tune_output *output, const bench_shape *shape, const plan_set *set,
                      int i)
{
    const lyrnn_plan *plan = &set->plans[i];
    json_t *row = json_object();
    bench_put_shape(&row, shape);
    json_put(&row, "bidirectional", json_boolean(output->bidirectional));
    bench_put_machine(&row, output->backend);
    json_put(&row, "precision", json_string(precisions[output->backend->precision]));
    json_put(&row, "direction", json_string(plan_directions[set->shape.is_backward]));
    json_put(&row, "plan", json_string(plan->text));
    json_put(&row, "expected_us", json_real_or_null(plan->expected_us));
    json_put(&row, "us", json_real_or_null(plan->us));
    json_put(&row, "error", json_real_or_null(plan->error));
    json_put(&row, "fault", json_string_or_null(plan->fault));
    json_put(&row, "chosen", json_boolean(i == set->chosen));
    return row;
}

static lyrnn_status print_row(tune_output *output, json_t *row)
{
    char *line = json_dumps_plain(row, JSON_REAL_PRECISION(9));
    if (line == NULL)
        return lyrnn_out_of_memory("tune", 0, "close other programs");
    if (output->format == TUNE_JSON)
        printf("%s%s", output->has_begun ? ",\n" : "{\"rows\": [\n", line);
    else
        puts(line);
    output->has_begun = true;
    free(line);
    return LYRNN_OK;
}

static lyrnn_status print_rows(tune_output *output, const bench_shape *shape, const plan_set *set)
{
    for (int i = 0; i < set->num; i++) {
        json_t *row = to_row(output, shape, set, i);
        lyrnn_status status = print_row(output, row);
        json_decref(row);
        LYRNN_TRY(status);
    }
    return LYRNN_OK;
}

/* Prints what is known of a shape's plans, and flushes it. */
static lyrnn_status print_result(tune_output *output, const lyrnn_bench_config *config,
                                 const bench_shape *shape, const tuning *result)
{
    bench_label label;
    bench_label_of(config, shape, label);
    if (output->format == TUNE_TABLE) {
        if (!output->has_begun)
            bench_table_head(output->backend);
        output->has_begun = true;
        print_table(label, result);
    } else {
        LYRNN_TRY(print_rows(output, shape, &result->sets[PLAN_FORWARD]));
        LYRNN_TRY(print_rows(output, shape, &result->sets[PLAN_BACKWARD]));
    }
    return standard_output_flush();
}

static lyrnn_status refuse_device(const lyrnn_backend *backend)
{
    const char *why = backend->why_not_cuda;
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "tune: the %s has only one plan%s%.*s; use --device cuda where there is one, "
                      "or train without tuning",
                      backend->name, why[0] != '\0' ? ", and there is no CUDA device: " : "",
                      (int)strcspn(why, ";"), why);
}

static lyrnn_status tune_shape(const tune_fields *fields, const bench_shape *shape,
                               tune_output *output)
{
    const tuning_request request = {.mode = LYRNN_TUNE_NOW, .log = stderr};
    lyrnn_bench_config config = {0};
    tuning result;
    bench_shape_to_config(shape, &fields->choice, &config);
    LYRNN_TRY(lyrnn_bench_tune(&config, output->backend, &request, &result));
    if (result.sets[PLAN_FORWARD].num == 0)
        return refuse_device(output->backend);
    LYRNN_TRY(tuning_release(&result, output->backend));
    return print_result(output, &config, shape, &result);
}

/* Tunes shape by shape. What was printed before a failure is whole. */
static lyrnn_status tune_shapes(const tune_fields *fields, const bench_shape *shapes, size_t num,
                                tune_output *output)
{
    lyrnn_status status = LYRNN_OK;
    for (size_t i = 0; i < num && status == LYRNN_OK; i++)
        status = tune_shape(fields, &shapes[i], output);
    if (output->format == TUNE_JSON && output->has_begun)
        puts("\n]}");
    return status == LYRNN_OK ? standard_output_check() : status;
}

static lyrnn_status run_tune(const tune_fields *fields)
{
    bench_shape *shapes;
    size_t num;
    lyrnn_backend backend;
    LYRNN_TRY(bench_shapes_list(fields->preset, &fields->choice, &shapes, &num));
    lyrnn_status status = machine_open(&fields->machine, &backend);
    tune_output output = {.format = fields->format,
                          .backend = &backend,
                          .bidirectional = fields->choice.bidirectional};
    if (status == LYRNN_OK) {
        status = tune_shapes(fields, shapes, num, &output);
        lyrnn_backend_close(&backend);
    }
    free(shapes);
    return status;
}

static lyrnn_status command_tune(int argc, char **argv)
{
    tune_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help) {
        bench_choose(&table, &result, fields.preset, &fields.choice);
        status = run_tune(&fields);
    }
    options_free(&table, &fields);
    return status;
}

const cli_command tune_command = {&table, command_tune};
