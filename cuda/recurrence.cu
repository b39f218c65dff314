/* The recurrence of all cells over a whole sequence, forward and backward.
 *     forward   h' = h_{t-1} W_hh^T + b_hh, then the cell
 *     backward  the cell, then dh_{t-1} += dh' W_hh;  dW_hh = sum of dh'_t^T h_{t-1}
 * Each operation first makes a plan (recurrence_plan.cu) and then runs it. Here is the general
 * path, by steps: per time step one cuBLAS GEMM and one kernel for the cell. Three other files have
 * the paths that keep W_hh on chip: recurrence_resident.cu, recurrence_block.cu and
 * recurrence_grid.cu. The weights' gradient is GEMMs over all T*B rows. */
#include "base/gate_parts.h"
#include "cells.cuh"
#include "recurrence_block.cuh"
#include "recurrence_grid.cuh"
#include "recurrence_resident.cuh"

enum { CELL_THREADS = 256 };

/* The slot of h and c, (T+1,B,H), that time step t reads. */
static int slot_before(bool reverse, int t)
{
    return reverse ? t + 1 : t;
}

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    int t;
} forward_step;

/* The cell for all units of step t, with h W_hh^T (B,G*H) in scratch. */
template <lyrnn_cell CELL> __global__ void cell_forward_kernel(forward_step step)
{
    constexpr int G = NUM_GATES<CELL>;
    const lyrnn_recurrence_forward_args &args = step.recurrence;
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (unsigned)args.B * (unsigned)args.H)
        return;
    int stream = (int)(i / (unsigned)args.H), j = (int)(i % (unsigned)args.H);
    unit_place place = find_unit<CELL>(args, step.t, stream, j);
    const float *product = args.scratch + (size_t)stream * (size_t)(G * args.H) + j;
    unit_state<CELL> unit = {};
    float prime[G];
    for (int gate = 0; gate < G; gate++) {
        unit.gates[gate] = args.gates[place.gates + (size_t)(gate * args.H)];
        prime[gate] = product[gate * args.H] + args.b_hh[gate * args.H + j];
    }
    if (CELL == LYRNN_LSTM)
        unit.c_before = args.c[place.before];
    if (CELL == LYRNN_GRU)
        unit.h_before = args.h[place.before];
    cell_forward(prime, unit);
    store_unit(args, place, unit);
}

static void forward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    int B = args->B, H = args->H, G = lyrnn_num_gates(args->cell);
    size_t slot = (size_t)B * (size_t)args->h_stride;
    lyrnn_matrix w_hh = lyrnn_matrix_of(args->w_hh, G * H, H);
    static void (*const kernels[])(forward_step) = LYRNN_KERNELS_BY_CELL(cell_forward_kernel);
    dim3 grid(lyrnn_cuda_blocks((size_t)B * (size_t)H, CELL_THREADS));
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? args->T - 1 - i : i;
        lyrnn_matrix h_before = lyrnn_matrix_rows(
            args->h + (size_t)slot_before(args->reverse, t) * slot, B, H, args->h_stride);
        if (args->batch_invariant)
            lyrnn_cuda_invariant_gemm(self, h_before, w_hh, NULL, args->scratch, G * H);
        else
            lyrnn_cuda_gemm(self, h_before, lyrnn_transpose(w_hh), 0.0f, args->scratch, G * H);
        lyrnn_cuda_launch(self, kernels[args->cell], grid, CELL_THREADS, 0, forward_step{*args, t});
    }
}

/* By steps never waits. */
static void note_plan(char text[LYRNN_PLAN_BYTES], const recurrence_plan &plan)
{
    if (plan.path != LYRNN_RECURRENCE_BY_STEPS)
        lyrnn_cuda_plan_text(plan, text);
}

static recurrence_plan plan_forward(const lyrnn_cuda_state *state,
                                    const lyrnn_recurrence_forward_args *args)
{
    const lyrnn_recurrence_shape problem = {args->cell, false, args->T, args->B, args->H};
    /* The fastest path depends on B, and each path has its own order of addition. */
    return args->batch_invariant ? lyrnn_cuda_plan_by_steps(state, problem)
                                 : lyrnn_cuda_plan_recurrence(state, problem);
}

void lyrnn_cuda_run_forward(lyrnn_backend *self, const recurrence_plan &plan,
                            const lyrnn_recurrence_forward_args *args)
{
    if (plan.path == LYRNN_RECURRENCE_RESIDENT)
        lyrnn_cuda_resident_forward(self, plan, args);
    else if (plan.path == LYRNN_RECURRENCE_BLOCK)
        lyrnn_cuda_block_forward(self, plan, args);
    else if (plan.path == LYRNN_RECURRENCE_GRID)
        lyrnn_cuda_grid_forward(self, plan, args);
    else
        forward_by_steps(self, args);
}

extern "C" void lyrnn_cuda_recurrence_forward(lyrnn_backend *self,
                                              const lyrnn_recurrence_forward_args *args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const recurrence_plan plan = plan_forward(state, args);
    note_plan(state->running[0], plan);
    lyrnn_cuda_run_forward(self, plan, args);
}

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    int t;
} backward_step;

template <lyrnn_cell CELL> __global__ void cell_backward_kernel(backward_step step)
{
    const lyrnn_recurrence_backward_args &args = step.recurrence;
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x, H = (unsigned)args.H;
    if (i >= (unsigned)args.B * H)
        return;
    unit_step<CELL> unit = load_step<CELL>(args, step.t, (int)(i / H), (int)(i % H));
    finish_step(args, unit, 0.0f);
}

static void backward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    int B = args->B, H = args->H;
    static void (*const kernels[])(backward_step) = LYRNN_KERNELS_BY_CELL(cell_backward_kernel);
    dim3 grid(lyrnn_cuda_blocks((size_t)B * (size_t)H, CELL_THREADS));
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts = lyrnn_gate_parts(args->cell, H, args->gates, args->saved, parts);
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? i : args->T - 1 - i;
        lyrnn_cuda_launch(self, kernels[args->cell], grid, CELL_THREADS, 0,
                          backward_step{*args, t});
        for (int part = 0; part < num_parts; part++) {
            const lyrnn_gate_part &p = parts[part];
            const float *rows = p.rows + (size_t)t * (size_t)B * (size_t)p.stride;
            lyrnn_matrix w = lyrnn_matrix_of(args->w_hh + (size_t)p.first * (size_t)H, p.num, H);
            lyrnn_cuda_gemm(self, lyrnn_matrix_rows(rows, B, p.num, p.stride), w, 1.0f, args->dh,
                            H);
        }
    }
}

static recurrence_plan plan_backward(const lyrnn_cuda_state *state,
                                     const lyrnn_recurrence_backward_args *args)
{
    const lyrnn_recurrence_shape problem = {args->cell, true, args->T, args->B, args->H};
    return lyrnn_cuda_plan_recurrence(state, problem);
}

void lyrnn_cuda_run_backward(lyrnn_backend *self, const recurrence_plan &plan,
                             const lyrnn_recurrence_backward_args *args)
{
    if (plan.path == LYRNN_RECURRENCE_RESIDENT)
        lyrnn_cuda_resident_backward(self, plan, args);
    else if (plan.path == LYRNN_RECURRENCE_BLOCK)
        lyrnn_cuda_block_backward(self, plan, args);
    else if (plan.path == LYRNN_RECURRENCE_GRID)
        lyrnn_cuda_grid_backward(self, plan, args);
    else
        backward_by_steps(self, args);
}

extern "C" void lyrnn_cuda_recurrence_backward(lyrnn_backend *self,
                                               const lyrnn_recurrence_backward_args *args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const recurrence_plan plan = plan_backward(state, args);
    note_plan(state->running[1], plan);
    lyrnn_cuda_run_backward(self, plan, args);
}

extern "C" void
lyrnn_cuda_recurrence_backward_weights(lyrnn_backend *self,
                                       const lyrnn_recurrence_backward_weights_args *args)
{
    int H = args->H, M = args->T * args->B, stride = args->h_stride;
    size_t before = (size_t)slot_before(args->reverse, 0) * (size_t)args->B;
    lyrnn_matrix h_before = lyrnn_matrix_rows(args->h + before * (size_t)stride, M, H, stride);
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts =
        lyrnn_gate_parts(args->cell, H, (float *)args->dgates, (float *)args->dsaved, parts);
    for (int i = 0; i < num_parts && args->dw_hh != NULL; i++) {
        const lyrnn_gate_part *part = &parts[i];
        lyrnn_matrix dprime = lyrnn_matrix_rows(part->rows, M, part->num, part->stride);
        lyrnn_cuda_gemm(self, lyrnn_transpose(dprime), h_before, args->add ? 1.0f : 0.0f,
                        args->dw_hh + (size_t)part->first * (size_t)H, H);
    }
    if (args->db_hh == NULL)
        return;
    /* The gates' gradients are those of h' too, except for gru's n. */
    const lyrnn_gate_part *same = &parts[0], *other = &parts[1];
    lyrnn_matrix dgates = lyrnn_matrix_of(args->dgates, M, same->stride);
    lyrnn_cuda_column_sums(
        self, column_sums_args{dgates, args->add, args->db_ih, same->num, args->db_hh});
    if (num_parts == 2)
        lyrnn_cuda_column_sums(self,
                               column_sums_args{lyrnn_matrix_of(other->rows, M, other->num),
                                                args->add, args->db_hh + other->first, 0, NULL});
}
