/* THE SEAM between what a training step is (host/) and how a device does it (host/cpu/, cuda/).
 *
 * A backend is one table of operations. Each covers a whole sequence, never one time step, so that a
 * device stays free to batch a GEMM over T, to capture a graph or to keep weights on chip; writing one
 * character is the same call with T = 1. Operations take one struct of arguments, never allocate, and
 * return at once: work is queued in order and `synchronise` or `download` waits for it.
 *
 * Letters: T steps, B streams (batch), V vocabulary, H hidden units, G gates per cell (rnn 1, lstm 4,
 * gru 3), M = T*B rows. Arrays are row-major, slowest axis first, time-major: (T,B,F) is (M,F).
 * Pointers in argument structs are device memory; in, out and i/o say who writes. */
#ifndef LYRNN_BACKEND_H
#define LYRNN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/cell.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What GEMM operands are rounded to on the device. Everything is stored and summed in fp32 either way. */
typedef enum { LYRNN_FP32, LYRNN_TF32, LYRNN_BF16 } lyrnn_precision;

/* What a step counts, kept on the device so that no step has to ask the host. */
typedef struct {
    int64_t batch;      /* row of the batch table that batch_gather takes next */
    int64_t step;       /* optimizer steps taken, Adam's t */
    int64_t bad_step;   /* first step (from 1) whose loss was NaN or infinite; 0: none yet */
    int64_t loss_count; /* targets summed into loss_sum */
    double loss_sum;    /* nats */
} lyrnn_counters;

/* Takes row counters->batch of the batch table and moves counters->batch on by one:
 *     inputs[t][b] = ids[starts[batch][b] + t],  targets[t][b] = ids[starts[batch][b] + t + 1] */
typedef struct {
    int T, B;
    const int32_t *ids;       /* in   (N)    the corpus */
    const int64_t *starts;    /* in   (K,B)  where each stream of each batch begins */
    lyrnn_counters *counters; /* i/o */
    int32_t *inputs;          /* out  (T,B) */
    int32_t *targets;         /* out  (T,B) */
} lyrnn_batch_gather_args;

/* The product of one-hot rows with W_ih, done as the gather that it is:  out = table[ids] + bias.
 * table is weight_ih (F,V) held transposed, so that a character's weights are one contiguous row. */
typedef struct {
    int M, V, F;
    const int32_t *ids; /* in   (M)    0 <= id < V */
    const float *table; /* in   (V,F) */
    const float *bias;  /* in   (F) */
    float *out;         /* out  (M,F) */
} lyrnn_embedding_forward_args;

/* dtable[v] = sum of dout[m] over the m with ids[m] = v, in a fixed order;  dbias = sum of all dout.
 * This and the other gradients of weights can be had by parts of a sequence, each added to those before. */
typedef struct {
    int M, V, F;
    const int32_t *ids; /* in   (M) */
    const float *dout;  /* in   (M,F) */
    bool add;           /* to what dtable and dbias hold already */
    float *dtable;      /* i/o  (V,F)  rows of absent characters become zero, or with add stay */
    float *dbias;       /* i/o  (F) */
    int32_t *scratch;   /* tmp  (2*M + V + 1) */
} lyrnn_embedding_backward_args;

/* packed holds the numbers of weight, laid out as the device's batch-invariant products read them: each of
 * the matrices on its own. */
typedef struct {
    int num, N, K;
    const float *weight; /* in   (num,N,K) */
    float *packed;       /* out  (num,N,K) */
} lyrnn_pack_weights_args;

/* y = x weight^T + bias, torch.nn.Linear.
 * batch_invariant: a row of y depends on its row of x alone, to the last bit, whatever M; weight is then
 * one matrix (out,in) packed. */
typedef struct {
    int M, in, out;
    bool batch_invariant;
    const float *x;      /* in   (M,in) */
    const float *weight; /* in   (out,in) */
    const float *bias;   /* in   (out) */
    float *y;            /* out  (M,out) */
} lyrnn_linear_forward_args;

/* dx = dy weight. */
typedef struct {
    int M, in, out;
    const float *weight; /* in   (out,in) */
    const float *dy;     /* in   (M,out) */
    bool add;            /* to what dx holds already */
    float *dx;           /* i/o  (M,in) */
} lyrnn_linear_backward_args;

/* dweight = dy^T x,  dbias = column sums of dy. */
typedef struct {
    int M, in, out;
    const float *x;  /* in   (M,in) */
    const float *dy; /* in   (M,out) */
    bool add;        /* to what dweight and dbias hold already */
    float *dweight;  /* i/o  (out,in) */
    float *dbias;    /* i/o  (out) */
} lyrnn_linear_backward_weights_args;

/* One layer in one direction over a whole sequence: torch.nn.RNN, LSTM or GRU behind its input
 * projection x W_ih^T + b_ih. With h' = h w_hh^T + b_hh and sigma the logistic function,
 *     rnn    h[t+1] = phi(gates[t] + h'),  phi = tanh or relu
 *     lstm   i, f, o = sigma(gates[t] + h'),  g = tanh(gates[t] + h'),  gates in the order i, f, g, o;
 *            c[t+1] = f c[t] + i g,  h[t+1] = o tanh(c[t+1])
 *     gru    r, z = sigma(gates[t] + h'),  n = tanh(gates[t] + r h'),  gates in the order r, z, n;
 *            h[t+1] = (1 - z) n + z h[t]
 * Reversed, the steps run from T-1 down to 0: h[t] follows from gates[t] and h[t+1].
 * A row of h or c is H floats in rows h_stride apart (H, or 2H where two directions stand side by side). */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    bool batch_invariant; /* a stream's bits depend on that stream alone, whatever B */
    const float *w_hh;    /* in   (G*H,H)  where batch_invariant, packed as G matrices (H,H) */
    const float *b_hh;    /* in   (G*H) */
    float *gates; /* i/o  (T,B,G*H)  in: the input projection; out: lstm i, f, g, o, gru r, z, n, */
                  /*                 rnn nothing to rely on */
    float *h;     /* i/o  (T+1,B,H)  slot 0 (reverse: T) holds the carried state, the others are */
                  /*                 written */
    float *c;     /* i/o  (T+1,B,H)  the same; lstm only, else NULL */
    float *saved; /* out  (T,B,H)    h' of n; gru only, else NULL */
    float *scratch; /* tmp  (G*H,max(B,H))  the device's own */
} lyrnn_recurrence_forward_args;

/* Back through the same steps; h, c, gates and saved are as the forward pass left them. dh and dc carry
 * the state's gradient: the last state's comes in (zero when the loss does not see it), the first state's
 * goes out. */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    const float *w_hh;    /* in   (G*H,H) */
    const float *h;       /* in   (T+1,B,H) */
    const float *c;       /* in   (T+1,B,H)  lstm only, else NULL */
    const float *doutput; /* in   (T,B,H)    loss by each step's output, rows h_stride apart */
    float *dh;            /* i/o  (B,H) */
    float *dc;            /* i/o  (B,H)      lstm only, else NULL */
    float *gates;         /* i/o  (T,B,G*H)  out: loss by the input projection */
    float *saved;         /* i/o  (T,B,H)    out: loss by h' of n; gru only, else NULL */
    float *scratch;       /* tmp  (G*H,max(B,H))  the device's own */
} lyrnn_recurrence_backward_args;

/* dw_hh = sum over t of dh'[t]^T h[t],  db_hh = sum of dh', where dh' is the loss by h': dgates, but for
 * gru's n, where it is what recurrence_backward left in saved. */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    const float *h;      /* in   (T+1,B,H) */
    const float *dgates; /* in   (T,B,G*H) */
    const float *dsaved; /* in   (T,B,H)    gru only, else NULL */
    bool add;            /* to what dw_hh and db_hh hold already */
    float *dw_hh;        /* i/o  (G*H,H) */
    float *db_hh;        /* i/o  (G*H) */
} lyrnn_recurrence_backward_weights_args;

/* Inverted dropout, torch.nn.functional.dropout, which is its own backward:
 *     y[i] = u > p ? x[i] / (1 - p) : 0
 *     u = lyrnn_philox_uniform(seed, LYRNN_PURPOSE_DROPOUT, counters->step * per_step + position + i)
 * No mask is stored: the same numbers are drawn again on the way back. */
typedef struct {
    size_t count;
    float p; /* 0 to 1 */
    uint64_t seed, per_step, position;
    const lyrnn_counters *counters; /* in */
    const float *x;                 /* in   (count) */
    float *y;                       /* out  (count)  may be x */
} lyrnn_dropout_args;

/* losses[m] = log(sum_v exp(logits[m][v])) - logits[m][targets[m]], nats, stable for large logits;
 * then logits[m] become the gradient of the mean loss, (softmax - onehot) / M. The losses' sum (in
 * double, in a fixed order) and M are added to the counters, and bad_step is set when the sum is not finite. */
typedef struct {
    int M, V;
    const int32_t *targets;   /* in   (M) */
    float *logits;            /* i/o  (M,V)  logits in, dlogits out */
    float *losses;            /* out  (M) */
    lyrnn_counters *counters; /* i/o */
} lyrnn_softmax_cross_entropy_args;

/* Global-norm clipping and Adam over flat buffers, torch.optim.Adam without weight decay:
 *     t = ++counters->step;  norm = |grads|;  s = norm > clip_norm ? clip_norm / norm : 1;  g = s grads
 *     m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *     params -= learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon) */
typedef struct {
    size_t count;
    float *params;              /* i/o  (count) */
    const float *grads;         /* in   (count) */
    float *m, *v;               /* i/o  (count) */
    const float *learning_rate; /* in (1) */
    float clip_norm;            /* 0: no clipping */
    double beta1, beta2, epsilon;
    lyrnn_counters *counters; /* i/o */
} lyrnn_clip_and_adam_args;

/* How the next character is chosen, by llama.cpp's samplers in its order. In the order of logits, the
 * greatest first and the lowest id among equals; the first is always kept: */
typedef struct {
    float
        repeat_penalty; /* logits of the last characters: above 0 divided by it, else multiplied; 1: none */
    int repeat_last_n; /* so many characters back, each penalised once */
    int top_k;         /* only the first k; 0: all */
    float top_p;       /* of those only the fewest first whose probabilities reach p; 1: all */
    float min_p;       /* of those only such as have min_p times the first's probability; 0: all */
    float temperature; /* then logits are divided by it and one is drawn; 0: the first */
    uint64_t seed;
} lyrnn_sampler;

/* What lines must look like: the device's view of a lyrnn_line_rules (lyrnn/line_rules.h). Lines are
 * separated by a character of the vocabulary; all counts are from the text's start, prefix included. */
typedef struct {
    int32_t newline;        /* its id; -1: there are no lines, and none of these rules */
    int min_line, max_line; /* characters of a line, without the newline; max_line 0: any */
    int num_lines;    /* a text ends in place of the newline that would begin another; 0: never */
    int num_acrostic; /* the first so many lines begin with */
    const int32_t *acrostic; /* in (num_acrostic)  these; else NULL */
} lyrnn_device_line_rules;

/* The device's view of a lyrnn_copy_guard (lyrnn/generate.h): forbids each character that would continue
 * the text's last `length` characters as the corpus does, so that no run of length + 1 characters is the
 * corpus's. */
typedef struct {
    int length;         /* 0: no guard, as before so many characters */
    size_t N;           /* ids of the corpus */
    const int32_t *ids; /* in (N)  of the text's vocabulary; -1 where it has no such character */
    const int32_t *suffixes; /* in (N)  the corpus's suffix array: where its suffixes begin, in */
                             /*         lexicographic order of ids, -1 the least */
} lyrnn_device_copy_guard;

/* Where a text stands. */
typedef enum {
    LYRNN_TEXT_RUNNING,
    LYRNN_TEXT_ENDED, /* by num_lines */
    LYRNN_TEXT_STUCK  /* no character is allowed */
} lyrnn_text_end;
typedef struct {
    int32_t line, column; /* characters of the line so far */
    int32_t end;          /* a lyrnn_text_end; from then on nothing is written */
    int32_t length;       /* characters of the text, prefix included */
} lyrnn_text_state;

/* Which texts a batch writes and how far it is, kept on the device so that one recorded step serves them all. */
typedef struct {
    int64_t position;      /* the place whose character comes next */
    int64_t prefix_length; /* at least 1 */
    uint64_t first_sample; /* stream b is sample number first_sample + b */
} lyrnn_text_cursor;

/* The character at place cursor->position of each text: the prefix's own where that reaches so far, else one
 * chosen by the rules and the sampler, with u = lyrnn_philox_uniform(seed, LYRNN_PURPOSE_SAMPLE + its number,
 * place): the first id, in ascending order of ids among those that are left, at which the sum of their
 * probabilities reaches u. Then cursor->position moves on by one.
 *
 * The prefix's characters move the state as others do, but are not checked. What the rules or the guard
 * forbid is forbidden whatever the sampler, as is a character whose logit is -infinity or NaN. A newline that
 * ends a text is not written, so that the guard does not forbid it. Texts that have ended, or are full
 * (the position is max_length or more), stay as they are. */
typedef struct {
    int B, V, max_length;
    lyrnn_sampler sampler;
    lyrnn_device_line_rules lines;
    lyrnn_device_copy_guard copies;
    lyrnn_text_cursor *cursor; /* i/o */
    float *logits;             /* i/o  (B,V)  nothing to rely on afterwards */
    int32_t *texts;            /* i/o  (B,max_length)  the character goes to [b][position] */
    lyrnn_text_state *states;  /* i/o  (B) */
    int32_t *tokens;           /* out  (B)  the character; 0 where none was written */
} lyrnn_sample_token_args;

/* values[i] = (2 u - 1) bound, u = lyrnn_philox_uniform(seed, purpose, position + i). */
typedef struct {
    size_t count;
    float bound;
    uint64_t seed, purpose, position; /* see lyrnn/philox.h */
    float *values;                    /* out  (count) */
} lyrnn_init_uniform_args;

/* The numeric operations, NAME(self, const lyrnn_NAME_args *). They cannot fail: arguments are the
 * programmer's, and a device fault aborts. */
#define LYRNN_COMPUTE_OPERATIONS(X)                                                                \
    X(batch_gather)                                                                                \
    X(embedding_forward)                                                                           \
    X(embedding_backward)                                                                          \
    X(pack_weights)                                                                                \
    X(linear_forward)                                                                              \
    X(linear_backward)                                                                             \
    X(linear_backward_weights)                                                                     \
    X(recurrence_forward)                                                                          \
    X(recurrence_backward)                                                                         \
    X(recurrence_backward_weights)                                                                 \
    X(dropout)                                                                                     \
    X(softmax_cross_entropy)                                                                       \
    X(clip_and_adam)                                                                               \
    X(sample_token)                                                                                \
    X(init_uniform)

/* The device itself, NAME and its type.
 *     memory_alloc  bytes, aligned to 256, contents undefined. LYRNN_ERR_MEMORY with the bytes asked
 *                   (and free, where the device knows), for the caller to add what drives them.
 *     memory_free   NULL is fine.
 *     upload        host to device; the host buffer is free for reuse on return.
 *     download      device to host; waits for all queued work.
 *     copy_rows     rows of num_bytes each within the device, their starts a stride of bytes apart.
 *     zero          bytes within the device.
 *     lane_use      what is queued from now on goes to this lane, 0 to num_lanes - 1. Lanes may run side
 *                   by side; between calls of lane_wait nothing is promised about their order, but the
 *                   lower number goes first where there is not room for both. Lane 0
 *                   is in use at first, and must be, with the others waited for, when a step's body ends
 *                   and when the host uploads, downloads, waits or frees.
 *     lane_wait     what is queued from now on in the lane in use runs after all that has been queued in
 *                   lane `other` so far. The lane in use itself is fine.
 *     run_step      runs body(context), which queues the same operations on the same memory at every
 *                   call: a device may record them the first time and replay the record from then on.
 *     describe      one line naming the device, at most size bytes with the terminator.
 *     close         frees everything but the memory handed out by memory_alloc. */
#define LYRNN_DEVICE_OPERATIONS(X)                                                                 \
    X(memory_alloc, lyrnn_status, (lyrnn_backend * self, size_t bytes, void **memory))             \
    X(memory_free, void, (lyrnn_backend * self, void *memory))                                     \
    X(upload, void, (lyrnn_backend * self, void *device, const void *host, size_t bytes))          \
    X(download, void, (lyrnn_backend * self, void *host, const void *device, size_t bytes))        \
    X(copy_rows, void,                                                                             \
      (lyrnn_backend * self, void *to, size_t to_stride, const void *from, size_t from_stride,     \
       size_t num_bytes, size_t num_rows))                                                         \
    X(zero, void, (lyrnn_backend * self, void *memory, size_t bytes))                              \
    X(lane_use, void, (lyrnn_backend * self, int lane))                                            \
    X(lane_wait, void, (lyrnn_backend * self, int other))                                          \
    X(synchronise, void, (lyrnn_backend * self))                                                   \
    X(run_step, void, (lyrnn_backend * self, void (*body)(void *), void *context))                 \
    X(describe, void, (lyrnn_backend * self, char *text, size_t size))                             \
    X(close, void, (lyrnn_backend * self))

typedef struct lyrnn_backend lyrnn_backend;
struct lyrnn_backend {
    const char *name; /* "cpu", "cuda" */
    void *state;      /* the backend's own: stream, library handles; NULL where it needs none */
    bool shares_host_memory; /* device memory is host memory: both count against one total */
    int num_threads;         /* of the CPU backend; CUDA: 0 */
    int num_lanes; /* how many queues may run side by side, 1 or at least 3; 1: all runs in order */
    bool debug_sync; /* set by who opened it: CUDA then waits for each operation, so that a fault */
                     /* names the one that made it, and records no step; else false */
    size_t own_bytes;       /* of the device's memory, for the libraries' use; CPU: 0 */
    char why_not_cuda[256]; /* where "auto" came down to the CPU: the reason, else "" */
#define LYRNN_MEMBER(name) void (*name)(lyrnn_backend * self, const lyrnn_##name##_args *args);
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
#define LYRNN_MEMBER(name, result, parameters) result(*name) parameters;
    LYRNN_DEVICE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
};

/* The CPU backend; num_threads as in lyrnn_backend_open (device.h). Its threads and GEMMs are the process's, so
 * open one at a time. */
lyrnn_status lyrnn_cpu_backend_open(int num_threads, lyrnn_backend *backend);

/* The CUDA backend on device number `device`. LYRNN_ERR_UNSUPPORTED says why when it cannot be had: no
 * device, a driver too old, no liblyrnn_cuda.so, which a build with the CUDA toolkit makes. */
lyrnn_status lyrnn_cuda_backend_open(int device, lyrnn_precision precision, lyrnn_backend *backend);

#ifdef __cplusplus
}
#endif
#endif
