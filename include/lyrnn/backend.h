/* THE SEAM between what a training step is (host/) and how a device computes it (host/cpu/, cuda/).
 *
 * A backend is one table of operations. An operation covers a whole sequence, never one time step.
 * So a device is free to batch a GEMM over T, to capture a graph or to keep weights on chip.
 * Generating one character is the same call with T = 1. An operation takes one struct of arguments,
 * never allocates, and returns at once: work is queued in order, and `synchronize` or `download`
 * waits for it.
 *
 *     T  time steps
 *     B  streams: a stream is one of the B parallel text sequences of a batch
 *     V  characters of the vocabulary
 *     H  hidden units
 *     G  gates of a cell: rnn 1, lstm 4, gru 3
 *     M  rows, T * B
 * Arrays are row-major, slowest axis first, and time-major, so that (T,B,F) is also (M,F). Pointers
 * in argument structs are to device memory. in, out, i/o and tmp say who writes: tmp is scratch
 * memory whose contents mean nothing before and after the call. A leading d means the gradient of
 * what follows.
 *
 * To read next: host/cpu/ for what each operation computes, cuda/ for how a GPU does it. */
#ifndef LYRNN_BACKEND_H
#define LYRNN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/cell.h"
#include "lyrnn/comm.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the operands of GEMMs are rounded to. Storage and sums are always fp32. */
typedef enum { LYRNN_FP32, LYRNN_TF32, LYRNN_BF16 } lyrnn_precision;

/* What the steps count. It is in device memory, so that a step needs nothing from the host. */
typedef struct {
    /* The first three begin at zero in each epoch (LYRNN_EPOCH_COUNTERS_BYTES). */
    int64_t batch;        /* row of the batch table that batch_gather takes next */
    int64_t loss_count;   /* targets that loss_sum covers */
    double loss_sum;      /* nats */
    int64_t step;         /* optimizer steps taken, Adam's t */
    int64_t bad_step;     /* first step (from 1) whose loss was NaN or infinite; 0: none yet */
    int64_t num_targets;  /* targets of the last batch that count; 0: all of them */
    double gradient_norm; /* of the last step, before clipping */
} lyrnn_counters;

enum { LYRNN_EPOCH_COUNTERS_BYTES = offsetof(lyrnn_counters, step) };

/* What one stream reads in one batch: num_targets characters from start on, then padding. */
typedef struct {
    int64_t start;       /* its first character */
    int32_t num_targets; /* 0 to T */
    int32_t from_zero;   /* 1: the stream begins at the zero state; 0: it continues */
} lyrnn_chunk;

/* Target of a time step that is padding. It has no loss and no gradient. */
#define LYRNN_IGNORED_TARGET (-1)

/* Takes B columns of row counters->batch of the batch table, from column first_stream on. With the
 * chunk of stream b in them:
 *     inputs[t][b] = ids[start + t],  targets[t][b] = ids[start + t + 1]   for t < num_targets
 *     inputs[t][b] = 0,  targets[t][b] = LYRNN_IGNORED_TARGET              for padding
 *     from_zero[b] = from_zero
 *     counters->num_targets = sum of num_targets over all columns of the row
 * is_last: adds one to counters->batch. A row that is read in several parts has one last part. */
typedef struct {
    int T, B;
    int num_streams, first_stream; /* columns of the table; where the part begins */
    bool is_last;
    const int32_t *ids;        /* in   (N)    the corpus */
    const lyrnn_chunk *chunks; /* in   (K,num_streams)  the batch table */
    lyrnn_counters *counters;  /* i/o */
    int32_t *inputs;           /* out  (T,B) */
    int32_t *targets;          /* out  (T,B) */
    int32_t *from_zero;        /* out  (B) */
} lyrnn_batch_gather_args;

/* Sets row b to zero where chosen[b] is not 0. Rows begin `stride` floats apart. */
typedef struct {
    int B, H, stride;
    const int32_t *chosen; /* in   (B) */
    float *rows;           /* i/o  (B,H) */
} lyrnn_zero_rows_args;

/* The product of one-hot rows with W_ih, computed as a gather: out = table[ids] + bias.
 * table is weight_ih (F,V), stored transposed: the weights of a character are one contiguous
 * row. */
typedef struct {
    int M, V, F;
    const int32_t *ids; /* in   (M)    0 <= id < V */
    const float *table; /* in   (V,F) */
    const float *bias;  /* in   (F)    NULL: none */
    float *out;         /* out  (M,F) */
} lyrnn_embedding_forward_args;

/* Finds what embedding_backward needs of the ids. This is an operation of its own because it does
 * not wait for any gradient. groups has the device's own form. */
typedef struct {
    int M;
    const int32_t *ids; /* in   (M) */
    int32_t *groups;    /* out  (M) */
} lyrnn_group_ids_args;

/* dtable[v] += sum of dout[m] over all m with ids[m] = v, in a fixed order. */
typedef struct {
    int M, V, F;
    const int32_t *ids;    /* in   (M) */
    const int32_t *groups; /* in   (M)  what group_ids found in these ids */
    const float *dout;     /* in   (M,F) */
    float *dtable;         /* i/o  (V,F) */
} lyrnn_embedding_backward_args;

/* Copies num matrices (N,K) into the layout that this device's batch-invariant products read. Each
 * matrix is packed separately. */
typedef struct {
    int num, N, K;
    const float *weight; /* in   (num,N,K) */
    float *packed;       /* out  (num,N,K) */
} lyrnn_pack_weights_args;

/* y = x weight^T + bias, torch.nn.Linear. Rows of y begin y_stride floats apart.
 * batch_invariant: a row of y depends on its row of x only, to the last bit, whatever M is. weight
 * is then one matrix (out,in) from pack_weights. */
typedef struct {
    int M, in, out, y_stride;
    bool batch_invariant;
    const float *x;      /* in   (M,in) */
    const float *weight; /* in   (out,in) */
    const float *bias;   /* in   (out)  NULL: none */
    float *y;            /* out  (M,out) */
} lyrnn_linear_forward_args;

/* dx = dy weight, or with add: dx += dy weight. Rows of dy begin dy_stride floats apart. */
typedef struct {
    int M, in, out, dy_stride;
    const float *weight; /* in   (out,in) */
    const float *dy;     /* in   (M,out) */
    bool add;
    float *dx; /* i/o  (M,in) */
} lyrnn_linear_backward_args;

/* dweight = dy^T x,  dbias = column sums of dy. add: both are added to what is there. Rows of dy
 * begin dy_stride floats apart. */
typedef struct {
    int M, in, out, dy_stride;
    const float *x;  /* in   (M,in) */
    const float *dy; /* in   (M,out) */
    bool add;
    float *dweight; /* i/o  (out,in) */
    float *dbias;   /* i/o  (out)  NULL: not wanted */
} lyrnn_linear_backward_weights_args;

/* The number of floats in a recurrence's scratch, a multiple of 4: (G*H,max(B,H)), and two vectors
 * of G*H values for each stream. The streams are rounded up to a multiple of 4. */
static inline size_t lyrnn_recurrence_scratch(lyrnn_cell cell, int B, int H)
{
    size_t vectors = 2 * (((size_t)B + 3) / 4 * 4), rows = (size_t)H;
    size_t count = (size_t)lyrnn_num_gates(cell) * (size_t)H * (vectors > rows ? vectors : rows);
    return (count + 3) / 4 * 4;
}

/* One layer in one direction over a whole sequence: torch.nn.RNN, LSTM or GRU after its input
 * projection x W_ih^T + b_ih. With h' = h w_hh^T + b_hh and sigma the logistic function:
 *     rnn    h[t+1] = phi(gates[t] + h'),  phi = tanh or relu
 *     lstm   i, f, o = sigma(gates[t] + h'),  g = tanh(gates[t] + h'),
 *            c[t+1] = f c[t] + i g,  h[t+1] = o tanh(c[t+1])
 *     gru    r, z = sigma(gates[t] + h'),  n = tanh(gates[t] + r h'),
 *            h[t+1] = (1 - z) n + z h[t]
 * The gates are in PyTorch's order: i, f, g, o for lstm and r, z, n for gru.
 * reverse: the steps run from T-1 down to 0: h[t] follows from gates[t] and h[t+1].
 * Rows of h and c begin h_stride floats apart: H, or 2H where two directions share the rows. */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    bool batch_invariant; /* the bits of a stream depend on that stream only, whatever B is */
    const float *w_hh;    /* in   (G*H,H)  batch_invariant: packed as G matrices (H,H) */
    const float *b_hh;    /* in   (G*H) */
    /* i/o  (T,B,G*H)  in: the input projection. Out, for backward: i, f, g, o of lstm and r, z, n
     *                 of gru; undefined for rnn. */
    float *gates;
    /* i/o  (T+1,B,H)  in: slot 0 (reverse: slot T) is the state before the sequence. Out: the
     *                 other slots. c is for lstm only, else NULL. */
    float *h, *c;
    float *saved;   /* out  (T,B,H)    h' of n; gru only, else NULL */
    float *scratch; /* tmp  (lyrnn_recurrence_scratch), aligned to 16 bytes */
} lyrnn_recurrence_forward_args;

/* The same steps backward. h, c, gates and saved are as the forward pass left them.
 * dh and dc are the gradients of the state. In: of the state after the sequence, zero where the
 * loss does not depend on it. Out: of the state before the sequence. */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    const float *w_hh;    /* in   (G*H,H) */
    const float *h;       /* in   (T+1,B,H) */
    const float *c;       /* in   (T+1,B,H)  lstm only, else NULL */
    const float *doutput; /* in   (T,B,H)    of each step's h, rows h_stride apart */
    float *dh;            /* i/o  (B,H) */
    float *dc;            /* i/o  (B,H)      lstm only, else NULL */
    float *gates;         /* i/o  (T,B,G*H)  out: the gradient of the input projection */
    float *saved;         /* i/o  (T,B,H)    out: the gradient of h' of n; gru only, else NULL */
    float *scratch;       /* tmp  (lyrnn_recurrence_scratch), aligned to 16 bytes */
} lyrnn_recurrence_backward_args;

/* dw_hh = sum over t of dh'[t]^T h[t], db_hh = sum of dh', db_ih = sum of dgates. dh' is dgates,
 * except for gru's n, whose dh' is what recurrence_backward left in saved. add: the sums are added
 * to what is there. A device may run two calls at once, one for the matrix and one for the biases.
 */
typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
    const float *h;      /* in   (T+1,B,H) */
    const float *dgates; /* in   (T,B,G*H) */
    const float *dsaved; /* in   (T,B,H)    gru only, else NULL */
    bool add;
    float *dw_hh;         /* i/o  (G*H,H)  NULL: not wanted */
    float *db_hh, *db_ih; /* i/o  (G*H)    NULL: both are not wanted */
} lyrnn_recurrence_backward_weights_args;

/* Inverted dropout, torch.nn.functional.dropout, over T rows. The same operation is its own
 * backward pass.
 *     y[t][i] = u > p ? x[t][i] / (1 - p) : 0
 *     u = lyrnn_philox_uniform(seed, purpose, place)
 *     place = counters->step * per_step + position + t * mask_stride + i
 * mask_stride 0 is locked dropout (Gal and Ghahramani 2016): all rows have one mask. No mask is
 * stored: backward draws the same numbers again. */
typedef struct {
    int T;
    size_t count, mask_stride;
    float p; /* 0 to 1 */
    uint64_t seed, purpose, per_step, position;
    const lyrnn_counters *counters; /* in */
    const float *x;                 /* in   (T,count) */
    float *y;                       /* out  (T,count)  may be x */
} lyrnn_dropout_args;

/* Softmax with cross-entropy, torch.nn.functional.cross_entropy with ignore_index; stable for large
 * logits. n is counters->num_targets, or M if that is 0.
 *     losses[m] = log(sum_v exp(logits[m][v])) - logits[m][targets[m]], in nats
 *     logits[m] = (softmax(logits[m]) - onehot(targets[m])) / n, the gradient of the mean loss
 * Both are 0 where the target is LYRNN_IGNORED_TARGET. Rows of logits begin logits_stride floats
 * apart. */
typedef struct {
    int M, V, logits_stride;
    const int32_t *targets;         /* in   (M) */
    float *logits;                  /* i/o  (M,V)  in: logits; out: dlogits */
    float *losses;                  /* out  (M) */
    const lyrnn_counters *counters; /* in */
} lyrnn_softmax_cross_entropy_args;

/* The floats that hold a sum of losses exactly: it is their sum in double. */
enum { LYRNN_LOSS_PARTS = 3 };

/* Adds the sum of the losses (in double, in a fixed order) and the number of targets that are not
 * ignored to the counters. Sets bad_step when the sum is not finite, or not as a float. This is an
 * operation of its own because the backward pass does not wait for it.
 * If `parts` is given, it writes the sum there instead, and leaves the counters as they are. */
typedef struct {
    int M;
    const int32_t *targets;   /* in   (M) */
    const float *losses;      /* in   (M) */
    lyrnn_counters *counters; /* i/o */
    float *parts;             /* out  (LYRNN_LOSS_PARTS)  NULL: the sum goes to the counters */
} lyrnn_count_losses_args;

/* Adds num sums of losses to the counters, one after another, and counters->num_targets to their
 * loss_count. Sets bad_step when a sum is not finite. So every rank counts the losses of all. */
typedef struct {
    int num;
    const float *parts;       /* in   (num,LYRNN_LOSS_PARTS) */
    lyrnn_counters *counters; /* i/o */
} lyrnn_count_shards_args;

/* sum += values. */
typedef struct {
    size_t count;
    const float *values; /* in   (count) */
    float *sum;          /* i/o  (count) */
} lyrnn_add_args;

/* The length of an all-reduce's buffers: count floats and padding, so that they divide into `size`
 * pieces of whole groups of 4 floats. */
static inline size_t lyrnn_all_reduce_length(size_t count, int size)
{
    size_t group = 4 * (size_t)size;
    return (count + group - 1) / group * group;
}

/* values = the sum of the values of all ranks of self->comm, with the same bits on each. Rank r
 * receives piece r of all ranks, adds these pieces in a fixed binary tree over the ranks, and sends
 * the sum to all. The tree adds neighbors first, then neighbors of these sums, and so on. The
 * network moves bytes and never adds. The padding is summed too. If another rank fails, the values
 * are undefined and self->comm->check fails. All ranks queue the same calls, and all of them in
 * lyrnn_all_reduce_lane. */
typedef struct {
    size_t length;  /* a multiple of 4 * comm->size */
    float *values;  /* i/o  (length), aligned to 16 bytes */
    float *scratch; /* tmp  (length), aligned to 16 bytes */
} lyrnn_all_reduce_args;

/* The lane in which all sums over ranks are queued, of num_lanes. */
static inline int lyrnn_all_reduce_lane(int num_lanes)
{
    return num_lanes == 1 ? 0 : num_lanes - 2;
}

/* Weight decay is set per LYRNN_DECAY_GROUP floats of the flat buffers. */
enum { LYRNN_DECAY_GROUP = 64 };

/* Global-norm clipping and AdamW over flat buffers, torch.optim.AdamW; torch.optim.Adam where there
 * is no weight decay. The rate is learning_rates[counters->batch - 1].
 *     t = ++counters->step
 *     counters->gradient_norm = norm = |grads|
 *     s = norm > clip_norm ? clip_norm / norm : 1;  g = s grads
 *     m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *     params *= 1 - rate * weight_decay   in the groups that decay
 *     params -= rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *     average = d average + (1 - d) params,  d = min(average_decay, (1 + t) / (10 + t)) */
typedef struct {
    size_t count;
    float *params;               /* i/o  (count) */
    const float *grads;          /* in   (count) */
    float *m, *v;                /* i/o  (count) */
    const float *learning_rates; /* in   (K)  of the batches of an epoch */
    float clip_norm;             /* 0: no clipping */
    double beta1, beta2, epsilon;
    float weight_decay;
    /* in (count / LYRNN_DECAY_GROUP, rounded up)  nonzero: the group decays. NULL: none does. */
    const uint8_t *decays;
    float *average; /* i/o  (count)  NULL: no average */
    double average_decay;
    lyrnn_counters *counters; /* i/o */
} lyrnn_clip_and_adam_args;

/* How the next character is chosen: llama.cpp's samplers, in its order. The logits are ordered by
 * size, the largest first; of equal ones the lower id is first. The first always stays. */
typedef struct {
    /* Divides the positive logits of the last characters and multiplies the others; 1: none. */
    float repeat_penalty;
    int repeat_last_n; /* how many last characters that covers, each once; 0: none */
    int top_k;         /* keep the first k; 0: all */
    float top_p;       /* keep the shortest first part whose probabilities reach p; 1: all */
    float min_p;       /* keep those with at least min_p times the first's probability; 0: all */
    float temperature; /* divide by it and draw one at random; 0: take the first */
    uint64_t seed;
} lyrnn_sampler;

/* Rules for the lines of a text: the device's view of a lyrnn_line_rules (lyrnn/line_rules.h).
 * Lines are separated by one character of the vocabulary. All counts begin at the start of the
 * text, the prefix included. */
typedef struct {
    int32_t newline;         /* id of that character; -1: there are no lines and no rules */
    int min_line, max_line;  /* clusters per line without the newline; max_line 0: any number */
    int num_lines;           /* the text ends instead of beginning another line; 0: any number */
    int num_acrostic;        /* the first num_acrostic lines begin with acrostic's characters */
    const int32_t *acrostic; /* in (num_acrostic)  else NULL */
    /* How clusters are counted (lyrnn/clusters.h). classes NULL: each character is a cluster. */
    int num_classes;
    const int32_t *classes; /* in (V) */
    const int32_t *steps;   /* in (number of states,num_classes) */
} lyrnn_device_line_rules;

/* Keeps a text from copying the corpus: the device's view of a lyrnn_copy_guard (lyrnn/generate.h).
 * A character is forbidden if the corpus has it after the text's last `length` characters. So no
 * run of length + 1 characters is a copy. */
typedef struct {
    int length; /* 0: no guard */
    size_t N;   /* characters of the corpus */
    /* in (N)  the corpus by the model's ids; -1 where the model lacks the character. */
    const int32_t *ids;
    /* in (N)  its suffix array: where suffixes begin, in lexicographic order of ids, -1 first. */
    const int32_t *suffixes;
} lyrnn_device_copy_guard;

typedef enum {
    LYRNN_TEXT_RUNNING,
    LYRNN_TEXT_ENDED, /* it has num_lines lines */
    LYRNN_TEXT_STUCK  /* no character is allowed */
} lyrnn_text_end;

/* How far a text is. */
typedef struct {
    int32_t line, column; /* number of the line, and the clusters that it has so far */
    int32_t cluster;      /* state of the table of clusters, after the last character */
    int32_t end;          /* a lyrnn_text_end; unless it is RUNNING, the text stays as it is */
    int32_t length;       /* characters of the text, prefix included */
} lyrnn_text_state;

/* The position of a batch of texts. It is in device memory, so that one recorded step serves every
 * position. */
typedef struct {
    int64_t position;      /* of the next character */
    int64_t prefix_length; /* at least 1 */
    uint64_t first_sample; /* stream b is sample number first_sample + b */
} lyrnn_text_cursor;

/* Appends the character at cursor->position to each text, then adds one to cursor->position.
 *
 * Within the prefix, that is the prefix's own character. It moves the state, but is not checked.
 * After the prefix, the rules and the sampler choose: of the ids that are left, in ascending
 * order, the first at which the sum of probabilities reaches
 *     u = lyrnn_philox_uniform(seed, LYRNN_PURPOSE_SAMPLE + sample number, position)
 * What the rules or the guard forbid is never chosen, nor is a character whose logit is -infinity
 * or NaN. A newline that would end the text is not written, and so the guard does not forbid it. A
 * text that ended or is full (position >= max_length) stays as it is. Rows of logits begin
 * logits_stride floats apart. */
typedef struct {
    int B, V, logits_stride, max_length;
    lyrnn_sampler sampler;
    lyrnn_device_line_rules lines;
    lyrnn_device_copy_guard copies;
    lyrnn_text_cursor *cursor; /* i/o */
    float *logits;             /* i/o  (B,V)  out: undefined */
    int32_t *texts;            /* i/o  (B,max_length)  the character goes to [b][position] */
    lyrnn_text_state *states;  /* i/o  (B) */
    /* i/o (B,V)  1 + the last place of each character in the text, the prefix included; 0: it has
     * none. All 0 at position 0. NULL if repeat_penalty is 1. */
    int32_t *seen;
    int32_t *tokens; /* out  (B)  the character; 0 where none was written */
} lyrnn_sample_token_args;

/* values[i] = (2 u - 1) bound, u = lyrnn_philox_uniform(seed, purpose, position + i). */
typedef struct {
    size_t count;
    float bound;
    uint64_t seed, purpose, position; /* see lyrnn/philox.h */
    float *values;                    /* out  (count) */
} lyrnn_init_uniform_args;

/* A recurrence over a whole sequence, without its data. */
typedef struct {
    lyrnn_cell cell;
    bool is_backward;
    int T, B, H;
} lyrnn_recurrence_shape;

/* How a device runs a recurrence. Its text names the path and the layout, for example "steps" or
 * "resident.c4.s1"; it means the same on every device. Plans differ in the order of sums, so their
 * results differ by rounding. */
enum { LYRNN_PLAN_BYTES = 32, LYRNN_MAX_PLANS = 8 };

typedef struct {
    char text[LYRNN_PLAN_BYTES];
    double expected_us; /* per time step, by the device's cost model */
    double us;          /* per time step, measured by plan_try */
    /* By plan_try: the largest difference from the plan "steps", divided by the largest value; NaN:
     * the results have a NaN that those of "steps" do not have. */
    double error;
    char fault[96]; /* by plan_try: why the plan cannot be used; "": it can */
} lyrnn_plan;

/* What plans are tried on: the recurrence of this shape from the zero state. */
typedef struct {
    lyrnn_recurrence_shape shape;
    const float *gates; /* in (T,B,G*H)  the input projection, with b_ih */
    const float *w_hh;  /* in (G*H,H) */
    const float *b_hh;  /* in (G*H) */
} lyrnn_plan_probe;

/* The numeric operations: NAME(self, const lyrnn_NAME_args *). They cannot fail. Wrong arguments
 * are the programmer's fault, and a device fault aborts.
 * Another rank's failure shows in self->comm. */
#define LYRNN_COMPUTE_OPERATIONS(X)                                                                \
    X(batch_gather)                                                                                \
    X(zero_rows)                                                                                   \
    X(embedding_forward)                                                                           \
    X(group_ids)                                                                                   \
    X(embedding_backward)                                                                          \
    X(pack_weights)                                                                                \
    X(linear_forward)                                                                              \
    X(linear_backward)                                                                             \
    X(linear_backward_weights)                                                                     \
    X(recurrence_forward)                                                                          \
    X(recurrence_backward)                                                                         \
    X(recurrence_backward_weights)                                                                 \
    X(dropout)                                                                                     \
    X(add)                                                                                         \
    X(softmax_cross_entropy)                                                                       \
    X(count_losses)                                                                                \
    X(count_shards)                                                                                \
    X(all_reduce)                                                                                  \
    X(clip_and_adam)                                                                               \
    X(sample_token)                                                                                \
    X(init_uniform)

/* The operations on the device itself.
 *
 * A lane is a queue of work, on CUDA a stream. Lanes may run at the same time, and nothing but
 * lane_wait orders them. Where there is not room for both, a device may let the lower number go
 * first. Lane 0 is in use at first. It must be in use, and must have waited for the other lanes,
 * when a step's body ends and whenever the host uploads, downloads, waits or frees.
 *
 *     memory_alloc  memory aligned to 256 bytes, contents undefined. LYRNN_ERR_MEMORY names the
 *                   bytes requested and available; the caller adds what they are for.
 *     memory_free   frees it; NULL is allowed.
 *     upload        copies from host to device. The host buffer is free for reuse on return.
 *     download      copies from device to host, after all queued work.
 *     copy_rows     copies num_rows rows of num_bytes each within the device. A stride is the bytes
 *                   from the start of one row to the next.
 *     zero          sets bytes of device memory to zero.
 *     lane_use      queues what follows in this lane, 0 to num_lanes - 1.
 *     lane_wait     lets what follows in the lane in use run after all that lane `other` has queued
 *                   so far. `other` may be the lane in use.
 *     synchronize   waits for all queued work.
 *     run_step      runs body(context), and may first wait for an earlier step. The body queues the
 *                   same operations on the same memory every time, so a device may replay a record.
 *     join          lets all_reduce work with the ranks of comm, which outlives the backend, and
 *                   sets self->comm. Collective. LYRNN_ERR_UNSUPPORTED: what the device needs for
 *                   that is missing; LYRNN_ERR_IO: ranks cannot be connected; LYRNN_ERR_RANK.
 *     describe      writes one line that names the device, at most size bytes with the terminator.
 *     plan_list     writes the plans that fit a recurrence of this shape, at most LYRNN_MAX_PLANS,
 *                   and returns how many. The first is the one in use. 0: there is only one way.
 *     plan_try      runs each plan on the probe, compares it with the plan "steps" and times it.
 *                   LYRNN_ERR_MEMORY: there is no room to try.
 *     plan_use      lets recurrences of this shape, with any T, run by this plan from now on. NULL:
 *                   by the device's own choice. LYRNN_ERR_USAGE: no such plan fits.
 *     plan_device   writes one line that names all that the speed of plans depends on.
 *     fills_device  returns whether a recurrence of this shape leaves no room for other work, so
 *                   that nothing can overlap with it.
 *     close         frees everything but the memory that memory_alloc handed out. */
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
    X(synchronize, void, (lyrnn_backend * self))                                                   \
    X(run_step, void, (lyrnn_backend * self, void (*body)(void *), void *context))                 \
    X(join, lyrnn_status, (lyrnn_backend * self, lyrnn_comm * comm))                               \
    X(describe, void, (lyrnn_backend * self, char *text, size_t size))                             \
    X(plan_list, int,                                                                              \
      (lyrnn_backend * self, const lyrnn_recurrence_shape *shape, lyrnn_plan *plans))              \
    X(plan_try, lyrnn_status,                                                                      \
      (lyrnn_backend * self, const lyrnn_plan_probe *probe, int num_plans, lyrnn_plan *plans))     \
    X(plan_use, lyrnn_status,                                                                      \
      (lyrnn_backend * self, const lyrnn_recurrence_shape *shape, const char *text))               \
    X(plan_device, void, (lyrnn_backend * self, char *text, size_t size))                          \
    X(fills_device, bool, (lyrnn_backend * self, const lyrnn_recurrence_shape *shape))             \
    X(close, void, (lyrnn_backend * self))

typedef struct lyrnn_backend lyrnn_backend;
struct lyrnn_backend {
    const char *name;          /* "cpu" or "cuda" */
    void *state;               /* the backend's own, such as library handles; NULL: it has none */
    bool shares_host_memory;   /* device memory is host memory: both count against one total */
    lyrnn_precision precision; /* lyrnn_backend_open sets it */
    int num_threads;           /* threads of the CPU backend; CUDA: 0 */
    int num_lanes;             /* 1 (all work runs in order), or at least 3 */
    int row_multiple;          /* rows of logits are padded to a multiple of this many floats */
    /* Set by the caller after opening. CUDA then waits for each operation, so that a fault names
     * the operation that caused it, and records no step. */
    bool debug_sync;
    bool has_tf32;
    /* The peak rate of GEMMs in TF32, at most, as a multiple of that in fp32; 0: unknown. */
    double tf32_speedup;
    lyrnn_comm *comm;       /* the ranks that it has joined; NULL: none */
    size_t own_bytes;       /* device memory that the backend's libraries use; CPU: 0 */
    char why_not_cuda[256]; /* why "auto" chose the CPU; else "" */
#define LYRNN_MEMBER(name) void (*name)(lyrnn_backend * self, const lyrnn_##name##_args *args);
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
#define LYRNN_MEMBER(name, result, parameters) result(*name) parameters;
    LYRNN_DEVICE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
};

/* The CPU backend. num_threads is as in lyrnn_backend_open (device.h). Its threads and OpenBLAS
 * belong to the process, so open one at a time. */
lyrnn_status lyrnn_cpu_backend_open(int num_threads, lyrnn_backend *backend);
int lyrnn_cpu_default_threads(void);

/* The CUDA backend on device number `device`. wraps: beyond the last device, numbers begin again at
 * 0. LYRNN_ERR_UNSUPPORTED says why it cannot be used: there is no device, the driver is too old,
 * or liblyrnn_cuda.so is missing (only a build with the CUDA toolkit makes it). */
lyrnn_status lyrnn_cuda_backend_open(int device, bool wraps, lyrnn_precision precision,
                                     lyrnn_backend *backend);

#ifdef __cplusplus
}
#endif
#endif
