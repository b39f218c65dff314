/* A stand-in for a device with plans, and a training on it. It is the CPU backend, but a test
 * scripts what its trials say. For the tests of host/tune/. */
#ifndef PLAN_CHECK_H
#define PLAN_CHECK_H

#include "lyrnn/trainer.h"
#include "tune/tuning.h"

/* The training has sequences of so many steps. A trial runs two probes, of 32 and of 16 steps. */
enum { SEQUENCE_STEPS = 40, HALF_OVER = 17 };

/* The stand-in has a plan of this name, which it does not list. */
#define UNLISTED_PLAN "block.s1"

/* What the trials of a plan say. */
typedef struct {
    const char *text;
    double expected_us;
    double us[2];   /* of a step, in the first and in the second trial */
    double load_us; /* once per sequence */
    double error;
    const char *fault;      /* NULL: none */
    const char *half_fault; /* the same, but only in the shorter probe */
} plan_script;

/* Three plans without a fault. The estimate and the trials agree. */
enum { NUM_ORDINARY = 3 };
extern const plan_script ordinary_plans[NUM_ORDINARY];

typedef struct {
    const plan_script *plans; /* of both directions */
    int num;
    const char *name;
    lyrnn_status status; /* of trials */
    double seconds;      /* that a trial takes */
    int num_trials[PLAN_DIRECTIONS];
    int num_tried; /* plans in all of these trials */
    char used[PLAN_DIRECTIONS][LYRNN_PLAN_BYTES];
} plan_device;

typedef struct {
    lyrnn_backend backend;
    lyrnn_model model;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    tuning result;
    char *log; /* what the last tuning printed */
    size_t log_bytes;
} plan_training;

extern plan_device device;
extern plan_training training;

/* A cmocka setup and its teardown: a training, and an empty folder that is $XDG_CACHE_HOME. */
int plan_check_open(void **state);
int plan_check_close(void **state);

/* Gives the device these plans, a name, and fp32. */
void plan_check_device(const plan_script *plans, int num);

/* Tunes and prints the line of the plan. The counts of the device begin at 0. */
lyrnn_status plan_check_tune_by(const tuning_request *request);
/* The same by this mode only; it must succeed. */
void plan_check_tune(lyrnn_tune_mode mode);

/* The device must use these plans. */
void assert_used(const char *forward, const char *backward);
/* So many trials must have run. */
void assert_trials(int forward, int backward);
/* How often the log has this text. */
int count_in_log(const char *text);

#endif
