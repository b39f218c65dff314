/* The next character of each text, one block per text. It is the prefix's own, or the samplers
 * choose one that the line rules and the copy guard allow. */
#include "cuda.cuh"

#include "lyrnn/philox.h"
#include "sampler.cuh"

/* What the line rules say about the next character. */
typedef struct {
    bool newline_forbidden;
    bool is_full;      /* only a newline, or what begins no cluster, is allowed */
    int32_t only;      /* if not -1: no other id is allowed */
    bool is_last_line; /* a newline would end the text */
} line_verdict;

/* What the character id does in this state: twice the next state of the table of clusters, plus 1
 * if it begins a cluster. */
__device__ __forceinline__ int32_t cluster_step(const lyrnn_device_line_rules &rules,
                                                const lyrnn_text_state &state, int32_t id)
{
    return rules.classes == NULL
               ? 1
               : rules.steps[state.cluster * rules.num_classes + rules.classes[id]];
}

__device__ __forceinline__ line_verdict judge_line(const lyrnn_device_line_rules &rules,
                                                   const lyrnn_text_state &state)
{
    line_verdict verdict = {false, false, -1, false};
    if (rules.newline < 0)
        return verdict;
    verdict.newline_forbidden = state.column < rules.min_line;
    verdict.is_full = rules.max_line > 0 && state.column >= rules.max_line;
    if (state.column == 0 && state.line < rules.num_acrostic)
        verdict.only = rules.acrostic[state.line];
    verdict.is_last_line = rules.num_lines > 0 && state.line + 1 >= rules.num_lines;
    return verdict;
}

__device__ __forceinline__ bool allows(const line_verdict &verdict,
                                       const lyrnn_device_line_rules &rules,
                                       const lyrnn_text_state &state, int32_t id)
{
    if (id == rules.newline)
        return !verdict.newline_forbidden && (verdict.only < 0 || id == verdict.only);
    return (!verdict.is_full || cluster_step(rules, state, id) % 2 == 0) &&
           (verdict.only < 0 || id == verdict.only);
}

/* Whether the suffix at `from` comes before the pattern; equals_too: or begins with it. */
__device__ __forceinline__ bool is_before(const lyrnn_device_copy_guard &guard, size_t from,
                                          const int32_t *pattern, bool equals_too)
{
    for (int i = 0; i < guard.length; i++) {
        if (from + (size_t)i == guard.N)
            return true;
        int32_t id = guard.ids[from + (size_t)i];
        if (id != pattern[i])
            return id < pattern[i];
    }
    return equals_too;
}

/* How many suffixes are before the pattern. In each round of the search, every lane of the warp
 * tries one place. */
__device__ __forceinline__ size_t count_before(const lyrnn_device_copy_guard &guard,
                                               const int32_t *pattern, bool equals_too)
{
    size_t lane = threadIdx.x % LYRNN_WARP, low = 0, high = guard.N;
    while (low < high) {
        size_t width = high - low, tried = low + width * lane / LYRNN_WARP;
        bool before = is_before(guard, (size_t)guard.suffixes[tried], pattern, equals_too);
        size_t count = (size_t)__popc(__ballot_sync(0xffffffffu, before));
        if (count < LYRNN_WARP)
            high = low + width * count / LYRNN_WARP;
        if (count > 0)
            low += width * (count - 1) / LYRNN_WARP + 1;
    }
    return low;
}

/* Forbids each character that follows the text's last ones anywhere in the corpus, except
 * `spared`. */
__device__ __forceinline__ void apply_copy_guard(const lyrnn_device_copy_guard &guard,
                                                 const int32_t *text, int length, int32_t spared,
                                                 float *logits, sample_memory *memory)
{
    if (guard.length == 0 || length < guard.length)
        return;
    const int32_t *pattern = text + length - guard.length;
    unsigned warp = threadIdx.x / LYRNN_WARP, num_warps = blockDim.x / LYRNN_WARP;
    for (unsigned bound = warp; bound < 2; bound += num_warps) {
        size_t count = count_before(guard, pattern, bound == 1);
        if (threadIdx.x % LYRNN_WARP == 0)
            memory->range[bound] = count;
    }
    __syncthreads();
    for (size_t i = memory->range[0] + threadIdx.x; i < memory->range[1]; i += blockDim.x) {
        size_t next = (size_t)guard.suffixes[i] + (size_t)guard.length;
        if (next >= guard.N || guard.ids[next] < 0 || guard.ids[next] == spared)
            continue;
        /* Several threads may forbid the same id. */
        atomicExch((int *)&logits[guard.ids[next]], __float_as_int(-INFINITY));
    }
    __syncthreads();
}

/* The chosen id; -1 where none is allowed. */
__device__ __forceinline__ int choose_allowed(const sampling &s, const line_verdict &verdict,
                                              const lyrnn_text_state &state,
                                              const lyrnn_text_cursor &cursor,
                                              sample_memory *memory)
{
    const int place = (int)cursor.position;
    const lyrnn_sample_token_args &args = s.args;
    const int32_t *text = args.texts + (size_t)blockIdx.x * (size_t)args.max_length;
    float *logits = args.logits + (size_t)blockIdx.x * (size_t)args.logits_stride;
    stretch own = own_stretch(args.V);
    /* A newline that ends the text is not written, so it copies nothing. */
    int32_t spared = verdict.is_last_line ? args.lines.newline : -1;
    apply_copy_guard(args.copies, text, place, spared, logits, memory);
    if (args.seen != NULL)
        penalize(args.sampler, args.seen + (size_t)blockIdx.x * (size_t)args.V, place, own, logits);
    for (int v = own.first; v < own.end; v++)
        logits[v] = allows(verdict, args.lines, state, v) ? tidied(logits[v]) : -INFINITY;
    curandStatePhilox4_32_10_t generator;
    curand_init(args.sampler.seed, LYRNN_PURPOSE_SAMPLE + cursor.first_sample + blockIdx.x,
                (unsigned long long)place, &generator);
    return choose(s, own, logits, curand_uniform(&generator), memory);
}

/* Appends a character to its text and returns it; 0: none is written. */
__device__ int32_t write_token(const lyrnn_sample_token_args &args, const line_verdict &verdict,
                               lyrnn_text_state state, const lyrnn_text_cursor &cursor,
                               int32_t token)
{
    bool is_forced = cursor.position < cursor.prefix_length;
    bool is_newline = args.lines.newline >= 0 && token == args.lines.newline;
    if (token < 0) {
        state.end = LYRNN_TEXT_STUCK;
        token = 0;
    } else if (!is_forced && is_newline && verdict.is_last_line) {
        state.end = LYRNN_TEXT_ENDED;
        token = 0;
    } else {
        args.texts[(size_t)blockIdx.x * (size_t)args.max_length + (size_t)cursor.position] = token;
        if (args.seen != NULL)
            args.seen[(size_t)blockIdx.x * (size_t)args.V + (size_t)token] =
                (int)cursor.position + 1;
        int32_t step = is_newline ? 0 : cluster_step(args.lines, state, token);
        state.line += is_newline ? 1 : 0;
        state.column = is_newline ? 0 : state.column + step % 2;
        state.cluster = step / 2;
        state.length = (int)cursor.position + 1;
    }
    args.states[blockIdx.x] = state;
    return token;
}

__global__ void __launch_bounds__(SAMPLE_THREADS_MAX, 1) sample_token_kernel(sampling s)
{
    LYRNN_DYNAMIC_SHARED(sample_memory, memory);
    const lyrnn_sample_token_args &args = s.args;
    const lyrnn_text_cursor cursor = *args.cursor;
    lyrnn_text_state state = args.states[blockIdx.x];
    int32_t token = 0;
    if (state.end == LYRNN_TEXT_RUNNING && cursor.position < args.max_length) {
        line_verdict verdict = judge_line(args.lines, state);
        if (cursor.position < cursor.prefix_length)
            token =
                args.texts[(size_t)blockIdx.x * (size_t)args.max_length + (size_t)cursor.position];
        else
            token = choose_allowed(s, verdict, state, cursor, memory);
        __syncthreads();
        if (threadIdx.x == 0)
            token = write_token(args, verdict, state, cursor, token);
    }
    if (threadIdx.x == 0)
        args.tokens[blockIdx.x] = token;
}

/* This is a separate kernel because no block may move the cursor while another still reads it. */
__global__ void move_cursor_kernel(lyrnn_text_cursor *cursor)
{
    cursor->position += 1;
}

extern "C" void lyrnn_cuda_sample_token(lyrnn_backend *self, const lyrnn_sample_token_args *args)
{
    double factor = fmin(1.0 / (double)args->sampler.temperature, (double)FLT_MAX);
    float high = (float)factor;
    sampling s = {*args, fmin(log((double)args->sampler.min_p), 0.0),
                  precise_sum{high, (float)(factor - (double)high)}};
    unsigned threads = sample_threads(args->V);
    lyrnn_cuda_launch(self, sample_token_kernel, dim3((unsigned)args->B), threads,
                      sample_memory_bytes(threads), s);
    lyrnn_cuda_launch(self, move_cursor_kernel, dim3(1), 1, 0, args->cursor);
}
