/* The command lyrnn bench: measures how fast this machine trains or generates, for each shape that
 * the options select, and how much each operation contributes. bench_shapes.c lists the shapes,
 * host/bench measures, bench_output.c prints. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/plain_text.h"
#include "bench/bench_run.h"
#include "bench/rank_outcome.h"
#include "cli/bench_output.h"
#include "cli/bench_shapes.h"
#include "cli/machine.h"
#include "cli/options/options.h"
#include "cli/rank_command.h"
#include "cli/ranks_start.h"

typedef struct {
    lyrnn_bench_config bench; /* bench_config_of fills in the shape */
    bench_preset preset;
    int format;
    bench_choice choice;
    machine_options machine;
    int num_ranks; /* that this process starts; 1: none */
    lyrnn_tune_mode tune;
    const char *plan;
} bench_fields;

#define FIELD(member) .offset = offsetof(bench_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Task:"},
    {OPTION_CHOICE, "task", "train|generate|operations",
     "measure optimizer steps, parallel generation, or each operation of a step", FIELD(bench.task),
     .fallback = "train"},

    BENCH_SHAPE_OPTIONS(bench_fields, preset, choice),
    {OPTION_FLOAT, "dropout", "P", "probability to drop an output between two layers in training",
     FIELD(bench.model.dropout), .fallback = "0", .min = "0", .max = "1"},

    {OPTION_HEADING, .help = "Choice of characters (--task generate):"},
    {OPTION_FLOAT, "temperature", "T",
     "sample with this temperature; 0: take the most likely character each time",
     FIELD(bench.sampler.temperature), .fallback = "0", .min = "0", .max = "100"},
    {OPTION_INT, "top-k", "N", "sample among the N most likely characters; 0: all",
     FIELD(bench.sampler.top_k), .fallback = "0", .min = "0", .max = "1114112"},
    {OPTION_FLOAT, "top-p", "P",
     "sample among the most likely characters that together have probability P; 1: all",
     FIELD(bench.sampler.top_p), .fallback = "1", .min = "0.001", .max = "1"},

    {OPTION_HEADING, .help = "Measurement:"},
    {OPTION_INT, "steps", "N", "optimizer steps per repetition, or characters per text",
     FIELD(bench.num_steps), .fallback = "50", .min = "1", .max = "1000000"},
    {OPTION_INT, "repetitions", "N", "repetitions that count, after one that warms up",
     FIELD(bench.num_repetitions), .fallback = "5", .min = "1", .max = "10000",
     .detail = "If --steps is 1, two repetitions warm up."},
    {OPTION_CHOICE, "format", "table|json|jsonl|csv",
     "a table to read, one JSON object with all rows, one JSON object per line and row, or CSV",
     FIELD(format), .fallback = "table"},

    {OPTION_HEADING, .help = "Ranks:"},
    RANKS_OPTION(bench_fields, num_ranks),

    MACHINE_OPTIONS(bench_fields, machine),
    PLAN_OPTIONS(bench_fields, tune, plan),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn bench",
    .summary = "measure how fast this machine trains and generates",
    .doc = "Measures how fast this machine trains on random characters, or generates. Prints "
           "characters per second and milliseconds per step. Then prints the time of each "
           "operation and compares it with an estimate from this machine's GEMM and copy "
           "rates. " BENCH_LIST_DOC " Every combination is measured.",
    .detail = "Times are the median, p10 and p90 over the repetitions. In generation, a step adds "
              "one character to every text. The rates are measured in the same run.\n"
              "If --ranks, torchrun, srun or mpirun starts N ranks, each shape has three "
              "rows: one rank while the others wait, N ranks that divide the same batch (strong "
              "scaling), and N ranks with a batch that is N times as large (weak scaling). Only "
              "rank 0 prints. The rows compare the sum of the gradients over the ranks with its "
              "time at the rate of the links, which is measured too.\n"
              "A shape that does not fit into memory is named on standard error. The other "
              "shapes are measured, and the exit status is 1.",
    .examples = "lyrnn bench --preset article --steps 2\n"
                "lyrnn bench --hidden-size 32..64*2 --steps 2 --format csv\n"
                "lyrnn bench --task operations --cell gru --steps 2",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = 0,
};

/* Refuses the options that the task does not use. */
static lyrnn_status check_task(const option_result *result, const bench_fields *fields)
{
    static const struct {
        const char *name, *tasks;
        bool generates;
    } options[] = {
        {"temperature", "generate", true},
        {"top-k", "generate", true},
        {"top-p", "generate", true},
        {"dropout", "train or operations", false},
        {"num-steps", "train or operations", false},
        {"tune", "train or operations", false},
        {"plan", "train or operations", false},
    };
    static const char *const tasks[] = {
        [LYRNN_BENCH_TRAIN] = "train",
        [LYRNN_BENCH_GENERATE] = "generate",
        [LYRNN_BENCH_OPERATIONS] = "operations",
    };
    bool generates = fields->bench.task == LYRNN_BENCH_GENERATE;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].generates != generates && options_given(&table, result, options[i].name))
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--%s: --task %s does not use it; leave it out, or choose --task %s",
                              options[i].name, tasks[fields->bench.task], options[i].tasks);
    return LYRNN_OK;
}

static lyrnn_bench_config bench_config_of(const bench_fields *fields, const bench_shape *shape)
{
    lyrnn_bench_config config = fields->bench;
    bench_shape_to_config(shape, &fields->choice, &config);
    config.sampler.repeat_penalty = 1.0f;
    return config;
}

/* Chooses the plans of a shape as its training would. */
static lyrnn_status choose_plans(const bench_fields *fields, const lyrnn_bench_config *config,
                                 lyrnn_backend *backend, bench_output *output, tuning *result)
{
    tuning_request request = {
        .mode = fields->tune, .max_seconds = TUNING_MAX_SECONDS, .log = output->log};
    *result = (tuning){0};
    if (config->task == LYRNN_BENCH_GENERATE)
        return LYRNN_OK;
    LYRNN_TRY(plan_pair_parse(fields->plan, &request.given));
    LYRNN_TRY(lyrnn_bench_tune(config, backend, &request, result));
    const plan_pair plans = tuning_plans(result);
    plan_pair_print(&plans, output->plan);
    return LYRNN_OK;
}

/* The ranks that the backend has joined compute together, and fail together. */
static lyrnn_status measure_row(const bench_fields *fields, const bench_shape *shape,
                                lyrnn_backend *backend, bench_output *output)
{
    lyrnn_bench_config config = bench_config_of(fields, shape);
    tuning plans;
    lyrnn_bench_result result;
    config.ranks = output->backend->comm;
    LYRNN_TRY(choose_plans(fields, &config, backend, output, &plans));
    lyrnn_status status = lyrnn_bench_run(&config, backend, &result);
    LYRNN_TRY(tuning_release(&plans, backend));
    LYRNN_TRY(status);
    return bench_output_print(output, &config, shape, &result);
}

/* One row, or if there are ranks one for each way to scale. */
static lyrnn_status measure_shape(const bench_fields *fields, const bench_shape *shape,
                                  bench_output *output)
{
    lyrnn_comm *comm = output->backend->comm;
    if (comm == NULL)
        return measure_row(fields, shape, output->backend, output);
    for (output->scaling = BENCH_ONE_RANK; output->scaling < BENCH_NUM_SCALINGS;
         output->scaling++) {
        lyrnn_backend backend = *output->backend;
        bench_shape row_shape = *shape;
        lyrnn_status status = LYRNN_OK;
        if (output->scaling == BENCH_ONE_RANK)
            backend.comm = NULL;
        if (output->scaling == BENCH_WEAK)
            row_shape.sizes[BENCH_BATCH_SIZE] *= comm->size;
        if (backend.comm != NULL || comm->rank == 0)
            status = measure_row(fields, &row_shape, &backend, output);
        LYRNN_TRY(lyrnn_bench_agree(comm, status));
    }
    return LYRNN_OK;
}

/* Measures and prints each shape. If one of several shapes does not fit into memory, the function
 * says so on standard error and continues with the next shape. */
static lyrnn_status measure_shapes(const bench_fields *fields, const bench_shape *shapes,
                                   size_t num, bench_output *output)
{
    size_t num_too_large = 0;
    for (size_t i = 0; i < num; i++) {
        lyrnn_status status = measure_shape(fields, &shapes[i], output);
        if (status == LYRNN_ERR_MEMORY && num > 1) {
            const lyrnn_bench_config config = bench_config_of(fields, &shapes[i]);
            bench_label label;
            bench_label_of(&config, &shapes[i], label);
            lyrnn_print_plain(output->log, "%s: %s\n", label, lyrnn_error_text());
            num_too_large++;
            continue;
        }
        LYRNN_TRY(status);
    }
    return num_too_large == 0
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_MEMORY,
                            "bench: %zu of %zu shapes do not fit into memory; lower their sizes, "
                            "for example with --batch-size 8",
                            num_too_large, num);
}

/* Ranks divide the batch equally. Checked before anything is measured. */
static lyrnn_status check_batches(const bench_shape *shapes, size_t num, const lyrnn_comm *comm)
{
    int N = comm != NULL ? comm->size : 1;
    for (size_t i = 0; i < num; i++) {
        int B = shapes[i].sizes[BENCH_BATCH_SIZE];
        if (B < N)
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--batch-size %d: is less than the %d ranks; use %d or more", B, N,
                              N);
        if (B % N != 0)
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--batch-size %d: cannot be divided among %d ranks; use %d or %d", B,
                              N, B / N * N, (B / N + 1) * N);
    }
    return LYRNN_OK;
}

static lyrnn_status bench_on(lyrnn_backend *backend, const bench_fields *fields,
                             const rank_place *place)
{
    bench_shape *shapes;
    size_t num;
    bench_output output = {.format = (bench_format)fields->format,
                           .backend = backend,
                           .log = place->silence != NULL ? place->silence : stderr};
    LYRNN_TRY(rank_command_join(place->comm, backend));
    LYRNN_TRY(bench_shapes_list(fields->preset, &fields->choice, &shapes, &num));
    output.options = options_to_json(&table, fields);
    lyrnn_status status = check_batches(shapes, num, place->comm);
    if (status == LYRNN_OK)
        status = measure_shapes(fields, shapes, num, &output);
    if (status == LYRNN_OK || status == LYRNN_ERR_MEMORY)
        (void)bench_output_end(&output);
    json_decref(output.options);
    free(shapes);
    return status;
}

/* Ranks sum gradients, and a generation has none. */
static lyrnn_status check_ranks(const bench_fields *fields, const rank_place *place)
{
    if (place->comm == NULL || fields->bench.task != LYRNN_BENCH_GENERATE)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--task generate: uses one process, and %s started %d; "
                      "start one",
                      place->launcher, place->comm->size);
}

static lyrnn_status bench_at(void *context, const rank_place *place)
{
    const bench_fields *fields = (const bench_fields *)context;
    lyrnn_backend backend;
    LYRNN_TRY(check_ranks(fields, place));
    LYRNN_TRY(machine_open_rank(&fields->machine, place->comm, &backend));
    const lyrnn_status status = bench_on(&backend, fields, place);
    return rank_command_leave(place->comm, &backend, status);
}

static lyrnn_status command_bench(int argc, char **argv)
{
    enum { RENDEZVOUS_SECONDS = 300 };
    bench_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help) {
        bench_choose(&table, &result, fields.preset, &fields.choice);
        status = check_task(&result, &fields);
    }
    if (status != LYRNN_OK || !result.help)
        status = rank_command_run(&(rank_command){.table = &table,
                                                  .fields = &fields,
                                                  .result = &result,
                                                  .num_ranks = fields.num_ranks,
                                                  .timeout_seconds = RENDEZVOUS_SECONDS,
                                                  .work = bench_at,
                                                  .context = &fields},
                                  status);
    options_free(&table, &fields);
    return status;
}

const cli_command bench_command = {&table, command_bench};
