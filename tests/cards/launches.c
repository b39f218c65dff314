#include "launches.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn/generate.h"
#include "lyrnn/trainer.h"

static void must(lyrnn_status status)
{
    if (status == LYRNN_OK)
        return;
    fprintf(stderr, "%s\n", lyrnn_error_text());
    exit(1);
}

bench_shape *list_ladder(size_t *num)
{
    const bench_choice nothing = {.replaces_cell = false};
    bench_shape *shapes;
    must(bench_shapes_list(BENCH_PRESET_LADDER, &nothing, &shapes, num));
    return shapes;
}

/* Operations on memory that does not exist. Addresses only have to differ. */
static lyrnn_status reserve(lyrnn_backend *self, size_t bytes, void **memory)
{
    static uintptr_t next = (uintptr_t)1 << 44;
    (void)self;
    *memory = (void *)next;
    next += (bytes + 511) / 256 * 256;
    return LYRNN_OK;
}

static void release(lyrnn_backend *self, void *memory)
{
    (void)self, (void)memory;
}

static void upload_nothing(lyrnn_backend *self, void *device, const void *host, size_t bytes)
{
    (void)self, (void)device, (void)host, (void)bytes;
}

static void copy_nothing(lyrnn_backend *self, void *to, size_t to_stride, const void *from,
                         size_t from_stride, size_t num_bytes, size_t num_rows)
{
    (void)self, (void)to, (void)to_stride, (void)from, (void)from_stride;
    (void)num_bytes, (void)num_rows;
}

static void zero_nothing(lyrnn_backend *self, void *memory, size_t bytes)
{
    (void)self, (void)memory, (void)bytes;
}

/* All that was queued refers to memory that does not exist. */
static void forget(lyrnn_backend *self)
{
    (void)self;
    lyrnn_sim_reset();
}

static void download_nothing(lyrnn_backend *self, void *host, const void *device, size_t bytes)
{
    (void)device;
    memset(host, 0, bytes);
    forget(self);
}

static lyrnn_backend open_without_memory(void)
{
    lyrnn_backend backend;
    /* A stream holds all work of a step, so that no launch waits for an earlier one to run. */
    setenv("LYRNN_SIM_PENDING", "1000000", 1);
    lyrnn_sim_reset();
    must(lyrnn_backend_open("cuda", 1, LYRNN_FP32, &backend));
    backend.memory_alloc = reserve;
    backend.memory_free = release;
    backend.upload = upload_nothing;
    backend.download = download_nothing;
    backend.copy_rows = copy_nothing;
    backend.zero = zero_nothing;
    backend.synchronize = forget;
    return backend;
}

static lyrnn_rnn_config config_of(const bench_shape *shape)
{
    return (lyrnn_rnn_config){.cell = shape->cell,
                              .input_size = shape->sizes[BENCH_VOCAB_SIZE],
                              .hidden_size = shape->sizes[BENCH_HIDDEN_SIZE],
                              .num_layers = shape->sizes[BENCH_NUM_LAYERS]};
}

static void train_a_step(const bench_shape *shape, lyrnn_model *model)
{
    const int T = shape->sizes[BENCH_NUM_STEPS], B = shape->sizes[BENCH_BATCH_SIZE];
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-3f, .clip_norm = 1e-2f};
    const lyrnn_batch_options options = {.N = (size_t)B * ((size_t)T + 1), .B = B, .T = T};
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    int32_t *ids = calloc(options.N, sizeof *ids);
    must(ids != NULL ? LYRNN_OK : LYRNN_ERR_MEMORY);
    must(lyrnn_batches_init(&batches, &options));
    must(lyrnn_trainer_init(&trainer, model, &batches, ids, &optimizer));
    must(lyrnn_trainer_begin_epoch(&trainer, 1));
    lyrnn_trainer_step(&trainer);
    forget(model->backend);
    lyrnn_trainer_free(&trainer);
    lyrnn_batches_free(&batches);
    free(ids);
}

/* Ends the generation after its first character: those that the host would read do not exist. */
static lyrnn_status stop(void *context)
{
    (void)context;
    return LYRNN_INTERRUPTED;
}

static void generate_a_character(const bench_shape *shape, const lyrnn_model *model)
{
    int32_t id = 0;
    const lyrnn_prompt prompt = {.ids = &id, .length = 1};
    const lyrnn_listener listener = {.poll = stop};
    lyrnn_generator generator;
    lyrnn_generate_options options = lyrnn_greedy_options();
    options.num_samples = (size_t)shape->sizes[BENCH_BATCH_SIZE];
    options.poll_every = 1;
    must(lyrnn_generator_init(&generator, model, &options, 2));
    must(lyrnn_generate(&generator, &prompt, 1, &listener) == LYRNN_INTERRUPTED ? LYRNN_OK
                                                                                : LYRNN_ERR_USAGE);
    forget(model->backend);
    lyrnn_generator_free(&generator);
}

void show_launches(const bench_shape *shape, lyrnn_sim_launch_hook see)
{
    const lyrnn_rnn_config config = config_of(shape);
    lyrnn_backend backend = open_without_memory();
    lyrnn_model model;
    must(lyrnn_model_init(&model, &config, &backend));
    lyrnn_sim_set_launch_hook(see);
    lyrnn_model_randomize(&model, 1);
    train_a_step(shape, &model);
    generate_a_character(shape, &model);
    lyrnn_sim_set_launch_hook(NULL);
    lyrnn_model_free(&model);
    lyrnn_backend_close(&backend);
}
