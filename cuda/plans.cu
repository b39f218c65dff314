/* Plans of a recurrence as the host sees them: which there are, and which one is in use.
 * recurrence_plan.cu makes them, plan_trial.cu tries them. */
#include <stdio.h>
#include <string.h>

#include "recurrence_grid.cuh"
#include "recurrence_plan.cuh"

static lyrnn_plan plan_for_host(const recurrence_plan &plan, const lyrnn_recurrence_shape &shape)
{
    lyrnn_plan shown = {};
    lyrnn_cuda_plan_text(plan, shown.text);
    shown.expected_us = plan.expected_ns / shape.T / 1000.0;
    return shown;
}

int lyrnn_cuda_plan_list(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                         lyrnn_plan *plans)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    recurrence_plan found[LYRNN_MAX_PLANS];
    int num_found = lyrnn_cuda_list_plans(state, *shape, found), count = 1;
    plans[0] = plan_for_host(lyrnn_cuda_plan_recurrence(state, *shape), *shape);
    for (int i = 0; i < num_found; i++) {
        const lyrnn_plan next = plan_for_host(found[i], *shape);
        if (strcmp(next.text, plans[0].text) == 0)
            continue;
        /* The plan in use may be one more than fits. By steps must stay. */
        const bool is_full = count == LYRNN_MAX_PLANS;
        if (!is_full || found[i].path == LYRNN_RECURRENCE_BY_STEPS)
            plans[is_full ? count - 1 : count++] = next;
    }
    return count;
}

/* The place of the shape's plan in `used`, or that of the next one. */
static int find_used(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &shape)
{
    int i = 0;
    while (i < state->num_used && !lyrnn_cuda_same_problem(state->used[i].shape, shape))
        i++;
    return i;
}

lyrnn_status lyrnn_cuda_plan_use(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                                 const char *text)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const int at = find_used(state, *shape);
    recurrence_plan plan;
    if (text == NULL) {
        if (at < state->num_used)
            state->used[at] = state->used[--state->num_used];
    } else if (!lyrnn_cuda_plan_named(state, *shape, text, &plan)) {
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "plan %s: there is no such plan for this shape and device; name one that "
                          "lyrnn tune prints",
                          text);
    } else {
        LYRNN_CHECK(at < LYRNN_CUDA_USED_PLANS);
        state->used[at].shape = *shape;
        snprintf(state->used[at].text, LYRNN_PLAN_BYTES, "%s", text);
        state->num_used += at == state->num_used;
    }
    lyrnn_cuda_drop_steps(state);
    return LYRNN_OK;
}

void lyrnn_cuda_plan_device(lyrnn_backend *self, char *text, size_t size)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const cudaDeviceProp &device = state->properties;
    const lyrnn_recurrence_shape any = {LYRNN_RNN_TANH, false, 1, 1, 1};
    int driver = 0, runtime = 0, clusters[3] = {};
    LYRNN_CUDA_CHECK(cudaDriverGetVersion(&driver));
    LYRNN_CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
    if (device.major >= 9)
        for (int i = 0; i < 3; i++)
            clusters[i] = lyrnn_cuda_grid_max_clusters(state, any, 2 << i);
    snprintf(text, size,
             "%s, compute capability %d.%d, %d multiprocessors, %d, %d and %d clusters of 2, 4 and "
             "8, driver %d, CUDA %d",
             device.name, device.major, device.minor, device.multiProcessorCount, clusters[0],
             clusters[1], clusters[2], driver, runtime);
}

bool lyrnn_cuda_fills_device(lyrnn_backend *self, const lyrnn_recurrence_shape *shape)
{
    return lyrnn_cuda_plan_recurrence(lyrnn_cuda_state_of(self), *shape).path ==
           LYRNN_RECURRENCE_GRID;
}
