/* The recurrence of all cells over a whole sequence, forward and backward.
 *     forward   h' = h_{t-1} W_hh^T + b_hh, then the cell (cells.h)
 *     backward  the cell, then dh_{t-1} += dh' W_hh;  dW_hh = sum of dh'_t^T h_{t-1}
 * Streams do not depend on each other. So each thread takes some of them through the whole
 * sequence, and no step waits for another thread. The weights' gradient is GEMMs over T*B rows. */
#include "cpu/cpu.h"

#include <string.h>

#include "base/gate_parts.h"
#include "cpu/cells.h"
#include "cpu/panels.h"

/* The slots of h and c, (T+1,B,H), that time step t reads and writes. */
static int slot_before(bool reverse, int t)
{
    return reverse ? t + 1 : t;
}
static int slot_after(bool reverse, int t)
{
    return reverse ? t : t + 1;
}

/* Whether several threads are worth their start: a single stream cannot be shared, and small work
 * is done before another thread wakes up. */
static bool is_large(int T, int B, int H)
{
    return B > 1 && (size_t)T * (size_t)B * (size_t)H * (size_t)H > 16 * LYRNN_CPU_SERIAL_MAX;
}

/* For few rows, packing w_hh would cost more than it saves. */
static bool packs_weights(const lyrnn_recurrence_forward_args *args)
{
    enum { FEW_ROWS = 16 };
    return !args->batch_invariant && (int64_t)args->T * args->B >= FEW_ROWS;
}

/* The rows of W_hh that belong to a part. */
static lyrnn_matrix weights_of(const float *w_hh, const lyrnn_gate_part *part, int H)
{
    return lyrnn_matrix_of(w_hh + (size_t)part->first * (size_t)H, part->num, H);
}

/* Adds h_{t-1} W_hh^T of some streams to the part's rows of step t, from stream `first` on. */
static void add_product(const lyrnn_recurrence_forward_args *args, const lyrnn_gate_part *part,
                        lyrnn_matrix h_before, int t, int first)
{
    int H = args->H, stride = part->stride;
    float *rows = part->rows + ((size_t)t * (size_t)args->B + (size_t)first) * (size_t)stride;
    lyrnn_matrix w = weights_of(args->w_hh, part, H);
    if (args->batch_invariant)
        lyrnn_cpu_invariant_gemm(&(lyrnn_packed_product){.x = h_before,
                                                         .num = part->num / H,
                                                         .N = H,
                                                         .packed = w.data,
                                                         .y = rows,
                                                         .y_stride = stride});
    else if (packs_weights(args))
        packed_gemm(h_before, part->num, args->scratch + (size_t)part->first * (size_t)H, rows,
                    (size_t)stride);
    else
        lyrnn_cpu_gemm(h_before, lyrnn_transpose(w), 1.0f, rows, stride);
}

static void step_forward(const lyrnn_recurrence_forward_args *args, const lyrnn_gate_part *parts,
                         int num_parts, int t, int first, int end)
{
    size_t B = (size_t)args->B, H = (size_t)args->H, stride = (size_t)args->h_stride;
    size_t gates_stride = (size_t)parts[0].stride;
    size_t before = (size_t)slot_before(args->reverse, t) * B;
    size_t after = (size_t)slot_after(args->reverse, t) * B;
    size_t now = (size_t)t * B;
    if (args->saved != NULL)
        memset(args->saved + (now + (size_t)first) * H, 0,
               (size_t)(end - first) * H * sizeof(float));
    lyrnn_matrix h_before = lyrnn_matrix_rows(args->h + (before + (size_t)first) * stride,
                                              end - first, args->H, args->h_stride);
    for (int i = 0; i < num_parts; i++)
        add_product(args, &parts[i], h_before, t, first);
    for (size_t b = (size_t)first; b < (size_t)end; b++) {
        cell_row row = {
            .H = args->H,
            .gates = args->gates + (now + b) * gates_stride,
            .b_hh = args->b_hh,
            .h_before = args->h + (before + b) * stride,
            .h = args->h + (after + b) * stride,
        };
        if (args->saved != NULL)
            row.saved = args->saved + (now + b) * H;
        if (args->c != NULL) {
            row.c_before = args->c + (before + b) * stride;
            row.c = args->c + (after + b) * stride;
        }
        cell_forward(args->cell, &row);
    }
}

/* Takes the streams [first, end) through the whole sequence. */
static void forward_streams(const void *forward_args, int first, int end)
{
    const lyrnn_recurrence_forward_args *args = (const lyrnn_recurrence_forward_args *)forward_args;
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts = lyrnn_gate_parts(args->cell, args->H, args->gates, args->saved, parts);
    for (int i = 0; i < num_parts && packs_weights(args); i++)
        pack_panels(lyrnn_transpose(weights_of(args->w_hh, &parts[i], args->H)),
                    args->scratch + (size_t)parts[i].first * (size_t)args->H);
    for (int i = 0; i < args->T && first < end; i++)
        step_forward(args, parts, num_parts, args->reverse ? args->T - 1 - i : i, first, end);
}

void lyrnn_cpu_recurrence_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    (void)self;
    LYRNN_CHECK(args->cell != LYRNN_LSTM || args->c != NULL);
    LYRNN_CHECK(args->cell != LYRNN_GRU || args->saved != NULL);
    lyrnn_cpu_share(args, args->B, is_large(args->T, args->B, args->H), forward_streams);
}

static void step_backward(const lyrnn_recurrence_backward_args *args, const lyrnn_gate_part *parts,
                          int num_parts, int t, int first, int end)
{
    size_t B = (size_t)args->B, H = (size_t)args->H, stride = (size_t)args->h_stride;
    size_t gates_stride = (size_t)parts[0].stride;
    size_t before = (size_t)slot_before(args->reverse, t) * B;
    size_t after = (size_t)slot_after(args->reverse, t) * B;
    size_t now = (size_t)t * B;
    for (size_t b = (size_t)first; b < (size_t)end; b++) {
        cell_row row = {
            .H = args->H,
            .gates = args->gates + (now + b) * gates_stride,
            .h_before = args->h + (before + b) * stride,
            .h = (float *)args->h + (after + b) * stride,
            .doutput = args->doutput + (now + b) * stride,
            .dh = args->dh + b * H,
        };
        if (args->saved != NULL)
            row.saved = args->saved + (now + b) * H;
        if (args->c != NULL) {
            row.c_before = args->c + (before + b) * stride;
            row.c = (float *)args->c + (after + b) * stride;
            row.dc = args->dc + b * H;
        }
        cell_backward(args->cell, &row);
    }
    for (int i = 0; i < num_parts; i++) {
        const lyrnn_gate_part *part = &parts[i];
        const float *rows = part->rows + (now + (size_t)first) * (size_t)part->stride;
        packed_gemm(lyrnn_matrix_rows(rows, end - first, part->num, part->stride), args->H,
                    args->scratch + (size_t)part->first * H, args->dh + (size_t)first * H, H);
    }
}

static void backward_streams(const void *backward_args, int first, int end)
{
    const lyrnn_recurrence_backward_args *args =
        (const lyrnn_recurrence_backward_args *)backward_args;
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts = lyrnn_gate_parts(args->cell, args->H, args->gates, args->saved, parts);
    for (int i = 0; i < num_parts; i++)
        pack_panels(weights_of(args->w_hh, &parts[i], args->H),
                    args->scratch + (size_t)parts[i].first * (size_t)args->H);
    for (int i = 0; i < args->T && first < end; i++)
        step_backward(args, parts, num_parts, args->reverse ? i : args->T - 1 - i, first, end);
}

void lyrnn_cpu_recurrence_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    (void)self;
    LYRNN_CHECK(args->cell != LYRNN_LSTM || args->c != NULL);
    LYRNN_CHECK(args->cell != LYRNN_GRU || args->saved != NULL);
    lyrnn_cpu_share(args, args->B, is_large(args->T, args->B, args->H), backward_streams);
}

void lyrnn_cpu_recurrence_backward_weights(lyrnn_backend *self,
                                           const lyrnn_recurrence_backward_weights_args *args)
{
    (void)self;
    int H = args->H, M = args->T * args->B, stride = args->h_stride;
    size_t before = (size_t)slot_before(args->reverse, 0) * (size_t)args->B;
    lyrnn_matrix h_before = lyrnn_matrix_rows(args->h + before * (size_t)stride, M, H, stride);
    lyrnn_gate_part parts[LYRNN_MAX_GATE_PARTS];
    int num_parts =
        lyrnn_gate_parts(args->cell, H, (float *)args->dgates, (float *)args->dsaved, parts);
    for (int i = 0; i < num_parts; i++) {
        const lyrnn_gate_part *part = &parts[i];
        lyrnn_matrix dprime = lyrnn_matrix_rows(part->rows, M, part->num, part->stride);
        if (args->dw_hh != NULL)
            lyrnn_cpu_gemm(lyrnn_transpose(dprime), h_before, args->add ? 1.0f : 0.0f,
                           args->dw_hh + (size_t)part->first * (size_t)H, H);
        if (args->db_hh != NULL)
            lyrnn_cpu_column_sums(dprime, args->add, args->db_hh + part->first);
    }
    if (args->db_ih == NULL)
        return;
    lyrnn_cpu_column_sums(lyrnn_matrix_of(args->dgates, M, lyrnn_num_gates(args->cell) * H),
                          args->add, args->db_ih);
}
