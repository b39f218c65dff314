/* The tutorial's two ways of sampling, as tables of start positions (lyrnn/batches.h).
 *
 * Consecutive: the first B*floor(N/B) characters are a matrix (B,N/B), and batch k takes its
 * columns [k*T, (k+1)*T). Random: the text is cut into chunks of T characters. The chunks are
 * shuffled and fill the table row by row. Chunks that do not fill a last row are left out of this
 * epoch. */
#include "lyrnn/batches.h"

#include <stdlib.h>

#include "base/memory.h"
#include "lyrnn/philox.h"

lyrnn_status lyrnn_batches_init(lyrnn_batches *batches, size_t N, int B, int T,
                                lyrnn_sampling sampling, uint64_t seed)
{
    LYRNN_CHECK(B > 0 && T > 0);
    *batches = (lyrnn_batches){.N = N, .B = B, .T = T, .sampling = sampling, .seed = seed};
    size_t streams = (size_t)B;
    size_t steps = (size_t)T;
    bool consecutive = sampling == LYRNN_SAMPLING_CONSECUTIVE;
    size_t needed = consecutive ? streams * (steps + 1) : streams * steps + 1;
    if (N < needed)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS_SHORT,
            "corpus: has %zu characters, but one batch needs %zu (--batch-size %d * "
            "%s--num-steps %d + 1%s); lower --batch-size or --num-steps, or give more "
            "text",
            N, needed, B, consecutive ? "(" : "", T, consecutive ? ")" : "");
    batches->K = consecutive ? (N / streams - 1) / steps : (N - 1) / steps / streams;
    return LYRNN_OK;
}

bool lyrnn_batches_vary(const lyrnn_batches *batches)
{
    return batches->sampling == LYRNN_SAMPLING_RANDOM;
}

static void consecutive_starts(const lyrnn_batches *batches, int64_t *starts)
{
    size_t B = (size_t)batches->B;
    size_t stream_chars = batches->N / B;
    for (size_t k = 0; k < batches->K; k++)
        for (size_t b = 0; b < B; b++)
            starts[k * B + b] = (int64_t)(b * stream_chars + k * (size_t)batches->T);
}

static lyrnn_status random_starts(const lyrnn_batches *batches, uint64_t epoch, int64_t *starts)
{
    size_t T = (size_t)batches->T;
    size_t num_chunks = (batches->N - 1) / T;
    LYRNN_CHECK(num_chunks <= UINT32_MAX);
    int64_t *chunks = malloc(num_chunks * sizeof *chunks);
    if (!chunks)
        return lyrnn_out_of_memory("shuffled chunks", num_chunks * sizeof *chunks,
                                   "raise --num-steps, or use --sampling consecutive");
    for (size_t i = 0; i < num_chunks; i++)
        chunks[i] = (int64_t)(i * T);
    /* A Fisher-Yates shuffle from the front, which stops at the end of the table. */
    for (size_t i = 0; i < batches->K * (size_t)batches->B; i++) {
        uint64_t bits = lyrnn_philox_bits(batches->seed, LYRNN_PURPOSE_SHUFFLE, (epoch << 32) + i);
        /* bits * n / 2^32 is in 0..n-1. The bias of a value is at most n / 2^32. */
        size_t pick = i + (size_t)(bits * (num_chunks - i) >> 32);
        starts[i] = chunks[pick];
        chunks[pick] = chunks[i];
    }
    free(chunks);
    return LYRNN_OK;
}

lyrnn_status lyrnn_batches_starts(const lyrnn_batches *batches, uint64_t epoch, int64_t *starts)
{
    if (batches->sampling == LYRNN_SAMPLING_RANDOM)
        return random_starts(batches, epoch, starts);
    consecutive_starts(batches, starts);
    return LYRNN_OK;
}
