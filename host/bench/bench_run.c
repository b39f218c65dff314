/* Times training and generation. A repetition is one epoch or one generation: all of its steps are
 * queued, and the clock stops when the device has finished the last one. Operations are timed after
 * that, in separate steps. So the two measurements cannot disturb each other, and they never hold
 * memory at the same time. The device's rates come last. */
#include "bench/bench_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bench/device_rates.h"
#include "bench/percentile.h"
#include "bench/process_memory.h"
#include "bench/rank_outcome.h"
#include "bench/watched_backend.h"
#include "lyrnn/generate.h"
#include "lyrnn/philox.h"
#include "lyrnn/trainer.h"
#include "model/device_memory.h"

/* A model with random weights, and its trainer on random characters. */
typedef struct {
    lyrnn_model model;
    lyrnn_trainer trainer;
} bench_training;

/* A model and its trainer or generator. Members that were not opened are zero. */
typedef struct {
    const lyrnn_bench_config *config;
    int num_steps;  /* steps per repetition */
    uint64_t epoch; /* training: repetitions so far */
    double checked; /* when the other ranks were last checked */
    lyrnn_watched_backend watched;
    bench_training training;
    lyrnn_model model; /* of a generation */
    lyrnn_generator generator;
} workload;

static const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-3f, .clip_norm = 1e-2f};

/* Draws from a log-uniform distribution: id k occurs about as often as 1 / (k + 1). Characters of a
 * real text are distributed like this (Zipf's law). scripts/bench/bench_shapes.py draws the
 * same. */
static int32_t draw_id(int V, uint64_t place)
{
    double u = 0x1p-32 * lyrnn_philox_bits(1, LYRNN_PURPOSE_BENCH, place); /* [0, 1) */
    return (int32_t)pow(V + 1.0, u) - 1;
}

static lyrnn_status find_batches(const lyrnn_bench_config *config, int num_steps,
                                 lyrnn_batches *batches)
{
    size_t N = (size_t)config->B * ((size_t)config->T * (size_t)num_steps + 1);
    const lyrnn_batch_options options = {.N = N, .B = config->B, .T = config->T, .seed = 1};
    LYRNN_TRY(lyrnn_rnn_config_check(&config->model));
    return lyrnn_batches_init(batches, &options);
}

/* The text has num_steps batches. Call close_training afterwards, on failure too. */
static lyrnn_status make_training(bench_training *training, const lyrnn_bench_config *config,
                                  int num_steps, lyrnn_backend *backend)
{
    lyrnn_batches batches;
    *training = (bench_training){0};
    LYRNN_TRY(find_batches(config, num_steps, &batches));
    LYRNN_TRY(lyrnn_model_init(&training->model, &config->model, backend));
    lyrnn_model_randomize(&training->model, 1);
    int32_t *ids = (int32_t *)malloc(batches.N * sizeof *ids);
    if (ids == NULL)
        return lyrnn_out_of_memory("bench", batches.N * sizeof *ids, "lower --steps");
    for (size_t i = 0; i < batches.N; i++)
        ids[i] = draw_id(config->model.input_size, i);
    lyrnn_status status =
        lyrnn_trainer_init(&training->trainer, &training->model, &batches, ids, &optimizer);
    free(ids);
    return status;
}

static void close_training(bench_training *training)
{
    lyrnn_trainer_free(&training->trainer);
    lyrnn_model_free(&training->model);
}

/* Allocates all memory of a training on `trained` at once and frees it again, so that a shape that
 * cannot fit is refused before any work is done. */
static lyrnn_status check_memory(const lyrnn_bench_config *config, int num_steps,
                                 const lyrnn_backend *trained, lyrnn_backend *backend)
{
    lyrnn_batches batches;
    LYRNN_TRY(find_batches(config, num_steps, &batches));
    lyrnn_training_memory memory =
        lyrnn_training_memory_of(trained, &config->model, &optimizer, &batches);
    void *all;
    LYRNN_TRY(lyrnn_device_alloc(backend, memory.total_bytes, "this training in all",
                                 "lower --hidden-size, --batch-size or --num-steps", &all));
    backend->memory_free(backend, all);
    return LYRNN_OK;
}

static lyrnn_status open_training(workload *w)
{
    LYRNN_TRY(check_memory(w->config, w->num_steps, &w->watched.backend, w->watched.inner));
    lyrnn_status status = make_training(&w->training, w->config, w->num_steps, &w->watched.backend);
    w->watched.logits = w->training.trainer.activations.logits;
    return status;
}

static lyrnn_status open_generation(workload *w)
{
    lyrnn_generate_options options = lyrnn_greedy_options();
    options.sampler = w->config->sampler;
    options.num_samples = (size_t)w->config->B;
    LYRNN_TRY(lyrnn_model_init(&w->model, &w->config->model, &w->watched.backend));
    lyrnn_model_randomize(&w->model, 1);
    LYRNN_TRY(lyrnn_generator_init(&w->generator, &w->model, &options, 1 + (size_t)w->num_steps));
    w->watched.logits = w->generator.activations.logits;
    return LYRNN_OK;
}

static void close_workload(workload *w)
{
    close_training(&w->training);
    lyrnn_generator_free(&w->generator);
    lyrnn_model_free(&w->model);
}

/* Call close_workload afterwards, on failure too. It fails on every rank if it fails on one,
 * because a step needs all of them. */
static lyrnn_status open_workload(workload *w, const lyrnn_bench_config *config, int num_steps,
                                  lyrnn_backend *backend, bool time_operations)
{
    memset(w, 0, sizeof *w);
    w->config = config;
    w->num_steps = num_steps;
    lyrnn_watch(&w->watched, backend, time_operations);
    return lyrnn_bench_agree(backend->comm, config->task == LYRNN_BENCH_GENERATE
                                                ? open_generation(w)
                                                : open_training(w));
}

/* A rank that is gone ends a repetition that may last for minutes. */
static lyrnn_status check_ranks(workload *w)
{
    const double pause_seconds = 0.1;
    lyrnn_comm *ranks = w->config->ranks;
    const double now = lyrnn_seconds();
    if (ranks == NULL || now - w->checked < pause_seconds)
        return LYRNN_OK;
    w->checked = now;
    return ranks->check(ranks);
}

static lyrnn_status repeat_training(workload *w, double *seconds)
{
    LYRNN_TRY(lyrnn_trainer_begin_epoch(&w->training.trainer, ++w->epoch));
    lyrnn_watched_reset(&w->watched);
    double start = lyrnn_seconds();
    for (int step = 0; step < w->num_steps; step++) {
        LYRNN_TRY(check_ranks(w));
        lyrnn_trainer_step(&w->training.trainer);
    }
    (void)lyrnn_trainer_counters(&w->training.trainer);
    *seconds = lyrnn_seconds() - start;
    return lyrnn_trainer_check(&w->training.trainer);
}

static lyrnn_status repeat_generation(workload *w, double *seconds)
{
    int32_t id = 0;
    const lyrnn_prompt prompt = {.ids = &id, .length = 1};
    const lyrnn_listener nobody = {0};
    lyrnn_watched_reset(&w->watched);
    double start = lyrnn_seconds();
    LYRNN_TRY(lyrnn_generate(&w->generator, &prompt, (size_t)w->num_steps, &nobody));
    *seconds = lyrnn_seconds() - start;
    return LYRNN_OK;
}

static lyrnn_status repeat(workload *w, double *seconds)
{
    return w->config->task == LYRNN_BENCH_GENERATE ? repeat_generation(w, seconds)
                                                   : repeat_training(w, seconds);
}

/* Runs one repetition, or more until two steps have run. A device may treat these two differently:
 * on CUDA, run_step runs the first and records the second. */
static lyrnn_status warm_up(workload *w)
{
    enum { MIN_STEPS = 2 };
    double seconds;
    for (int steps = 0; steps < MIN_STEPS; steps += w->num_steps)
        LYRNN_TRY(repeat(w, &seconds));
    return LYRNN_OK;
}

static lyrnn_bench_time summarize(double *ms, int num)
{
    return (lyrnn_bench_time){
        .median_ms = lyrnn_percentile(ms, (size_t)num, 0.5),
        .p10_ms = lyrnn_percentile(ms, (size_t)num, 0.1),
        .p90_ms = lyrnn_percentile(ms, (size_t)num, 0.9),
    };
}

static lyrnn_status time_steps(workload *w, double *step_ms)
{
    LYRNN_TRY(warm_up(w));
    for (int i = 0; i < w->config->num_repetitions; i++) {
        double seconds;
        LYRNN_TRY(repeat(w, &seconds));
        step_ms[i] = 1e3 * seconds / w->num_steps;
    }
    return LYRNN_OK;
}

static lyrnn_status measure_steps(const lyrnn_bench_config *config, lyrnn_backend *backend,
                                  double *step_ms, lyrnn_bench_result *result)
{
    workload w;
    lyrnn_status status = open_workload(&w, config, config->num_steps, backend, false);
    if (status == LYRNN_OK)
        status = time_steps(&w, step_ms);
    result->device_bytes = w.watched.num_bytes;
    close_workload(&w);
    if (status != LYRNN_OK)
        return status;
    double rows = (config->task == LYRNN_BENCH_GENERATE ? 1.0 : config->T) * config->B;
    result->step = summarize(step_ms, config->num_repetitions);
    result->chars_per_second = rows / (1e-3 * result->step.median_ms);
    return LYRNN_OK;
}

/* Fills op_ms, shape (LYRNN_NUM_OPERATIONS, num_repetitions). The tallies of the last repetition
 * remain, and give the calls and the costs. */
static lyrnn_status time_operations(workload *w, double *op_ms)
{
    int num = w->config->num_repetitions;
    LYRNN_TRY(warm_up(w));
    for (int i = 0; i < num; i++) {
        double seconds;
        LYRNN_TRY(repeat(w, &seconds));
        for (int op = 0; op < LYRNN_NUM_OPERATIONS; op++)
            op_ms[(size_t)op * (size_t)num + (size_t)i] =
                1e3 * w->watched.tallies[op].seconds / w->num_steps;
    }
    return LYRNN_OK;
}

static void add_operation(const workload *w, lyrnn_operation op, double *op_ms,
                          lyrnn_bench_result *result)
{
    const lyrnn_op_tally *tally = &w->watched.tallies[op];
    const lyrnn_comm *comm = w->watched.inner->comm;
    double steps = w->num_steps, ranks = comm != NULL ? comm->size : 1;
    if (tally->calls == 0)
        return;
    result->operations[result->num_operations++] = (lyrnn_bench_operation){
        .name = lyrnn_operation_name(op),
        .calls = tally->calls / steps,
        .time = summarize(op_ms, w->config->num_repetitions),
        .flop = tally->cost.flop / steps,
        .bytes = tally->cost.bytes / steps,
        .time_steps = tally->cost.steps / steps,
        .sent = 2 * (ranks - 1) / ranks * tally->cost.summed / steps,
    };
}

/* Times each operation of a step. At most 20 steps per repetition are enough for training, because
 * waiting for each operation makes the times steadier. Generation keeps its number of steps,
 * because it begins with work that all of its steps share. */
static lyrnn_status measure_operations(const lyrnn_bench_config *config, lyrnn_backend *backend,
                                       double *op_ms, lyrnn_bench_result *result)
{
    enum { MAX_STEPS = 20 };
    bool keep_steps = config->task != LYRNN_BENCH_TRAIN || config->num_steps < MAX_STEPS;
    workload w;
    lyrnn_status status =
        open_workload(&w, config, keep_steps ? config->num_steps : MAX_STEPS, backend, true);
    if (status == LYRNN_OK)
        status = time_operations(&w, op_ms);
    for (int op = 0; op < LYRNN_NUM_OPERATIONS && status == LYRNN_OK; op++)
        add_operation(&w, (lyrnn_operation)op, op_ms + (size_t)op * (size_t)config->num_repetitions,
                      result);
    if (config->task == LYRNN_BENCH_OPERATIONS)
        result->device_bytes = w.watched.num_bytes;
    close_workload(&w);
    return status;
}

/* The time that the links take for an operation at best. */
static double link_ms(const lyrnn_bench_operation *op, const lyrnn_link_rates *links)
{
    if (op->sent == 0)
        return 0;
    return 1e3 * (op->sent / links->bytes_per_second + op->calls * links->latency_seconds);
}

static void add_communication(const lyrnn_bench_operation *op, lyrnn_bench_communication *all)
{
    if (op->sent == 0)
        return;
    all->bytes += op->sent;
    all->ms += op->time.median_ms;
    all->share += op->share;
    all->floor_ms += link_ms(op, &all->links);
}

/* Computes estimates and predictions from the counted work and the measured rates. */
static void predict_times(lyrnn_bench_result *result)
{
    const lyrnn_device_rates *rates = &result->rates;
    double all_ms = 0;
    for (int i = 0; i < result->num_operations; i++)
        all_ms += result->operations[i].time.median_ms;
    for (int i = 0; i < result->num_operations; i++) {
        lyrnn_bench_operation *op = &result->operations[i];
        double compute = op->flop / rates->flop_per_second;
        double move = op->bytes / rates->bytes_per_second;
        op->share = op->time.median_ms / all_ms;
        op->estimate_ms =
            1e3 * ((compute > move ? compute : move) + op->time_steps * rates->step_seconds) +
            link_ms(op, &result->communication.links);
        op->predicted_ms = op->estimate_ms + 1e3 * op->calls * rates->call_seconds;
        result->flop += op->flop;
        result->bytes += op->bytes;
        result->estimate_ms += op->estimate_ms;
        add_communication(op, &result->communication);
    }
}

static lyrnn_status measure_rates(lyrnn_backend *backend, lyrnn_cell cell,
                                  lyrnn_bench_result *result)
{
    LYRNN_TRY(lyrnn_bench_agree(backend->comm,
                                lyrnn_measure_device_rates(backend, cell, &result->rates)));
    return backend->comm != NULL ? lyrnn_measure_link_rates(backend, &result->communication.links)
                                 : LYRNN_OK;
}

static lyrnn_status measure_all(const lyrnn_bench_config *config, lyrnn_backend *backend,
                                double *ms, lyrnn_bench_result *result)
{
    if (config->task != LYRNN_BENCH_OPERATIONS)
        LYRNN_TRY(measure_steps(config, backend, ms, result));
    /* Read now: what follows allocates memory that is not part of the shape. */
    result->peak_bytes = lyrnn_peak_memory_bytes();
    LYRNN_TRY(measure_operations(config, backend, ms, result));
    if (config->task == LYRNN_BENCH_OPERATIONS)
        result->peak_bytes = lyrnn_peak_memory_bytes();
    if (!backend->shares_host_memory)
        result->peak_bytes = result->device_bytes + backend->own_bytes;
    LYRNN_TRY(measure_rates(backend, config->model.cell, result));
    predict_times(result);
    return LYRNN_OK;
}

lyrnn_status lyrnn_bench_run(const lyrnn_bench_config *config, lyrnn_backend *backend,
                             lyrnn_bench_result *result)
{
    LYRNN_CHECK(config->num_steps > 0 && config->num_repetitions > 0 && config->B > 0);
    *result = (lyrnn_bench_result){0};
    lyrnn_peak_memory_reset();
    double *ms =
        (double *)malloc((size_t)config->num_repetitions * LYRNN_NUM_OPERATIONS * sizeof *ms);
    lyrnn_status status =
        ms != NULL ? LYRNN_OK : lyrnn_out_of_memory("bench", 0, "lower --repetitions");
    status = lyrnn_bench_agree(backend->comm, status);
    if (status == LYRNN_OK && ms != NULL)
        status = measure_all(config, backend, ms, result);
    free(ms);
    return status;
}

lyrnn_status lyrnn_bench_tune(const lyrnn_bench_config *config, lyrnn_backend *backend,
                              const tuning_request *request, tuning *result)
{
    int num_ranks = backend->comm != NULL ? backend->comm->size : 1;
    const lyrnn_recurrence_shape shape = {.cell = config->model.cell,
                                          .T = config->T,
                                          .B = config->B / num_ranks,
                                          .H = config->model.hidden_size};
    lyrnn_plan plans[LYRNN_MAX_PLANS];
    bench_training training;
    *result = (tuning){0};
    if (backend->plan_list(backend, &shape, plans) == 0)
        return tuning_check_given(backend, &shape, &request->given);
    lyrnn_status status = check_memory(config, 1, backend, backend);
    LYRNN_TRY(lyrnn_bench_agree(backend->comm, status));
    status = lyrnn_bench_agree(backend->comm, make_training(&training, config, 1, backend));
    if (status == LYRNN_OK)
        status = lyrnn_bench_agree(backend->comm, tuning_run(&training.trainer, request, result));
    close_training(&training);
    return status;
}
