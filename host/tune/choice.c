/* Decides which plan a recurrence runs by, from what the trials say of each. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tune/plan_set.h"

int plan_set_find(const plan_set *set, const char *text)
{
    for (int i = 0; i < set->num; i++)
        if (strcmp(set->plans[i].text, text) == 0)
            return i;
    return -1;
}

/* Relative rounding errors, with u = 2^-24 of fp32, 2^-11 of tf32 and 2^-9 of bf16. A sum of K
 * products of random signs differs by about u sqrt(K) / 2 if it is added in another order, 1.4e-6
 * for K = 2048, and by about u if its operands are rounded. The largest of many such differences is
 * five times that, and over 32 steps a network amplifies them up to ten times. */
double plan_max_error(lyrnn_precision precision)
{
    static const double bounds[] = {
        [LYRNN_FP32] = 1e-4,
        [LYRNN_TF32] = 1e-2,
        [LYRNN_BF16] = 4e-2,
    };
    return bounds[precision];
}

/* The plan "steps" is compared with itself in fp32: how far its precision rounds is the user's
 * choice. */
void plan_set_judge(plan_set *set, lyrnn_precision precision)
{
    for (int i = 0; i < set->num; i++) {
        lyrnn_plan *plan = &set->plans[i];
        bool is_reference = strcmp(plan->text, "steps") == 0;
        double most = is_reference ? DBL_MAX : plan_max_error(precision);
        /* NaN is no error that is small enough. */
        if (plan->fault[0] == '\0' && !(plan->error <= most))
            snprintf(plan->fault, sizeof plan->fault,
                     "its results differ from those by steps by %.2g of their size", plan->error);
    }
}

/* Whether the plan is more than 5 % faster. A time that is 0 or NaN does not count: a clock that
 * cannot be read must not choose. */
static bool is_faster(const lyrnn_plan *plan, const lyrnn_plan *than)
{
    return plan->us > 0.0 && plan->us * 1.05 < than->us;
}

void plan_set_choose(plan_set *first, const plan_set *second)
{
    int chosen = -1;
    for (int i = 0; i < first->num; i++) {
        const lyrnn_plan *a = first->plans, *b = second->plans;
        if (a[i].fault[0] != '\0' || b[i].fault[0] != '\0')
            continue;
        if (chosen < 0 || (is_faster(&a[i], &a[chosen]) && is_faster(&b[i], &b[chosen])))
            chosen = i;
    }
    first->chosen = chosen;
    for (int i = 0; i < first->num; i++) {
        lyrnn_plan *a = &first->plans[i];
        const lyrnn_plan *b = &second->plans[i];
        if (a->fault[0] == '\0')
            memcpy(a->fault, b->fault, sizeof a->fault);
        a->us = fmin(a->us, b->us);
        a->error = b->error > a->error ? b->error : a->error;
    }
}
