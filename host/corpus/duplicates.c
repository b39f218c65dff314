/* Reads the songs in the order of their numbers of runs, the largest first. An index has, for each
 * run, a few songs that stay and have it. The songs to which the runs of a song point most are
 * compared with it exactly. Because the index is bounded, a million songs with the same run
 * take no longer than others; because copies never enter it, its few places go to different
 * songs. */
#include "corpus/duplicates.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/plain_text.h"
#include "corpus/grams.h"
#include "corpus/songs.h"
#include "corpus/text_set.h"
#include "corpus/visible.h"

#define REMEDY "add --keep-duplicates"

/* MAX_SONGS: songs per run in the index. MAX_COMPARED: songs that one song is compared with. */
enum { RUN = 8, MAX_SONGS = 4, MAX_COMPARED = 8 };

typedef struct {
    uint32_t tag;  /* half of the run's hash */
    uint32_t song; /* plus 1; 0: the entry is free */
} index_entry;

typedef struct {
    const lyrnn_corpus *corpus;
    uint32_t *letters;     /* of all songs */
    size_t *letter_begins; /* (num_songs + 1) */
    uint64_t *runs;        /* hashes of all runs, sorted and distinct within each song */
    size_t *run_begins;    /* (num_songs + 1) */
    size_t *order;         /* (num_songs) the songs as they are read */
    size_t *original;      /* (num_songs) what this song is a copy of; its own number: nothing */
    text_set *texts;
    index_entry *index; /* (mask + 1) */
    size_t mask;
    /* (num_songs) how much the runs of a song point to each song; all 0 between songs */
    uint32_t *tally;
    uint32_t *touched; /* (longest song * MAX_SONGS) songs whose tally is not 0 */
} duplicates;

static bool is_letter(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_CO: /* old files have Han characters there */
    case UTF8PROC_CATEGORY_CN: /* characters that are newer than utf8proc */
        return true;
    default:
        return false;
    }
}

/* Copies the characters of a song that satisfy is_wanted. Returns the end of the copy. */
static uint32_t *pick(const lyrnn_corpus *corpus, size_t song, bool (*is_wanted)(uint32_t),
                      uint32_t *to)
{
    for (size_t i = corpus->starts[song]; i < songs_end(corpus, song); i++)
        if (is_wanted(corpus->chars[i]))
            *to++ = corpus->chars[i];
    return to;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Writes the distinct hashes of all runs of some letters in order. Returns their end. */
static uint64_t *hash_runs(const uint32_t *letters, size_t num, uint64_t *runs)
{
    gram_hash gram = gram_hash_begin(RUN);
    size_t num_runs = 0, num_distinct = 0;
    for (size_t i = 0; i < num; i++) {
        gram_hash_read(&gram, &letters[i]);
        if (gram.num == RUN)
            runs[num_runs++] = gram_hash_value(&gram);
    }
    qsort(runs, num_runs, sizeof *runs, compare_hashes);
    for (size_t i = 0; i < num_runs; i++)
        if (i == 0 || runs[i] != runs[i - 1])
            runs[num_distinct++] = runs[i];
    return runs + num_distinct;
}

/* Finds the letters and the runs of all songs. Returns the number of runs of the song that has most
 * of them. */
static size_t read_songs(duplicates *work)
{
    size_t most = 0;
    for (size_t song = 0; song < work->corpus->num_songs; song++) {
        uint32_t *begin = work->letters + work->letter_begins[song];
        uint32_t *end = pick(work->corpus, song, is_letter, begin);
        if (end == begin)
            end = pick(work->corpus, song, text_is_visible, begin);
        work->letter_begins[song + 1] = (size_t)(end - work->letters);
        uint64_t *runs = work->runs + work->run_begins[song];
        size_t num = (size_t)(hash_runs(begin, (size_t)(end - begin), runs) - runs);
        work->run_begins[song + 1] = work->run_begins[song] + num;
        most = num > most ? num : most;
    }
    return most;
}

static size_t num_runs_of(const duplicates *work, size_t song)
{
    return work->run_begins[song + 1] - work->run_begins[song];
}

static int compare_songs(const void *a, const void *b, void *context)
{
    const duplicates *work = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    size_t num_x = num_runs_of(work, x), num_y = num_runs_of(work, y);
    if (num_x != num_y)
        return num_x > num_y ? -1 : 1;
    return (x > y) - (x < y);
}

/* Half of a run's hash; the other half is its place in the index. */
static uint32_t tag_of(uint64_t run)
{
    return (uint32_t)(run >> 32);
}

/* Adds to `touched` the songs that the index has for a run, and to their tallies: the fewer they
 * are the more. Another run may have the same tag, so this reads no more than MAX_SONGS. Returns
 * the new number of songs in `touched`. */
static size_t look_up(const duplicates *work, uint64_t run, size_t num)
{
    uint32_t tag = tag_of(run), songs[MAX_SONGS], num_songs = 0;
    size_t i = (size_t)run & work->mask;
    for (; work->index[i].song != 0 && num_songs < MAX_SONGS; i = (i + 1) & work->mask)
        if (work->index[i].tag == tag)
            songs[num_songs++] = work->index[i].song - 1;
    for (uint32_t s = 0; s < num_songs; s++) {
        if (work->tally[songs[s]] == 0)
            work->touched[num++] = songs[s];
        work->tally[songs[s]] += MAX_SONGS + 1 - num_songs;
    }
    return num;
}

/* Enters a song that stays under each of its runs that has fewer than MAX_SONGS songs. */
static void add_to_index(duplicates *work, size_t song)
{
    for (size_t r = work->run_begins[song]; r < work->run_begins[song + 1]; r++) {
        uint32_t tag = tag_of(work->runs[r]);
        size_t i = (size_t)work->runs[r] & work->mask;
        int num = 0;
        for (; work->index[i].song != 0 && num < MAX_SONGS; i = (i + 1) & work->mask)
            num += work->index[i].tag == tag;
        if (num < MAX_SONGS)
            work->index[i] = (index_entry){tag, (uint32_t)song + 1};
    }
}

/* Whether `other` has at least 80 % of the runs of `song`. */
static bool has_most_of(const duplicates *work, size_t other, size_t song)
{
    size_t num = num_runs_of(work, song), num_shared = 0;
    for (size_t r = work->run_begins[song]; r < work->run_begins[song + 1]; r++)
        num_shared += bsearch(&work->runs[r], work->runs + work->run_begins[other],
                              num_runs_of(work, other), sizeof *work->runs, compare_hashes) != NULL;
    return num_shared * 10 >= num * 8;
}

/* Returns the place in `touched` of the song with the largest tally. */
static size_t find_largest(const duplicates *work, size_t num)
{
    size_t best = 0;
    for (size_t i = 1; i < num; i++)
        if (work->tally[work->touched[i]] > work->tally[work->touched[best]])
            best = i;
    return best;
}

/* Returns the song that this one is a copy of by its runs, or its own number. */
static size_t find_original(duplicates *work, size_t song)
{
    size_t num = 0, original = song;
    for (size_t r = work->run_begins[song]; r < work->run_begins[song + 1]; r++)
        num = look_up(work, work->runs[r], num);
    for (int i = 0; i < MAX_COMPARED && num > 0 && original == song; i++) {
        size_t at = find_largest(work, num);
        uint32_t other = work->touched[at];
        work->touched[at] = work->touched[--num];
        work->tally[other] = 0;
        if (has_most_of(work, other, song))
            original = other;
    }
    while (num > 0)
        work->tally[work->touched[--num]] = 0;
    return original;
}

static void find_copies(duplicates *work)
{
    for (size_t i = 0; i < work->corpus->num_songs; i++) {
        size_t song = work->order[i], begin = work->letter_begins[song];
        size_t same = text_set_add(work->texts, begin, work->letter_begins[song + 1] - begin, song);
        if (same != song) {
            work->original[song] = work->original[same];
            continue;
        }
        work->original[song] = find_original(work, song);
        if (work->original[song] == song)
            add_to_index(work, song);
    }
}

/* The arrays that depend only on the numbers of songs and characters. */
static lyrnn_status allocate(duplicates *work)
{
    size_t N = work->corpus->N, num = work->corpus->num_songs;
    size_t bytes = N * (sizeof *work->letters + sizeof *work->runs) + num * 6 * sizeof(size_t);
    LYRNN_TRY(lyrnn_require_memory("corpus: search for copies of songs", bytes, REMEDY));
    work->letters = malloc((N + 1) * sizeof *work->letters);
    work->runs = malloc((N + 1) * sizeof *work->runs);
    work->letter_begins = calloc(num + 1, sizeof *work->letter_begins);
    work->run_begins = calloc(num + 1, sizeof *work->run_begins);
    work->order = malloc((num + 1) * sizeof *work->order);
    work->original = malloc((num + 1) * sizeof *work->original);
    work->tally = calloc(num + 1, sizeof *work->tally);
    bool is_complete = work->letters != NULL && work->runs != NULL && work->letter_begins != NULL &&
                       work->run_begins != NULL && work->order != NULL && work->original != NULL &&
                       work->tally != NULL;
    return is_complete ? LYRNN_OK
                       : lyrnn_out_of_memory("corpus: search for copies of songs", bytes, REMEDY);
}

/* The arrays that depend on the runs: `total` of them, `most` of them in one song. */
static lyrnn_status allocate_index(duplicates *work, size_t total, size_t most)
{
    work->mask = 1;
    while (work->mask < total + total / 2)
        work->mask = 2 * work->mask + 1;
    size_t bytes =
        (work->mask + 1) * sizeof *work->index + (most * MAX_SONGS + 1) * sizeof *work->touched;
    LYRNN_TRY(lyrnn_require_memory("corpus: search for copies of songs", bytes, REMEDY));
    work->index = calloc(work->mask + 1, sizeof *work->index);
    work->touched = malloc((most * MAX_SONGS + 1) * sizeof *work->touched);
    return work->index != NULL && work->touched != NULL
               ? LYRNN_OK
               : lyrnn_out_of_memory("corpus: search for copies of songs", bytes, REMEDY);
}

static lyrnn_status search(duplicates *work)
{
    size_t num = work->corpus->num_songs;
    LYRNN_TRY(allocate(work));
    LYRNN_TRY(text_set_init(work->texts, work->letters, num));
    size_t most = read_songs(work);
    LYRNN_TRY(allocate_index(work, work->run_begins[num], most));
    for (size_t song = 0; song < num; song++)
        work->order[song] = song;
    qsort_r(work->order, num, sizeof *work->order, compare_songs, work);
    find_copies(work);
    return LYRNN_OK;
}

/* Writes the first line of a song with visible text; a long one is cut. */
static void describe(const lyrnn_corpus *corpus, size_t song, duplicate_song *described)
{
    enum { SHOWN = 20 };
    size_t begin = corpus->starts[song], end = begin, song_end = songs_end(corpus, song);
    while (end < song_end && !songs_pass_line(corpus, song_end, &end))
        begin = end;
    utf8proc_uint8_t *to = (utf8proc_uint8_t *)described->line;
    for (size_t i = begin; i < end && corpus->chars[i] != '\n' && i < begin + SHOWN; i++)
        to += utf8proc_encode_char((utf8proc_int32_t)corpus->chars[i], to);
    if (end - begin > SHOWN + 1)
        to += utf8proc_encode_char(0x2026, to);
    *to = '\0';
    described->number = song + 1;
}

static lyrnn_status drop_copies(lyrnn_corpus *corpus, const size_t *original,
                                duplicate_counts *counts)
{
    bool *is_kept = malloc((corpus->num_songs + 1) * sizeof *is_kept);
    if (is_kept == NULL)
        return lyrnn_out_of_memory("corpus", corpus->num_songs * sizeof *is_kept, REMEDY);
    for (size_t song = 0; song < corpus->num_songs; song++) {
        is_kept[song] = original[song] == song;
        if (is_kept[song])
            continue;
        if (counts->num_dropped < DUPLICATES_EXAMPLES) {
            describe(corpus, song, &counts->examples[counts->num_dropped].copy);
            describe(corpus, original[song], &counts->examples[counts->num_dropped].original);
        }
        counts->num_dropped++;
        counts->num_chars += songs_end(corpus, song) - corpus->starts[song];
    }
    songs_keep(corpus, is_kept);
    free(is_kept);
    return LYRNN_OK;
}

lyrnn_status corpus_drop_duplicates(lyrnn_corpus *corpus, duplicate_counts *counts)
{
    text_set texts = {0};
    duplicates work = {.corpus = corpus, .texts = &texts};
    *counts = (duplicate_counts){.num_songs = corpus->num_songs};
    if (corpus->num_songs < 2)
        return LYRNN_OK;
    lyrnn_status status = search(&work);
    if (status == LYRNN_OK)
        status = drop_copies(corpus, work.original, counts);
    text_set_free(&texts);
    free(work.letters);
    free(work.letter_begins);
    free(work.runs);
    free(work.run_begins);
    free(work.order);
    free(work.original);
    free(work.index);
    free(work.tally);
    free(work.touched);
    return status;
}

void duplicates_log(const duplicate_counts *counts, FILE *log)
{
    if (counts->num_dropped == 0 || log == NULL)
        return;
    const duplicate_song *stays = &counts->examples[0].original;
    if (counts->num_dropped + 1 == counts->num_songs) {
        lyrnn_print_plain(log,
                          "songs: all %zu are copies of one, song %zu (%s), which stays; "
                          "--keep-duplicates keeps them\n",
                          counts->num_songs, stays->number, stays->line);
        return;
    }
    lyrnn_print_plain(log,
                      "songs: dropped %zu of %zu that are copies of others: ", counts->num_dropped,
                      counts->num_songs);
    for (size_t i = 0; i < counts->num_dropped && i < DUPLICATES_EXAMPLES; i++)
        lyrnn_print_plain(log, "%ssong %zu (%s) of song %zu (%s)", i > 0 ? ", " : "",
                          counts->examples[i].copy.number, counts->examples[i].copy.line,
                          counts->examples[i].original.number, counts->examples[i].original.line);
    lyrnn_print_plain(log, "%s; --keep-duplicates keeps them\n",
                      counts->num_dropped > DUPLICATES_EXAMPLES ? " and more" : "");
}
