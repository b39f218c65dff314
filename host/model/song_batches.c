/* Deals songs to streams. The next song is always the longest one that is left. It goes to the
 * stream that has the smallest number of chunks so far (the rule "longest processing time first";
 * Graham 1969, "Bounds on multiprocessing timing anomalies"), so that the streams end at about the
 * same time. Songs of the same number of chunks take turns at random, and each stream reads its
 * songs in a random order: both follow one random key per song and epoch.
 *
 * How many chunks each stream gets does not depend on the keys, so that every epoch has the same
 * number of batches, K. */
#include "model/song_batches.h"

#include <stdlib.h>

#include "base/memory.h"
#include "lyrnn/philox.h"

/* A song (or a piece of one) in an epoch. */
typedef struct {
    size_t piece; /* its number */
    size_t num_chunks;
    uint32_t key; /* random */
    int stream;
} dealt_song;

/* A stream that waits for its next song. */
typedef struct {
    size_t num_chunks; /* that it has so far */
    int number;
} waiting_stream;

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static lyrnn_status out_of_memory(size_t num_bytes)
{
    return lyrnn_out_of_memory("shuffled songs", num_bytes,
                               "give fewer songs, or use --sampling consecutive");
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* The most chunks first, then by key. The number of the piece makes the order complete. */
static int compare_for_dealing(const void *left, const void *right)
{
    const dealt_song *a = left, *b = right;
    if (a->num_chunks != b->num_chunks)
        return compare_sizes(b->num_chunks, a->num_chunks);
    if (a->key != b->key)
        return compare_sizes(a->key, b->key);
    return compare_sizes(a->piece, b->piece);
}

static int compare_for_reading(const void *left, const void *right)
{
    const dealt_song *a = left, *b = right;
    if (a->stream != b->stream)
        return compare_sizes((size_t)a->stream, (size_t)b->stream);
    if (a->key != b->key)
        return compare_sizes(a->key, b->key);
    return compare_sizes(a->piece, b->piece);
}

static bool waits_longer(const waiting_stream *a, const waiting_stream *b)
{
    return a->num_chunks != b->num_chunks ? a->num_chunks < b->num_chunks : a->number < b->number;
}

/* Restores the heap (num) after its first stream, the one with the smallest number, got more. */
static void sift_down(waiting_stream *heap, int num)
{
    for (int at = 0;;) {
        int first = at;
        for (int child = 2 * at + 1; child <= 2 * at + 2 && child < num; child++)
            if (waits_longer(&heap[child], &heap[first]))
                first = child;
        if (first == at)
            return;
        waiting_stream moved = heap[at];
        heap[at] = heap[first];
        heap[first] = moved;
        at = first;
    }
}

/* Gives each of the songs, which are sorted for dealing, one of B streams. Returns the number of
 * chunks of the fullest stream. `heap` has room for B. */
static size_t deal(dealt_song *songs, size_t num, waiting_stream *heap, int B)
{
    size_t fullest = 0;
    LYRNN_CHECK(B > 0);
    for (int b = 0; b < B; b++)
        heap[b] = (waiting_stream){.num_chunks = 0, .number = b};
    for (size_t i = 0; i < num; i++) {
        songs[i].stream = heap[0].number;
        heap[0].num_chunks += songs[i].num_chunks;
        if (heap[0].num_chunks > fullest)
            fullest = heap[0].num_chunks;
        sift_down(heap, B);
    }
    return fullest;
}

/* The songs of an epoch, sorted for dealing; the caller frees them. For evaluation all keys are 0,
 * which leaves the order of the corpus. NULL: no memory. */
static dealt_song *sort_songs(const lyrnn_batches *batches, uint64_t epoch)
{
    size_t num = batches->num_pieces;
    dealt_song *songs = malloc(num * sizeof *songs);
    if (songs == NULL)
        return NULL;
    for (size_t i = 0; i < num; i++)
        songs[i] = (dealt_song){
            .piece = i,
            .num_chunks = divide_up(batches->pieces[i].num_targets, (size_t)batches->T),
            .key = batches->for_evaluation ? 0
                                           : lyrnn_philox_bits(batches->seed, LYRNN_PURPOSE_SHUFFLE,
                                                               (epoch << 32) + i)};
    qsort(songs, num, sizeof *songs, compare_for_dealing);
    return songs;
}

/* Characters of one piece at most; 0: any number. */
static size_t max_piece(const lyrnn_batches *batches)
{
    return batches->for_evaluation ? 0 : LYRNN_MAX_SONG_CHUNKS * (size_t)batches->T;
}

/* Number of predictions in the song that begins at songs[i]. */
static size_t targets_of_song(const lyrnn_batch_options *options, size_t i)
{
    bool is_last = i + 1 == options->num_songs;
    size_t end = is_last ? options->N : options->songs[i + 1];
    return end - options->songs[i] - (is_last || options->for_evaluation ? 1 : 0);
}

/* Counts the pieces, and with `pieces` writes them. */
static size_t cut_songs(lyrnn_batches *batches, const lyrnn_batch_options *options,
                        lyrnn_song_piece *pieces)
{
    size_t num = 0;
    batches->num_cut = 0;
    for (size_t i = 0; i < options->num_songs; i++) {
        size_t left = targets_of_song(options, i), start = options->songs[i];
        size_t most = max_piece(batches) > 0 ? max_piece(batches) : left;
        batches->num_cut += left > most;
        while (left > 0) {
            size_t num_targets = left < most ? left : most;
            if (pieces != NULL)
                pieces[num] = (lyrnn_song_piece){.start = start, .num_targets = num_targets};
            num++;
            start += num_targets;
            left -= num_targets;
        }
    }
    return num;
}

static lyrnn_status make_pieces(lyrnn_batches *batches, const lyrnn_batch_options *options)
{
    batches->num_pieces = cut_songs(batches, options, NULL);
    if (batches->num_pieces == 0)
        return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                          "corpus: no song has more than one character; give more text");
    size_t num_bytes = batches->num_pieces * sizeof *batches->pieces;
    batches->pieces = malloc(num_bytes);
    if (batches->pieces == NULL)
        return out_of_memory(num_bytes);
    cut_songs(batches, options, batches->pieces);
    for (size_t i = 0; i < batches->num_pieces; i++)
        batches->num_targets += (int64_t)batches->pieces[i].num_targets;
    return LYRNN_OK;
}

/* The smallest number of streams that needs no more than K batches. */
static int smallest_B(const lyrnn_batches *batches, dealt_song *songs, waiting_stream *heap)
{
    int too_few = 0, enough = batches->B;
    while (enough - too_few > 1) {
        int middle = too_few + (enough - too_few) / 2;
        if (deal(songs, batches->num_pieces, heap, middle) > batches->K)
            too_few = middle;
        else
            enough = middle;
    }
    return enough;
}

static int round_up(int B, int multiple)
{
    return (B + multiple - 1) / multiple * multiple;
}

/* Sets K to the batches that B streams need, and lowers B if three quarters of them need no more. B
 * stays a multiple of `multiple`. */
static void choose_shape(lyrnn_batches *batches, int multiple, dealt_song *songs,
                         waiting_stream *heap)
{
    if (batches->num_pieces < (size_t)batches->B)
        batches->B = round_up((int)batches->num_pieces, multiple);
    batches->K = deal(songs, batches->num_pieces, heap, batches->B);
    int smallest = round_up(smallest_B(batches, songs, heap), multiple);
    if ((int64_t)smallest * 4 > (int64_t)batches->B * 3)
        return;
    batches->B = smallest;
    batches->K = deal(songs, batches->num_pieces, heap, smallest);
}

static lyrnn_status make_shape(lyrnn_batches *batches, int multiple)
{
    size_t heap_bytes = (size_t)batches->B * sizeof(waiting_stream);
    dealt_song *songs = sort_songs(batches, 0);
    waiting_stream *heap = malloc(heap_bytes);
    if (songs != NULL && heap != NULL)
        choose_shape(batches, multiple, songs, heap);
    lyrnn_status status = songs != NULL && heap != NULL
                              ? LYRNN_OK
                              : out_of_memory(batches->num_pieces * sizeof *songs + heap_bytes);
    free(songs);
    free(heap);
    return status;
}

lyrnn_status song_batches_init(lyrnn_batches *batches, const lyrnn_batch_options *options)
{
    LYRNN_CHECK(options->num_songs > 0 && options->songs[0] == 0 && !options->random_offset);
    int multiple = options->num_shards > 1 ? options->num_shards : 1;
    LYRNN_CHECK(options->B % multiple == 0);
    LYRNN_TRY(make_pieces(batches, options));
    return make_shape(batches, multiple);
}

/* Whether a later chunk of a song, number `chunk` of the epoch, begins at the zero state. */
static bool begins_in_the_middle(const lyrnn_batches *batches, uint64_t epoch, size_t chunk)
{
    return !batches->for_evaluation &&
           lyrnn_philox_uniform(batches->seed, LYRNN_PURPOSE_FROM_ZERO, (epoch << 32) + chunk) <=
               LYRNN_MIDDLE_FROM_ZERO;
}

/* Writes the songs, sorted for reading, to the columns of their streams. */
static void fill_table(const lyrnn_batches *batches, uint64_t epoch, const dealt_song *songs,
                       lyrnn_chunk *chunks)
{
    size_t B = (size_t)batches->B, T = (size_t)batches->T, k = 0, number = 0;
    for (size_t i = 0; i < batches->K * B; i++)
        chunks[i] = (lyrnn_chunk){.start = 0, .num_targets = 0, .from_zero = 1};
    for (size_t i = 0; i < batches->num_pieces; i++) {
        const lyrnn_song_piece *piece = &batches->pieces[songs[i].piece];
        if (i > 0 && songs[i].stream != songs[i - 1].stream)
            k = 0;
        for (size_t done = 0; done < piece->num_targets; done += T, k++, number++) {
            size_t left = piece->num_targets - done;
            chunks[k * B + (size_t)songs[i].stream] = (lyrnn_chunk){
                .start = (int64_t)(piece->start + done),
                .num_targets = (int32_t)(left < T ? left : T),
                .from_zero = done == 0 || begins_in_the_middle(batches, epoch, number)};
        }
    }
}

lyrnn_status song_batches_chunks(const lyrnn_batches *batches, uint64_t epoch, lyrnn_chunk *chunks)
{
    size_t num = batches->num_pieces, heap_bytes = (size_t)batches->B * sizeof(waiting_stream);
    LYRNN_CHECK(batches->N <= UINT32_MAX); /* chunks and songs are numbered by 32 bits */
    dealt_song *songs = sort_songs(batches, epoch);
    waiting_stream *heap = malloc(heap_bytes);
    lyrnn_status status = LYRNN_OK;
    if (songs != NULL && heap != NULL) {
        size_t fullest = deal(songs, num, heap, batches->B);
        LYRNN_CHECK(fullest == batches->K);
        qsort(songs, num, sizeof *songs, compare_for_reading);
        fill_table(batches, epoch, songs, chunks);
    } else {
        status = out_of_memory(num * sizeof *songs + heap_bytes);
    }
    free(songs);
    free(heap);
    return status;
}
