/* The operations on plans of a recurrence: which there are, how they do on this card, and which one
 * is in use. recurrence_plan.cu makes the plans. */
#include "recurrence_plan.cuh"

int lyrnn_cuda_plan_list(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                         lyrnn_plan *plans)
{
    (void)self, (void)shape, (void)plans;
    return 0;
}

lyrnn_status lyrnn_cuda_plan_try(lyrnn_backend *self, const lyrnn_plan_probe *probe, int num_plans,
                                 lyrnn_plan *plans)
{
    (void)self, (void)probe, (void)num_plans, (void)plans;
    return LYRNN_OK;
}

lyrnn_status lyrnn_cuda_plan_use(lyrnn_backend *self, const lyrnn_recurrence_shape *shape,
                                 const char *text)
{
    (void)self, (void)shape, (void)text;
    return LYRNN_OK;
}

void lyrnn_cuda_plan_device(lyrnn_backend *self, char *text, size_t size)
{
    self->describe(self, text, size);
}

bool lyrnn_cuda_fills_device(lyrnn_backend *self, const lyrnn_recurrence_shape *shape)
{
    return lyrnn_cuda_plan_recurrence(lyrnn_cuda_state_of(self), *shape).path ==
           LYRNN_RECURRENCE_GRID;
}
