/* The batch table of each way of sampling (lyrnn/batches.h). song_batches.c has that of songs.
 *
 * Consecutive: B*floor(N/B) characters are a matrix (B,N/B), and batch k takes its columns [k*T,
 * (k+1)*T). Random: the text is cut into chunks of T characters. The chunks are shuffled and fill
 * the table row by row. Chunks that do not fill a last row are left out of this epoch. */
#include "lyrnn/batches.h"

#include <stdlib.h>

#include "base/memory.h"
#include "lyrnn/philox.h"
#include "model/song_batches.h"

/* Characters that remain of the text in every epoch. */
static size_t usable_chars(const lyrnn_batches *batches)
{
    return batches->N - (batches->random_offset ? (size_t)batches->T : 0);
}

/* Refuses a text that does not fill one batch. */
static lyrnn_status check_length(const lyrnn_batches *batches)
{
    bool consecutive = batches->sampling == LYRNN_SAMPLING_CONSECUTIVE;
    bool offset = batches->random_offset;
    size_t B = (size_t)batches->B, T = (size_t)batches->T;
    size_t needed = (consecutive ? B * (T + 1) : B * T + 1) + (offset ? T : 0);
    if (batches->N >= needed)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                      "corpus: has %zu characters, but one batch needs %zu (--batch-size %d * "
                      "%s--num-steps %d + 1%s%s); lower --batch-size or --num-steps, or give more "
                      "text",
                      batches->N, needed, batches->B, consecutive ? "(" : "", batches->T,
                      consecutive ? ")" : "", offset ? " + --num-steps for --offset random" : "");
}

lyrnn_status lyrnn_batches_init(lyrnn_batches *batches, const lyrnn_batch_options *options)
{
    LYRNN_CHECK(options->B > 0 && options->T > 0);
    *batches = (lyrnn_batches){.N = options->N,
                               .B = options->B,
                               .T = options->T,
                               .sampling = options->sampling,
                               .random_offset = options->random_offset,
                               .for_evaluation = options->for_evaluation,
                               .seed = options->seed};
    bool has_songs = options->sampling == LYRNN_SAMPLING_SONGS;
    lyrnn_status status = has_songs ? song_batches_init(batches, options) : check_length(batches);
    if (status != LYRNN_OK)
        lyrnn_batches_free(batches);
    if (status != LYRNN_OK || has_songs)
        return status;
    size_t N = usable_chars(batches), B = (size_t)batches->B, T = (size_t)batches->T;
    bool consecutive = options->sampling == LYRNN_SAMPLING_CONSECUTIVE;
    batches->K = consecutive ? (N / B - 1) / T : (N - 1) / T / B;
    batches->num_targets = (int64_t)(batches->K * B * T);
    return LYRNN_OK;
}

void lyrnn_batches_free(lyrnn_batches *batches)
{
    free(batches->pieces);
    *batches = (lyrnn_batches){0};
}

bool lyrnn_batches_vary(const lyrnn_batches *batches)
{
    return batches->sampling == LYRNN_SAMPLING_SONGS
               ? !batches->for_evaluation
               : batches->sampling == LYRNN_SAMPLING_RANDOM || batches->random_offset;
}

/* The first character of an epoch, 0 to T. */
static size_t offset_of_epoch(const lyrnn_batches *batches, uint64_t epoch)
{
    if (!batches->random_offset)
        return 0;
    uint64_t bits = lyrnn_philox_bits(batches->seed, LYRNN_PURPOSE_OFFSET, epoch);
    return (size_t)(bits * ((uint64_t)batches->T + 1) >> 32);
}

static void consecutive_chunks(const lyrnn_batches *batches, uint64_t epoch, lyrnn_chunk *chunks)
{
    size_t B = (size_t)batches->B, T = (size_t)batches->T;
    size_t stream_chars = usable_chars(batches) / B, offset = offset_of_epoch(batches, epoch);
    for (size_t k = 0; k < batches->K; k++)
        for (size_t b = 0; b < B; b++)
            chunks[k * B + b] = (lyrnn_chunk){.start = (int64_t)(offset + b * stream_chars + k * T),
                                              .num_targets = batches->T,
                                              .from_zero = k == 0};
}

static lyrnn_status random_chunks(const lyrnn_batches *batches, uint64_t epoch, lyrnn_chunk *chunks)
{
    size_t T = (size_t)batches->T, offset = offset_of_epoch(batches, epoch);
    size_t num_chunks = (usable_chars(batches) - 1) / T;
    LYRNN_CHECK(num_chunks <= UINT32_MAX);
    int64_t *starts = malloc(num_chunks * sizeof *starts);
    if (!starts)
        return lyrnn_out_of_memory("shuffled chunks", num_chunks * sizeof *starts,
                                   "raise --num-steps, or use --sampling consecutive");
    for (size_t i = 0; i < num_chunks; i++)
        starts[i] = (int64_t)(offset + i * T);
    /* A Fisher-Yates shuffle from the front, which stops at the end of the table. */
    for (size_t i = 0; i < batches->K * (size_t)batches->B; i++) {
        uint64_t bits = lyrnn_philox_bits(batches->seed, LYRNN_PURPOSE_SHUFFLE, (epoch << 32) + i);
        /* bits * n / 2^32 is in 0..n-1. The bias of a value is at most n / 2^32. */
        size_t pick = i + (size_t)(bits * (num_chunks - i) >> 32);
        chunks[i] = (lyrnn_chunk){.start = starts[pick], .num_targets = batches->T, .from_zero = 1};
        starts[pick] = starts[i];
    }
    free(starts);
    return LYRNN_OK;
}

lyrnn_status lyrnn_batches_chunks(const lyrnn_batches *batches, uint64_t epoch, lyrnn_chunk *chunks)
{
    if (batches->sampling == LYRNN_SAMPLING_SONGS)
        return song_batches_chunks(batches, epoch, chunks);
    if (batches->sampling == LYRNN_SAMPLING_RANDOM)
        return random_chunks(batches, epoch, chunks);
    consecutive_chunks(batches, epoch, chunks);
    return LYRNN_OK;
}

lyrnn_status lyrnn_batches_count_targets(const lyrnn_batches *batches, uint64_t epoch,
                                         size_t num_batches, int64_t *num_targets)
{
    size_t B = (size_t)batches->B, bytes = batches->K * B * sizeof(lyrnn_chunk);
    *num_targets = (int64_t)(num_batches * B) * batches->T;
    if (batches->sampling != LYRNN_SAMPLING_SONGS)
        return LYRNN_OK;
    lyrnn_chunk *chunks = malloc(bytes);
    if (chunks == NULL)
        return lyrnn_out_of_memory("batch table", bytes, "give less text");
    lyrnn_status status = lyrnn_batches_chunks(batches, epoch, chunks);
    *num_targets = 0;
    for (size_t i = 0; i < num_batches * B && status == LYRNN_OK; i++)
        *num_targets += chunks[i].num_targets;
    free(chunks);
    return status;
}
