/* See model_check.h. */
#include "model_check.h"

#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/batches.h"
#include "lyrnn/device.h"
#include "lyrnn/generate.h"
#include "lyrnn/philox.h"
#include "op_check.h"

void *test_memory(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

oracle_model model_check_shape(const lyrnn_rnn_config *config)
{
    return (oracle_model){.cell = config->cell,
                          .V = config->input_size,
                          .H = config->hidden_size,
                          .num_layers = config->num_layers,
                          .bidirectional = config->bidirectional,
                          .E = config->embedding_size,
                          .tied = config->tied};
}

/* One mask of count factors per step. NULL: nothing is dropped. */
static double *draw_mask(uint64_t seed, uint64_t purpose, int64_t step, size_t count, float p)
{
    if (p == 0 || count == 0)
        return NULL;
    double *mask = test_memory(count, sizeof *mask);
    for (size_t i = 0; i < count; i++) {
        float u = lyrnn_philox_uniform(seed, purpose, (uint64_t)step * count + i);
        mask[i] = u > p ? 1 / (1 - (double)p) : 0;
    }
    return mask;
}

model_check_masks model_check_draw_masks(const lyrnn_rnn_config *config, int T, int B,
                                         uint64_t seed, int64_t step)
{
    size_t D = config->bidirectional ? 2 : 1, H = (size_t)config->hidden_size;
    size_t L = (size_t)config->num_layers, G = (size_t)oracle_num_gates(config->cell);
    size_t streams = (size_t)B;
    double *layers = draw_mask(seed, LYRNN_PURPOSE_DROPOUT, step,
                               (L - 1) * (size_t)T * streams * D * H, config->dropout);
    double *input = draw_mask(seed, LYRNN_PURPOSE_DROPOUT_INPUT, step,
                              streams * (size_t)config->embedding_size, config->dropout_input);
    double *output = draw_mask(seed, LYRNN_PURPOSE_DROPOUT_OUTPUT, step, streams * D * H,
                               config->dropout_output);
    double *weights = draw_mask(seed, LYRNN_PURPOSE_DROPOUT_WEIGHT, step, L * D * G * H * H,
                                config->dropout_weight);
    return (model_check_masks){{layers, input, output, weights}, {layers, input, output, weights}};
}

void model_check_free_masks(model_check_masks *masks)
{
    for (int i = 0; i < 4; i++)
        free(masks->owned[i]);
}

void model_check_open_config(model_check *check, const lyrnn_rnn_config *config, int num_threads)
{
    memset(check, 0, sizeof *check);
    check->shape = model_check_shape(config);
    check->count = (int)oracle_model_count(&check->shape);
    open_test_backend(&check->backend, num_threads);
    assert_int_equal(lyrnn_model_init(&check->model, config, &check->backend), LYRNN_OK);
}

void model_check_open(model_check *check, lyrnn_cell cell, int V, int H, int num_threads)
{
    const lyrnn_rnn_config config = {
        .cell = cell, .input_size = V, .hidden_size = H, .num_layers = 1};
    model_check_open_config(check, &config, num_threads);
}

void model_check_close(model_check *check)
{
    lyrnn_model_free(&check->model);
    lyrnn_backend_close(&check->backend);
}

void model_check_upload(model_check *check, const double *params)
{
    const lyrnn_parameters *parameters = &check->model.parameters;
    float *flat = test_memory(parameters->count, sizeof *flat);
    float *values = test_memory((size_t)check->count, sizeof *values);
    for (int i = 0; i < check->count; i++)
        values[i] = (float)params[i];
    const float *tensor = values;
    for (int i = 0; i < parameters->num; i++) {
        lyrnn_parameter_pack(&parameters->items[i], tensor, flat);
        tensor += lyrnn_parameter_count(&parameters->items[i]);
    }
    assert_int_equal(tensor - values, check->count);
    lyrnn_model_upload(&check->model, flat);
    free(flat);
    free(values);
}

void model_check_download(model_check *check, const float *device, double *values)
{
    const lyrnn_parameters *parameters = &check->model.parameters;
    float *flat = test_memory(parameters->count, sizeof *flat);
    float *tensor = test_memory((size_t)check->count, sizeof *tensor);
    check->backend.download(&check->backend, flat, device, parameters->count * sizeof *flat);
    for (int i = 0; i < parameters->num; i++) {
        int count = (int)lyrnn_parameter_count(&parameters->items[i]);
        lyrnn_parameter_unpack(&parameters->items[i], flat, tensor);
        for (int k = 0; k < count; k++)
            *values++ = (double)tensor[k];
    }
    free(flat);
    free(tensor);
}

static void download_doubles(lyrnn_backend *backend, const float *device, double *values, int count)
{
    float *floats = test_memory((size_t)count, sizeof *floats);
    backend->download(backend, floats, device, (size_t)count * sizeof *floats);
    for (int i = 0; i < count; i++)
        values[i] = (double)floats[i];
    free(floats);
}

static void download_logits(lyrnn_backend *backend, const lyrnn_activations *a, int V,
                            double *values)
{
    for (int m = 0; m < a->T * a->B; m++)
        download_doubles(backend, a->logits + (size_t)m * (size_t)a->logits_stride,
                         values + (size_t)m * (size_t)V, V);
}

static float *narrow(const double *values, int count)
{
    if (values == NULL)
        return NULL;
    float *floats = test_memory((size_t)count, sizeof *floats);
    for (int i = 0; i < count; i++)
        floats[i] = (float)values[i];
    return floats;
}

static void set_state(lyrnn_activations *a, const oracle_batch *batch, int count)
{
    float *h_0 = narrow(batch->h_0, count), *c_0 = narrow(batch->c_0, count);
    lyrnn_activations_set_state(a, h_0, c_0);
    free(h_0);
    free(c_0);
}

static void get_state(const lyrnn_activations *a, const oracle_results *results, int count)
{
    float *h_n = test_memory((size_t)count, sizeof *h_n);
    float *c_n = test_memory((size_t)count, sizeof *c_n);
    lyrnn_activations_get_state(a, h_n, results->c_n == NULL ? NULL : c_n);
    for (int i = 0; i < count; i++) {
        if (results->h_n != NULL)
            results->h_n[i] = (double)h_n[i];
        if (results->c_n != NULL)
            results->c_n[i] = (double)c_n[i];
    }
    free(h_n);
    free(c_n);
}

/* Returns the batch's mean loss. The logits are overwritten by their gradient. */
static double run_loss(lyrnn_backend *backend, const lyrnn_activations *a, int V)
{
    lyrnn_counters counters = {0};
    void *memory = NULL;
    assert_int_equal(backend->memory_alloc(backend, sizeof counters, &memory), LYRNN_OK);
    backend->upload(backend, memory, &counters, sizeof counters);
    lyrnn_softmax_cross_entropy_args args = {
        .M = a->T * a->B,
        .V = V,
        .logits_stride = a->logits_stride,
        .targets = a->targets,
        .logits = a->logits,
        .losses = a->losses,
        .counters = memory,
    };
    const lyrnn_count_losses_args count = {
        .M = args.M, .targets = a->targets, .losses = a->losses, .counters = memory};
    backend->softmax_cross_entropy(backend, &args);
    backend->count_losses(backend, &count);
    backend->download(backend, &counters, memory, sizeof counters);
    backend->memory_free(backend, memory);
    return counters.loss_sum / (double)counters.loss_count;
}

static void run_backward(model_check *check, lyrnn_activations *a, double *values)
{
    lyrnn_backend *backend = &check->backend;
    size_t bytes = check->model.parameters.count * sizeof(float);
    void *grads = NULL;
    assert_int_equal(backend->memory_alloc(backend, bytes, &grads), LYRNN_OK);
    lyrnn_model_backward(&check->model, a, grads);
    model_check_download(check, grads, values);
    backend->memory_free(backend, grads);
}

double model_check_run(model_check *check, const oracle_batch *batch, const oracle_results *results,
                       lyrnn_dropout dropout)
{
    lyrnn_backend *backend = &check->backend;
    int T = batch->T, B = batch->B, V = check->shape.V;
    int num_state = oracle_state_count(&check->shape, B);
    size_t ids_bytes = (size_t)(T * B) * sizeof(int32_t);
    lyrnn_activations a;
    assert_int_equal(lyrnn_activations_init(&a, &check->model, T, B, true), LYRNN_OK);
    a.dropout = dropout;
    backend->upload(backend, a.inputs, batch->inputs, ids_bytes);
    backend->upload(backend, a.targets, batch->targets, ids_bytes);
    set_state(&a, batch, num_state);
    lyrnn_model_forward(&check->model, &a);
    if (results->logits != NULL)
        download_logits(backend, &a, V, results->logits);
    get_state(&a, results, num_state);
    double loss = run_loss(backend, &a, V);
    if (results->grads != NULL)
        run_backward(check, &a, results->grads);
    lyrnn_activations_free(&a);
    return loss;
}

void model_check_train_open(model_check *check, model_check_training *training, const int32_t *ids,
                            size_t N, int B, int T, lyrnn_optimizer_config optimizer)
{
    memset(training, 0, sizeof *training);
    lyrnn_batches batches;
    const lyrnn_batch_options options = {.N = N, .B = B, .T = T, .seed = 1};
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(
        lyrnn_trainer_init(&training->trainer, &check->model, &batches, ids, &optimizer), LYRNN_OK);
}

double model_check_train_step(model_check_training *training)
{
    lyrnn_trainer *trainer = &training->trainer;
    if (training->batch == 0) {
        assert_int_equal(lyrnn_trainer_begin_epoch(trainer, ++training->epoch), LYRNN_OK);
        training->loss_sum = 0;
    }
    lyrnn_trainer_step(trainer);
    double loss_sum = lyrnn_trainer_counters(trainer).loss_sum;
    double loss =
        (loss_sum - training->loss_sum) / (double)(trainer->batches.T * trainer->batches.B);
    training->loss_sum = loss_sum;
    training->batch = (training->batch + 1) % trainer->batches.K;
    return loss;
}

void model_check_train_close(model_check_training *training)
{
    lyrnn_trainer_free(&training->trainer);
}

void oracle_train_open(oracle_training *training, const lyrnn_rnn_config *config,
                       const double *params, const int32_t *ids, size_t N, int B, int T,
                       lyrnn_optimizer_config optimizer)
{
    oracle_model shape = model_check_shape(config);
    size_t count = oracle_model_count(&shape), columns = N / (size_t)B;
    size_t num_state = (size_t)oracle_state_count(&shape, B);
    bool is_cosine = optimizer.schedule == LYRNN_SCHEDULE_COSINE;
    *training = (oracle_training){
        .config = *config,
        .shape = shape,
        .schedule = {.rate = (double)optimizer.learning_rate,
                     .warmup_steps = optimizer.warmup_steps,
                     .num_steps = is_cosine ? optimizer.num_steps : 0},
        .count = (int)count,
        .B = B,
        .T = T,
        .K = (int)((columns - 1) / (size_t)T),
        .ids = ids,
        .columns = columns,
        .adam = {.clip_norm = (double)optimizer.clip_norm,
                 .beta1 = optimizer.no_momentum ? 0 : 0.9,
                 .beta2 = optimizer.beta2 > 0 ? optimizer.beta2 : 0.999,
                 .epsilon = 1e-8,
                 .weight_decay = (double)optimizer.weight_decay,
                 .average_decay = optimizer.average_decay},
        .decays = test_memory(count, 1),
        .params = test_memory(count, sizeof(double)),
        .grads = test_memory(count, sizeof(double)),
        .m = test_memory(count, sizeof(double)),
        .v = test_memory(count, sizeof(double)),
        .h = test_memory(num_state, sizeof(double)),
        .c = test_memory(num_state, sizeof(double)),
    };
    memcpy(training->params, params, count * sizeof(double));
    oracle_model_decays(&shape, training->decays);
    training->adam.decays = training->decays;
    if (optimizer.average_decay == 0)
        return;
    training->adam.average = test_memory(count, sizeof(double));
    memcpy(training->adam.average, params, count * sizeof(double));
}

double oracle_train_step(oracle_training *training, double *norm)
{
    int B = training->B, T = training->T;
    int32_t *inputs = test_memory((size_t)(T * B), sizeof *inputs);
    int32_t *targets = test_memory((size_t)(T * B), sizeof *targets);
    for (int b = 0; b < B; b++) {
        const int32_t *stream = training->ids + (size_t)b * training->columns + training->batch * T;
        for (int t = 0; t < T; t++) {
            inputs[t * B + b] = stream[t];
            targets[t * B + b] = stream[t + 1];
        }
    }
    size_t state_bytes = (size_t)oracle_state_count(&training->shape, B) * sizeof(double);
    if (training->batch == 0) {
        memset(training->h, 0, state_bytes);
        memset(training->c, 0, state_bytes);
    }
    memset(training->grads, 0, (size_t)training->count * sizeof(double));
    enum { SEED = 1 };
    model_check_masks masks =
        model_check_draw_masks(&training->config, T, B, SEED, training->adam.step);
    oracle_batch batch = {T, B, inputs, targets, training->h, training->c, masks.masks};
    const oracle_results results = {NULL, training->h, training->c, training->grads};
    double loss = oracle_model_loss(&training->shape, training->params, &batch, &results);
    model_check_free_masks(&masks);
    training->adam.learning_rate = oracle_learning_rate(&training->schedule, training->adam.step++);
    double grads_norm =
        oracle_clip_and_adam(&training->adam, (size_t)training->count, training->params,
                             training->grads, training->m, training->v);
    if (norm != NULL)
        *norm = grads_norm;
    training->batch = (training->batch + 1) % training->K;
    free(inputs);
    free(targets);
    return loss;
}

void oracle_train_close(oracle_training *training)
{
    free(training->adam.average);
    free(training->decays);
    free(training->params);
    free(training->grads);
    free(training->m);
    free(training->v);
    free(training->h);
    free(training->c);
}

typedef struct {
    int32_t *text;
    size_t length;
} kept_text;

static lyrnn_status keep_text(void *context, const lyrnn_sample *sample)
{
    kept_text *kept = context;
    assert_int_equal(sample->end, LYRNN_END_LENGTH);
    assert_int_equal(sample->length, kept->length);
    memcpy(kept->text, sample->ids, sample->length * sizeof *sample->ids);
    return LYRNN_OK;
}

void greedy_text(const lyrnn_model *model, int32_t *text, size_t prefix_length, size_t length)
{
    const lyrnn_generate_options options = lyrnn_greedy_options();
    kept_text kept = {text, prefix_length + length};
    const lyrnn_listener listener = {.sample = keep_text, .context = &kept};
    lyrnn_generator generator;
    lyrnn_prompt prompt;
    assert_int_equal(lyrnn_generator_init(&generator, model, &options, prefix_length + length),
                     LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompt, text, prefix_length), LYRNN_OK);
    assert_int_equal(lyrnn_generate(&generator, &prompt, length, &listener), LYRNN_OK);
    lyrnn_prompt_free(&prompt);
    lyrnn_generator_free(&generator);
}
