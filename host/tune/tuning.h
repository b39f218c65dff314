/* Decides by which plans a training runs its recurrences, and lets the device use them: those that
 * the user or the run names, those of the cache, or the best of what it measures on the device. */
#ifndef LYRNN_TUNING_H
#define LYRNN_TUNING_H

#include <stdio.h>

#include "lyrnn/trainer.h"
#include "lyrnn/tune.h"
#include "tune/plan_pair.h"
#include "tune/plan_set.h"

typedef struct {
    lyrnn_tune_mode mode;
    plan_pair given;
    bool is_of_run; /* the run that continues began with the given plans */
    /* How long the trials may take that make the times certain; 0: any time. Plans are verified in
     * any case. */
    double max_seconds;
    FILE *log;
} tuning_request;

typedef enum {
    PLAN_BY_ESTIMATE, /* the device's own choice */
    PLAN_MEASURED,
    PLAN_FROM_CACHE,
    PLAN_GIVEN,
    PLAN_OF_RUN
} plan_source;

typedef struct {
    plan_set sets[PLAN_DIRECTIONS]; /* without plans if the device has only one way */
    plan_source sources[PLAN_DIRECTIONS];
    double seconds; /* that the trials took */
} tuning;

/* How long a training may measure before its first step. */
#define TUNING_MAX_SECONDS 0.5

/* LYRNN_ERR_USAGE: the user names a plan for a device with only one way. */
lyrnn_status tuning_check_given(lyrnn_backend *backend, const lyrnn_recurrence_shape *shape,
                                const plan_pair *given);

/* Call it before the first step. The log gets a warning for each plan that is dropped and a notice
 * if the cache cannot be used. LYRNN_ERR_USAGE: a plan that the user named does not fit.
 * LYRNN_ERR_UNSUPPORTED: it, or every plan, has a fault.
 *
 * If the backend has joined ranks, this is collective: rank 0 decides for all, and the others
 * verify its plans, as if the user had named them. LYRNN_ERR_RANK. */
lyrnn_status tuning_run(lyrnn_trainer *trainer, const tuning_request *request, tuning *result);

/* Lets the device choose for itself again. The errors of plan_use. */
lyrnn_status tuning_release(const tuning *result, lyrnn_backend *backend);

/* The plans in use; no plans if the device has only one way. */
plan_pair tuning_plans(const tuning *result);

/* Prints the line "plan: ...", if there are plans. */
void tuning_log(const tuning *result, FILE *log);

#endif
