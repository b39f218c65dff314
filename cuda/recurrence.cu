/* The recurrence by the general path: for each time step one cuBLAS GEMM for h' = h W_hh^T and one kernel
 * for the cell; on the way back the cell, then dh_{t-1} += dh' W_hh. The weights' gradient is GEMMs over
 * all T*B rows. recurrence_resident.cu and recurrence_grid.cu hold the paths that keep W_hh on chip; which of
 * them runs is decided here. */
#include <math.h>

#include "cuda.cuh"

#include "base/gate_parts.h"
#include "cell_math.cuh"
#include "recurrence_grid.cuh"
#include "recurrence_resident.cuh"

enum { CELL_THREADS = 256 };

/* The time that a sequence is expected to take by steps, ns: for each, two kernels' latencies, and the GEMM's
 * FMAs at the share of the device's rate that cuBLAS reaches with so few rows. */
static double by_steps_ns(const lyrnn_cuda_state *state, lyrnn_cell cell, int T, int B, int H)
{
    const double kernels_ns = 6000.0, fmas_a_cycle = 128.0, share = 0.6;
    const double tensor_cores = state->precision == LYRNN_FP32 ? 1.0 : 4.0;
    double fmas = (double)B * lyrnn_num_gates(cell) * (double)H * (double)H;
    double a_ns =
        state->properties.multiProcessorCount * fmas_a_cycle * LYRNN_CUDA_CYCLES_PER_NS * share;
    return T * (kernels_ns + fmas / (a_ns * tensor_cores));
}

/* The fastest path, or the one that is forced; by steps where that does not fit. */
static lyrnn_recurrence_path choose_path(const lyrnn_cuda_state *state, double by_steps_ns,
                                         double resident_ns, double grid_ns)
{
    switch (state->recurrence_path) {
    case LYRNN_RECURRENCE_RESIDENT:
        return isfinite(resident_ns) ? LYRNN_RECURRENCE_RESIDENT : LYRNN_RECURRENCE_BY_STEPS;
    case LYRNN_RECURRENCE_GRID:
        return isfinite(grid_ns) ? LYRNN_RECURRENCE_GRID : LYRNN_RECURRENCE_BY_STEPS;
    case LYRNN_RECURRENCE_BY_STEPS:
        return LYRNN_RECURRENCE_BY_STEPS;
    case LYRNN_RECURRENCE_BY_COST:
        break;
    }
    if (resident_ns < by_steps_ns && resident_ns <= grid_ns)
        return LYRNN_RECURRENCE_RESIDENT;
    return grid_ns < by_steps_ns ? LYRNN_RECURRENCE_GRID : LYRNN_RECURRENCE_BY_STEPS;
}

/* Where time step t reads and writes its state: slots of h, (T+1,B,H). */
static int slot_before(bool reverse, int t)
{
    return reverse ? t + 1 : t;
}

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    int t;
} forward_step;

/* The cell for all units of step t, with h W_hh^T (B,G*H) in scratch. */
template <int G> __global__ void cell_forward_kernel(forward_step step)
{
    const lyrnn_recurrence_forward_args &args = step.recurrence;
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (unsigned)args.B * (unsigned)args.H)
        return;
    int stream = (int)(i / (unsigned)args.H), j = (int)(i % (unsigned)args.H);
    unit_place place = find_unit(G, step.t, args.B, args.H, args.h_stride, args.reverse, stream, j);
    const float *product = args.scratch + (size_t)stream * (size_t)(G * args.H) + j;
    unit_state<G> unit = {};
    float prime[G];
    for (int gate = 0; gate < G; gate++) {
        unit.gates[gate] = args.gates[place.gates + (size_t)(gate * args.H)];
        prime[gate] = product[gate * args.H] + args.b_hh[gate * args.H + j];
    }
    if (G == 4)
        unit.c_before = args.c[place.before];
    if (G == 3)
        unit.h_before = args.h[place.before];
    cell_forward(args.cell, prime, unit);
    store_unit(args, place, unit);
}

static void forward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    int B = args->B, H = args->H, G = lyrnn_num_gates(args->cell);
    size_t slot = (size_t)B * (size_t)args->h_stride;
    lyrnn_matrix w_hh = lyrnn_matrix_of(args->w_hh, G * H, H);
    void (*kernel)(forward_step) = G == 4   ? cell_forward_kernel<4>
                                   : G == 3 ? cell_forward_kernel<3>
                                            : cell_forward_kernel<1>;
    dim3 grid(lyrnn_cuda_blocks((size_t)B * (size_t)H, CELL_THREADS));
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? args->T - 1 - i : i;
        lyrnn_matrix h_before = lyrnn_matrix_rows(
            args->h + (size_t)slot_before(args->reverse, t) * slot, B, H, args->h_stride);
        if (args->batch_invariant)
            lyrnn_cuda_invariant_gemm(self, h_before, w_hh, NULL, args->scratch, G * H);
        else
            lyrnn_cuda_gemm(self, h_before, lyrnn_transpose(w_hh), 0.0f, args->scratch, G * H);
        lyrnn_cuda_launch(self, kernel, grid, CELL_THREADS, 0, forward_step{*args, t});
    }
}

extern "C" void lyrnn_cuda_recurrence_forward(lyrnn_backend *self,
                                              const lyrnn_recurrence_forward_args *args)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    lyrnn_recurrence_path path = LYRNN_RECURRENCE_BY_STEPS;
    /* Which path is faster depends on B. */
    if (!args->batch_invariant)
        path = choose_path(state, by_steps_ns(state, args->cell, args->T, args->B, args->H),
                           lyrnn_cuda_resident_ns(self, args->cell, args->T, args->B, args->H),
                           lyrnn_cuda_grid_forward_ns(self, args));
    if (path == LYRNN_RECURRENCE_RESIDENT)
        lyrnn_cuda_resident_forward(self, args);
    else if (path == LYRNN_RECURRENCE_GRID)
        lyrnn_cuda_grid_forward(self, args);
    else
        forward_by_steps(self, args);
}

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    int t;
} backward_step;

template <int G> __global__ void cell_backward_kernel(backward_step step)
{
    const lyrnn_recurrence_backward_args &args = step.recurrence;
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (unsigned)args.B * (unsigned)args.H)
        return;
    unit_backward<G>(args, step.t, (int)(i / (unsigned)args.H), (int)(i % (unsigned)args.H), 0.0f);
}

static void backward_by_steps(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    int B = args->B, H = args->H, G = lyrnn_num_gates(args->cell);
    void (*kernel)(backward_step) = G == 4   ? cell_backward_kernel<4>
                                    : G == 3 ? cell_backward_kernel<3>
                                             : cell_backward_kernel<1>;
    dim3 grid(lyrnn_cuda_blocks((size_t)B * (size_t)H, CELL_THREADS));
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts = lyrnn_gate_parts(args->cell, H, args->gates, args->saved, parts);
    for (int i = 0; i < args->T; i++) {
        int t = args->reverse ? i : args->T - 1 - i;
        lyrnn_cuda_launch(self, kernel, grid, CELL_THREADS, 0, backward_step{*args, t});
        for (int part = 0; part < num_parts; part++) {
            const lyrnn_gate_part &p = parts[part];
            const float *rows = p.rows + (size_t)t * (size_t)B * (size_t)p.stride;
            lyrnn_matrix w = lyrnn_matrix_of(args->w_hh + (size_t)p.first * (size_t)H, p.num, H);
            lyrnn_cuda_gemm(self, lyrnn_matrix_rows(rows, B, p.num, p.stride), w, 1.0f, args->dh,
                            H);
        }
    }
}

extern "C" void lyrnn_cuda_recurrence_backward(lyrnn_backend *self,
                                               const lyrnn_recurrence_backward_args *args)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    lyrnn_recurrence_path path =
        choose_path(state, by_steps_ns(state, args->cell, args->T, args->B, args->H),
                    lyrnn_cuda_resident_ns(self, args->cell, args->T, args->B, args->H),
                    lyrnn_cuda_grid_backward_ns(self, args));
    if (path == LYRNN_RECURRENCE_RESIDENT)
        lyrnn_cuda_resident_backward(self, args);
    else if (path == LYRNN_RECURRENCE_GRID)
        lyrnn_cuda_grid_backward(self, args);
    else
        backward_by_steps(self, args);
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
    for (int i = 0; i < num_parts; i++) {
        const lyrnn_gate_part *part = &parts[i];
        lyrnn_matrix dprime = lyrnn_matrix_rows(part->rows, M, part->num, part->stride);
        lyrnn_cuda_gemm(self, lyrnn_transpose(dprime), h_before, args->add ? 1.0f : 0.0f,
                        args->dw_hh + (size_t)part->first * (size_t)H, H);
        lyrnn_cuda_column_sums(self, dprime, args->add, args->db_hh + part->first);
    }
}
