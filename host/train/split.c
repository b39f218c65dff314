/* Divides the corpus into the songs to learn, which come first, and the text to validate on, which
 * is moved to the end. Three ways: whole songs by a hash (--val-songs), the end of the corpus at a
 * song's start (--val-fraction for songs as units), or the end of the text (--val-fraction for
 * running text). Random pieces would not do: lyrics repeat, so the model would have learned the
 * chorus of a held-out piece. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/words.h"
#include "base/xxh128.h"
#include "corpus/songs.h"
#include "train/job.h"

static lyrnn_status split_out_of_memory(size_t num_bytes)
{
    return lyrnn_out_of_memory("corpus", num_bytes, "read less of it with --max-chars");
}

/* A number from 0 to 1 that the song's text and the seed determine. The blank lines after a song
 * belong to it or not depending on what follows, so they do not count. */
static double draw_of_song(const train_job *job, size_t song)
{
    enum { DIGITS = 13, BITS = 4 * DIGITS, HEXADECIMAL = 16 }; /* as many as a double holds */
    const lyrnn_corpus *corpus = &job->corpus;
    size_t begin = corpus->starts[song], end = songs_end(corpus, song);
    while (end > begin && (corpus->chars[end - 1] == '\n' || corpus->chars[end - 1] == ' '))
        end--;
    const lyrnn_byte_range ranges[] = {
        {&job->options->seed, sizeof job->options->seed},
        {corpus->chars + begin, (end - begin) * sizeof *corpus->chars}};
    char digits[LYRNN_XXH128_DIGITS + 1];
    lyrnn_xxh128(ranges, 2, digits);
    digits[DIGITS] = '\0';
    return (double)strtoull(digits, NULL, HEXADECIMAL) / (double)(1ULL << BITS);
}

/* The songs and their characters in their new order. */
typedef struct {
    uint32_t *chars; /* (N) */
    size_t *starts;  /* (num_songs) */
    size_t N, num_songs;
} moved_songs;

static void move_songs(const lyrnn_corpus *corpus, const bool *is_held_out, bool which,
                       moved_songs *moved)
{
    for (size_t song = 0; song < corpus->num_songs; song++) {
        if (is_held_out[song] != which)
            continue;
        size_t begin = corpus->starts[song], num = songs_end(corpus, song) - begin;
        memcpy(moved->chars + moved->N, corpus->chars + begin, num * sizeof *corpus->chars);
        moved->starts[moved->num_songs++] = moved->N;
        moved->N += num;
    }
}

/* Moves the songs that are held out to the end. The order of the others stays. */
static lyrnn_status move_to_end(train_job *job, const bool *is_held_out)
{
    lyrnn_corpus *corpus = &job->corpus;
    size_t char_bytes = corpus->N * sizeof *corpus->chars;
    size_t start_bytes = corpus->num_songs * sizeof *corpus->starts;
    moved_songs moved = {.chars = malloc(char_bytes), .starts = malloc(start_bytes)};
    if (moved.chars == NULL || moved.starts == NULL) {
        free(moved.chars);
        free(moved.starts);
        return split_out_of_memory(char_bytes + start_bytes);
    }
    move_songs(corpus, is_held_out, false, &moved);
    job->num_learned_songs = moved.num_songs;
    job->num_validation = corpus->N - moved.N;
    move_songs(corpus, is_held_out, true, &moved);
    free(corpus->chars);
    free(corpus->starts);
    corpus->chars = moved.chars;
    corpus->capacity = corpus->N;
    corpus->starts = moved.starts;
    corpus->starts_capacity = corpus->num_songs;
    return LYRNN_OK;
}

/* A song of one character has nothing to predict. */
static bool is_scored(const lyrnn_corpus *corpus, size_t song)
{
    return songs_end(corpus, song) - corpus->starts[song] > 1;
}

/* Holds out the songs whose draw is below the share. If these are none or all, because the corpus
 * has few, the next one changes its side. Songs that cannot be scored come last. */
static lyrnn_status choose_songs(train_job *job, bool *is_held_out)
{
    size_t num = job->corpus.num_songs, num_held_out = 0, first = 0, last = 0;
    double low = INFINITY, high = -INFINITY;
    for (size_t song = 0; song < num; song++) {
        double draw = draw_of_song(job, song);
        double order = is_scored(&job->corpus, song) ? draw : draw + 1.0;
        is_held_out[song] = draw < (double)job->options->val_songs;
        num_held_out += is_held_out[song];
        if (order < low) {
            low = order;
            first = song;
        }
        if (order > high) {
            high = order;
            last = song;
        }
    }
    num_held_out += !is_held_out[first];
    is_held_out[first] = true;
    is_held_out[last] = is_held_out[last] && num_held_out < num;
    return move_to_end(job, is_held_out);
}

/* A corpus of one song has none to hold out. That is no error if only a preset asked for it and
 * nothing needs it; a run that is resumed began so. */
static lyrnn_status hold_out_none(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    bool is_asked_for = !options->val_songs_is_default && job->start->kind != LYRNN_START_RESUME;
    bool is_needed = options->patience > 0 || options->drop_leaks ||
                     options->optimizer.schedule == LYRNN_SCHEDULE_PLATEAU;
    if (!is_asked_for && !is_needed)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                      "--val-songs %g: the corpus has only one song; use --val-fraction, or say "
                      "with --songs what a song is",
                      (double)options->val_songs);
}

static lyrnn_status hold_out_songs(train_job *job)
{
    size_t num_bytes = job->corpus.num_songs * sizeof(bool);
    if (job->corpus.num_songs == 1)
        return hold_out_none(job);
    bool *is_held_out = malloc(num_bytes);
    if (is_held_out == NULL)
        return split_out_of_memory(num_bytes);
    lyrnn_status status = choose_songs(job, is_held_out);
    free(is_held_out);
    return status;
}

/* Holds out the song whose start is nearest to the cut, and all songs after it. The first song is
 * always learned. */
static lyrnn_status hold_out_last_songs(train_job *job, size_t cut)
{
    const lyrnn_corpus *corpus = &job->corpus;
    size_t song = 1;
    if (corpus->num_songs == 1)
        return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                          "--val-fraction %g: the corpus has only one song; choose --sampling "
                          "consecutive, or say with --songs what a song is",
                          (double)job->options->val_fraction);
    while (song + 1 < corpus->num_songs && corpus->starts[song] < cut &&
           corpus->starts[song] + corpus->starts[song + 1] <= 2 * cut)
        song++;
    job->num_learned_songs = song;
    job->num_validation = corpus->N - corpus->starts[song];
    return LYRNN_OK;
}

/* Makes the character `cut` the first of a song, where running text is cut. */
static lyrnn_status begin_song_at(train_job *job, size_t cut)
{
    lyrnn_corpus *corpus = &job->corpus;
    size_t song = 0, num_bytes = (corpus->num_songs + 1) * sizeof *corpus->starts;
    while (song < corpus->num_songs && corpus->starts[song] < cut)
        song++;
    job->num_learned_songs = song;
    if (song < corpus->num_songs && corpus->starts[song] == cut)
        return LYRNN_OK;
    size_t *starts = realloc(corpus->starts, num_bytes);
    if (starts == NULL)
        return split_out_of_memory(num_bytes);
    memmove(starts + song + 1, starts + song, (corpus->num_songs - song) * sizeof *starts);
    starts[song] = cut;
    corpus->starts = starts;
    corpus->num_songs++;
    job->has_cut_song = true;
    return LYRNN_OK;
}

static lyrnn_status hold_out_end(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    size_t num = (size_t)((double)job->corpus.N * (double)options->val_fraction);
    size_t needed = (size_t)options->num_steps + 1;
    if (job->sampling == LYRNN_SAMPLING_SONGS)
        return hold_out_last_songs(job, job->corpus.N - num);
    if (num < needed)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS_SHORT,
            "--val-fraction %g: holds out %zu characters, and validation needs at least "
            "%zu (--num-steps + 1); raise it, lower --num-steps, or add text",
            (double)options->val_fraction, num, needed);
    job->num_validation = num;
    return begin_song_at(job, job->corpus.N - num);
}

/* Where the held-out songs begin in their text. */
static lyrnn_status take_validation_starts(train_job *job)
{
    size_t num = job->corpus.num_songs - job->num_learned_songs, num_bytes = num * sizeof(size_t);
    const size_t *starts = job->corpus.starts + job->num_learned_songs;
    job->validation_starts = malloc(num_bytes);
    if (job->validation_starts == NULL)
        return split_out_of_memory(num_bytes);
    for (size_t song = 0; song < num; song++)
        job->validation_starts[song] = starts[song] - starts[0];
    return LYRNN_OK;
}

/* is_validation (num_songs) gets which songs are held out. Drops the lines of the others that leak,
 * if the options say so, and finds what leaks still. */
static lyrnn_status search_leaks(train_job *job, bool *is_validation)
{
    lyrnn_corpus *corpus = &job->corpus;
    for (size_t song = 0; song < corpus->num_songs; song++)
        is_validation[song] = song >= job->num_learned_songs;
    if (job->options->drop_leaks) {
        LYRNN_TRY(leaks_drop(corpus, is_validation, &job->dropped_leaks));
        job->num_learned_songs -= job->dropped_leaks.num_songs;
    }
    const leak_texts texts = {.chars = corpus->chars,
                              .N = corpus->N,
                              .starts = corpus->starts,
                              .num_songs = corpus->num_songs,
                              .is_validation = is_validation};
    return leaks_find(&texts, &job->leaked);
}

static lyrnn_status handle_leaks(train_job *job)
{
    size_t num_bytes = job->corpus.num_songs * sizeof(bool);
    bool *is_validation = malloc(num_bytes);
    if (is_validation == NULL)
        return split_out_of_memory(num_bytes);
    lyrnn_status status = search_leaks(job, is_validation);
    free(is_validation);
    return status;
}

static lyrnn_status check_validation_songs(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    bool by_songs = options->val_songs > 0.0f;
    if (!train_validates_songs(job))
        return LYRNN_OK;
    for (size_t song = job->num_learned_songs; song < job->corpus.num_songs; song++)
        if (is_scored(&job->corpus, song))
            return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                      "--val-%s %g: no song that it holds out has two characters; raise it, or add "
                      "text",
                      by_songs ? "songs" : "fraction",
                      (double)(by_songs ? options->val_songs : options->val_fraction));
}

lyrnn_status train_choose_sampling(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    job->sampling = options->sampling;
    if (options->sampling_is_default)
        job->sampling = job->corpus.num_songs > 1 && !options->model.bidirectional
                            ? LYRNN_SAMPLING_SONGS
                            : LYRNN_SAMPLING_CONSECUTIVE;
    lyrnn_word_copy(LYRNN_SAMPLING_WORDS, (int)job->sampling, job->sampling_name,
                    sizeof job->sampling_name);
    return train_check_sampling(options, job->sampling);
}

lyrnn_status train_split_corpus(train_job *job)
{
    job->num_learned_songs = job->corpus.num_songs;
    if (job->options->val_songs > 0.0f)
        LYRNN_TRY(hold_out_songs(job));
    else if (job->options->val_fraction > 0.0f)
        LYRNN_TRY(hold_out_end(job));
    if (job->num_validation == 0)
        return LYRNN_OK;
    LYRNN_TRY(handle_leaks(job));
    LYRNN_TRY(take_validation_starts(job));
    return check_validation_songs(job);
}

bool train_validates_songs(const train_job *job)
{
    return job->sampling == LYRNN_SAMPLING_SONGS || job->options->val_songs > 0.0f;
}

lyrnn_evaluation_text train_validation_text(const train_job *job)
{
    size_t num_learned = job->corpus.N - job->num_validation;
    lyrnn_evaluation_text text = {.ids = job->ids + num_learned, .N = job->num_validation};
    if (train_validates_songs(job)) {
        text.songs = job->validation_starts;
        text.num_songs = job->corpus.num_songs - job->num_learned_songs;
    } else {
        text.num_context = num_learned;
    }
    return text;
}
