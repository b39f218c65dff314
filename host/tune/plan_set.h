/* The plans of a recurrence in one direction, and the choice among them. choice.c chooses,
 * plan_cache.c remembers, tuning.c measures. */
#ifndef LYRNN_PLAN_SET_H
#define LYRNN_PLAN_SET_H

#include "lyrnn/backend.h"

typedef struct {
    lyrnn_recurrence_shape shape;
    int num;                           /* 0: the device has only one way */
    lyrnn_plan plans[LYRNN_MAX_PLANS]; /* us is NaN if it was not measured */
    int chosen;                        /* -1: none can be used */
} plan_set;

/* Index of the plan with this text; -1: the set lacks it. */
int plan_set_find(const plan_set *set, const char *text);

/* The largest error that rounding explains: plans add in different orders, and the matrix products
 * of "steps" round their operands to the precision. A block or a barrier that fails changes sums by
 * 0.1 of their size and more. In tf32 and bf16 the bound is too wide to find a single wrong
 * weight. */
double plan_max_error(lyrnn_precision precision);

/* Sets the fault of each plan that did not compute what "steps" does. */
void plan_set_judge(plan_set *set, lyrnn_precision precision);

/* Chooses after two trials, which both have judged plans in the order of the list. The first one
 * that can be used stays unless a later one is more than 5 % faster in both trials, so that noise
 * does not change the choice. The result, in *first, has the faults of both trials and the lower
 * times. */
void plan_set_choose(plan_set *first, const plan_set *second);

#endif
