/* The stand-in of plan_check.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lyrnn/philox.h"
#include "plan_check.h"
#include "temp_dir.h"

enum { V = 7, H = 4, B = 2, T = SEQUENCE_STEPS, N = 100 };

const plan_script ordinary_plans[NUM_ORDINARY] = {
    {.text = "resident.c4.s1", .expected_us = 1, .us = {1, 1}, .error = 1e-6},
    {.text = "grid.c2.s32", .expected_us = 2, .us = {2, 2}, .error = 1e-6},
    {.text = "steps", .expected_us = 6, .us = {6, 6}},
};

plan_device device;
plan_training training;

static int list(lyrnn_backend *self, const lyrnn_recurrence_shape *shape, lyrnn_plan *plans)
{
    (void)self;
    assert_int_equal(shape->cell, LYRNN_LSTM);
    assert_int_equal(shape->B, B);
    assert_int_equal(shape->H, H);
    for (int i = 0; i < device.num; i++) {
        plans[i] = (lyrnn_plan){.expected_us = device.plans[i].expected_us};
        snprintf(plans[i].text, sizeof plans[i].text, "%s", device.plans[i].text);
    }
    return device.num;
}

static const plan_script *find(const char *text)
{
    for (int i = 0; i < device.num; i++)
        if (strcmp(device.plans[i].text, text) == 0)
            return &device.plans[i];
    return NULL;
}

/* A plan that is not listed may fit, too. */
static const plan_script unlisted = {.text = UNLISTED_PLAN, .us = {3, 3}};

static lyrnn_status try_plans(lyrnn_backend *self, const lyrnn_plan_probe *probe, int num,
                              lyrnn_plan *plans)
{
    (void)self;
    const struct timespec pause = {(time_t)device.seconds, (long)(1e9 * fmod(device.seconds, 1.0))};
    bool is_half = probe->shape.T < HALF_OVER;
    int trial = device.num_trials[probe->shape.is_backward];
    trial -= is_half;
    device.num_trials[probe->shape.is_backward] = trial + 1;
    if (!is_half)
        nanosleep(&pause, NULL);
    if (device.status != LYRNN_OK)
        return lyrnn_fail(device.status, "device memory: 9 bytes requested, 1 available");
    for (int i = 0; i < num; i++) {
        const plan_script *plan = find(plans[i].text);
        plan = plan != NULL ? plan : &unlisted;
        plans[i].us = plan->us[trial % 2] + plan->load_us / probe->shape.T;
        plans[i].error = plan->error;
        const char *fault = is_half && plan->half_fault != NULL ? plan->half_fault : plan->fault;
        snprintf(plans[i].fault, sizeof plans[i].fault, "%s", fault != NULL ? fault : "");
        device.num_tried += !is_half;
    }
    return LYRNN_OK;
}

static lyrnn_status use(lyrnn_backend *self, const lyrnn_recurrence_shape *shape, const char *text)
{
    (void)self;
    if (text != NULL && find(text) == NULL && strcmp(text, unlisted.text) != 0)
        return lyrnn_fail(LYRNN_ERR_USAGE, "plan %s: does not fit", text);
    snprintf(device.used[shape->is_backward], LYRNN_PLAN_BYTES, "%s", text != NULL ? text : "");
    return LYRNN_OK;
}

static void name_device(lyrnn_backend *self, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "%s", device.name);
}

void plan_check_device(const plan_script *plans, int num)
{
    device = (plan_device){.plans = plans, .num = num, .name = "card of the test, driver 1"};
    training.backend.precision = LYRNN_FP32;
}

int plan_check_open(void **state)
{
    const lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = 1};
    const lyrnn_batch_options options = {.N = N, .B = B, .T = T, .seed = 1};
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-3f};
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    if (temp_dir_enter(state) != 0 || lyrnn_cpu_backend_open(1, &training.backend) != LYRNN_OK ||
        lyrnn_model_init(&training.model, &config, &training.backend) != LYRNN_OK ||
        lyrnn_batches_init(&training.batches, &options) != LYRNN_OK ||
        lyrnn_trainer_init(&training.trainer, &training.model, &training.batches, ids,
                           &optimizer) != LYRNN_OK)
        return -1;
    training.backend.plan_list = list;
    training.backend.plan_try = try_plans;
    training.backend.plan_use = use;
    training.backend.plan_device = name_device;
    setenv("XDG_CACHE_HOME", ((temp_path *)*state)->path, 1);
    setenv("HOME", "/nowhere", 1);
    return 0;
}

int plan_check_close(void **state)
{
    lyrnn_trainer_free(&training.trainer);
    lyrnn_batches_free(&training.batches);
    lyrnn_model_free(&training.model);
    training.backend.close(&training.backend);
    free(training.log);
    training.log = NULL;
    return temp_dir_leave(state);
}

lyrnn_status plan_check_tune_by(const tuning_request *request)
{
    tuning_request logged = *request;
    free(training.log);
    logged.log = open_memstream(&training.log, &training.log_bytes);
    assert_non_null(logged.log);
    memset(device.num_trials, 0, sizeof device.num_trials);
    device.num_tried = 0;
    lyrnn_status status = tuning_run(&training.trainer, &logged, &training.result);
    if (status == LYRNN_OK)
        tuning_log(&training.result, logged.log);
    fclose(logged.log);
    return status;
}

void plan_check_tune(lyrnn_tune_mode mode)
{
    const tuning_request request = {.mode = mode};
    assert_int_equal(plan_check_tune_by(&request), LYRNN_OK);
}

void assert_used(const char *forward, const char *backward)
{
    assert_string_equal(device.used[PLAN_FORWARD], forward);
    assert_string_equal(device.used[PLAN_BACKWARD], backward);
    const plan_pair pair = tuning_plans(&training.result);
    assert_string_equal(pair.texts[PLAN_FORWARD], forward);
    assert_string_equal(pair.texts[PLAN_BACKWARD], backward);
}

int count_in_log(const char *text)
{
    int num = 0;
    for (const char *at = training.log; (at = strstr(at, text)) != NULL; at += strlen(text))
        num++;
    return num;
}

void assert_trials(int forward, int backward)
{
    assert_int_equal(device.num_trials[PLAN_FORWARD], forward);
    assert_int_equal(device.num_trials[PLAN_BACKWARD], backward);
}
