/* How a corpus is divided into what is learned and what is held out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/job.h"

enum { NUM_SONGS = 200, LONGEST = 64 };

/* A corpus of songs, which may be any of many. */
typedef struct {
    lyrnn_train_options options;
    lyrnn_start start;
    train_job job;
} split;

static void add_song(lyrnn_corpus *corpus, const char *text)
{
    const lyrnn_corpus_rules rules = {.normalize = LYRNN_NORMALIZE_NONE};
    corpus->starts = realloc(corpus->starts, (corpus->num_songs + 1) * sizeof *corpus->starts);
    assert_non_null(corpus->starts);
    corpus->starts[corpus->num_songs++] = corpus->N;
    assert_int_equal(lyrnn_corpus_append_text(corpus, "song", text, strlen(text), &rules),
                     LYRNN_OK);
}

static void begin(split *s, lyrnn_sampling sampling)
{
    *s = (split){.options = {.num_steps = 5, .sampling = sampling, .seed = 1}};
    s->options.model = (lyrnn_rnn_config){.hidden_size = 1, .num_layers = 1};
    s->job.options = &s->options;
}

static void end(split *s)
{
    lyrnn_corpus_free(&s->job.corpus);
    free(s->job.validation_starts);
}

static lyrnn_status divide(split *s)
{
    s->job.options = &s->options;
    s->job.start = &s->start;
    LYRNN_TRY(lyrnn_train_check_options(&s->options));
    LYRNN_TRY(train_choose_sampling(&s->job));
    return train_split_corpus(&s->job);
}

static void must_divide(split *s)
{
    if (divide(s) != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

static void must_refuse(split *s, const char *problem)
{
    assert_int_not_equal(divide(s), LYRNN_OK);
    if (strstr(lyrnn_error_text(), problem) == NULL)
        fail_msg("'%s' does not say '%s'", lyrnn_error_text(), problem);
    end(s);
}

/* Song number i: its number comes back by number_of. */
static void add_numbered(split *s, int i, const char *after)
{
    char text[LONGEST];
    snprintf(text, sizeof text, "%d is a song\nof two lines%s", i, after);
    add_song(&s->job.corpus, text);
}

static int number_of(const split *s, size_t song)
{
    const uint32_t *c = &s->job.corpus.chars[s->job.corpus.starts[song]];
    int number = 0;
    for (; *c >= '0' && *c <= '9'; c++)
        number = 10 * number + (int)(*c - '0');
    return number;
}

/* Marks the songs that are held out, and checks that all songs are there, in their order. */
static void check_parts(const split *s, bool held_out[NUM_SONGS])
{
    const lyrnn_corpus *corpus = &s->job.corpus;
    int before = -1;
    memset(held_out, 0, NUM_SONGS * sizeof *held_out);
    assert_int_equal(corpus->starts[0], 0);
    for (size_t song = 0; song < corpus->num_songs; song++) {
        int number = number_of(s, song);
        if (song == s->job.num_learned_songs)
            before = -1;
        assert_true(number > before);
        before = number;
        held_out[number] = song >= s->job.num_learned_songs;
    }
    size_t first = corpus->starts[s->job.num_learned_songs];
    assert_int_equal(s->job.num_validation, corpus->N - first);
    for (size_t song = s->job.num_learned_songs; song < corpus->num_songs; song++)
        assert_int_equal(s->job.validation_starts[song - s->job.num_learned_songs],
                         corpus->starts[song] - first);
}

/* Divides the songs whose number leaves no `without` in the division by 7. */
static int divide_numbered(uint64_t seed, int without, bool held_out[NUM_SONGS])
{
    split s;
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.val_songs = 0.3f;
    s.options.seed = seed;
    for (int i = 0; i < NUM_SONGS; i++)
        if (i % 7 != without) /* what follows a song depends on the others */
            add_numbered(&s, i, (i + without) % 2 == 0 ? "\n" : "\n\n \n");
    size_t num = s.job.corpus.num_songs;
    must_divide(&s);
    assert_int_equal(s.job.corpus.num_songs, num);
    assert_int_equal(s.job.corpus.capacity, s.job.corpus.N);
    assert_int_equal(s.job.corpus.starts_capacity, num);
    check_parts(&s, held_out);
    int count = (int)(num - s.job.num_learned_songs);
    end(&s);
    return count;
}

static void other_songs_do_not_matter(void **state)
{
    (void)state;
    bool all[NUM_SONGS], some[NUM_SONGS];
    int count = divide_numbered(1, -1, all);
    assert_in_range(count, 40, 80); /* 0.3 of 200 */
    for (int without = 0; without < 7; without++) {
        divide_numbered(1, without, some);
        for (int i = 0; i < NUM_SONGS; i++)
            if (i % 7 != without)
                assert_int_equal(some[i], all[i]);
    }
    divide_numbered(2, -1, some);
    assert_memory_not_equal(some, all, sizeof all);
}

static void each_part_has_a_song(void **state)
{
    (void)state;
    split s;
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.val_fraction = 0.5f;
    add_numbered(&s, 1, "\n");
    must_refuse(&s, "--val-fraction 0.5: the corpus has only one song; choose --sampling cons");
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.val_fraction = s.options.val_songs = 0.5f;
    add_numbered(&s, 1, "\n");
    must_refuse(&s, "--val-songs 0.5: cannot be used with --val-fraction");
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.val_fraction = 0.2f;
    add_song(&s.job.corpus, "a song\n");
    add_song(&s.job.corpus, "b");
    must_refuse(&s, "--val-fraction 0.2: no song that it holds out has two characters; raise it");
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.drop_leaks = true;
    add_numbered(&s, 1, "\n");
    must_refuse(&s, "--drop-leaks: needs a validation text; add --val-songs 0.1");
}

enum { FEW_SONGS = 13 };

/* Holds out a share of a few songs. `first` is the text of the first. Returns how many. */
static size_t hold_out_few(float share, uint64_t seed, const char *first, bool held_out[NUM_SONGS])
{
    split s;
    begin(&s, LYRNN_SAMPLING_SONGS);
    s.options.val_songs = share;
    s.options.seed = seed;
    add_song(&s.job.corpus, first);
    for (int i = 1; i < FEW_SONGS; i++)
        add_numbered(&s, i, "\n");
    must_divide(&s);
    check_parts(&s, held_out);
    size_t num = s.job.corpus.num_songs - s.job.num_learned_songs;
    end(&s);
    return num;
}

/* A share that is too low or too high for the number of songs moves the next song only. */
static void a_share_leaves_a_song_on_each_side(void **state)
{
    (void)state;
    bool one[NUM_SONGS], few[NUM_SONGS], all_but_one[NUM_SONGS], many[NUM_SONGS];
    float low = 0.01f, high = 0.99f;
    assert_int_equal(hold_out_few(1e-6f, 1, "zero", one), 1);
    while (hold_out_few(low, 1, "zero", few) == 1)
        low += 0.01f;
    assert_int_equal(hold_out_few(0.999999f, 1, "zero", all_but_one), FEW_SONGS - 1);
    while (hold_out_few(high, 1, "zero", many) == FEW_SONGS - 1)
        high -= 0.01f;
    for (int i = 0; i < FEW_SONGS; i++) {
        assert_true(few[i] || !one[i]);
        assert_true(all_but_one[i] || !many[i]);
    }
    /* It is one that can be scored, whatever the draws are. */
    for (uint64_t seed = 1; seed < 100; seed++) {
        assert_int_equal(hold_out_few(1e-6f, seed, "x", one), 1);
        assert_false(one[0]);
    }
    /* Copies have the same draw. A song that cannot be scored is learned, next to another one. */
    split s;
    for (int i = 0; i < 100; i++) {
        begin(&s, LYRNN_SAMPLING_SONGS);
        s.options.val_songs = i % 2 == 0 ? 0.1f : 0.9f;
        s.options.seed = (uint64_t)i;
        add_song(&s.job.corpus, i % 4 < 2 ? "x" : "2 is a song\nof two lines\n");
        add_numbered(&s, 2, "\n");
        must_divide(&s);
        assert_int_equal(s.job.num_learned_songs, 1);
        end(&s);
    }
}

static void begin_with_one_song(split *s, bool is_default, lyrnn_start_kind kind)
{
    begin(s, LYRNN_SAMPLING_CONSECUTIVE);
    s->options.val_songs = 0.5f;
    s->options.val_songs_is_default = is_default;
    s->start.kind = kind;
    add_numbered(s, 1, "\n");
}

/* A preset must not make one song an error, but what the user chose can. */
static void a_preset_holds_out_none_of_one_song(void **state)
{
    (void)state;
    static const char refusal[] = "--val-songs 0.5: the corpus has only one song; use --val-frac";
    split s;
    for (int i = 0; i < 2; i++) {
        begin_with_one_song(&s, i == 0, i == 0 ? LYRNN_START_NEW : LYRNN_START_RESUME);
        must_divide(&s);
        assert_int_equal(s.job.num_validation, 0);
        assert_int_equal(s.job.num_learned_songs, 1);
        end(&s);
    }
    begin_with_one_song(&s, false, LYRNN_START_INIT);
    must_refuse(&s, refusal);
    begin_with_one_song(&s, true, LYRNN_START_NEW);
    s.options.patience = 3;
    must_refuse(&s, refusal);
    begin_with_one_song(&s, true, LYRNN_START_NEW);
    s.options.drop_leaks = true;
    must_refuse(&s, refusal);
    begin_with_one_song(&s, true, LYRNN_START_NEW);
    s.options.optimizer.schedule = LYRNN_SCHEDULE_PLATEAU;
    must_refuse(&s, refusal);
}

/* The last part of five songs of 10, 20, 30, 20 and 20 characters. Returns where it begins. */
static size_t cut_of(lyrnn_sampling sampling, float share, size_t *num_songs)
{
    static const int lengths[] = {10, 20, 30, 20, 20};
    split s;
    begin(&s, sampling);
    s.options.val_fraction = share;
    for (int i = 0; i < 5; i++) {
        char text[LONGEST];
        snprintf(text, sizeof text, "%.*s\n", lengths[i] - 1, "abcdefghijklmnopqrstuvwxyz1234567");
        add_song(&s.job.corpus, text);
    }
    must_divide(&s);
    size_t cut = s.job.corpus.N - s.job.num_validation;
    assert_int_equal(s.job.corpus.starts[s.job.num_learned_songs], cut);
    assert_int_equal(s.job.validation_starts[0], 0);
    *num_songs = s.job.corpus.num_songs;
    end(&s);
    return cut;
}

static void a_fraction_ends_at_a_song_or_anywhere(void **state)
{
    (void)state;
    size_t num;
    static const struct {
        float share;
        size_t cut;
    } songs[] = {{0.9f, 10}, {0.8f, 30},  {0.71f, 30}, {0.56f, 30}, {0.54f, 60},
                 {0.4f, 60}, {0.31f, 60}, {0.29f, 80}, {0.1f, 80},  {0.001f, 80}};
    for (size_t i = 0; i < sizeof songs / sizeof songs[0]; i++) {
        size_t cut = cut_of(LYRNN_SAMPLING_SONGS, songs[i].share, &num);
        if (cut != songs[i].cut)
            fail_msg("%g: cut at %zu, not %zu", (double)songs[i].share, cut, songs[i].cut);
        assert_int_equal(num, 5);
    }
    assert_int_equal(cut_of(LYRNN_SAMPLING_CONSECUTIVE, 0.5f, &num), 50);
    assert_int_equal(num, 6); /* a song begins where the text is cut */
    assert_int_equal(cut_of(LYRNN_SAMPLING_RANDOM, 0.4f, &num), 60);
    assert_int_equal(num, 5);
}

static void several_songs_are_sampled_as_songs(void **state)
{
    (void)state;
    split s;
    for (int num = 1; num <= 2; num++) {
        begin(&s, LYRNN_SAMPLING_RANDOM);
        s.options.sampling_is_default = true;
        for (int i = 0; i < num; i++)
            add_numbered(&s, i, "\n");
        must_divide(&s);
        assert_int_equal(s.job.sampling,
                         num > 1 ? LYRNN_SAMPLING_SONGS : LYRNN_SAMPLING_CONSECUTIVE);
        end(&s);
    }
}

static void a_way_of_sampling_has_the_name_of_its_option(void **state)
{
    (void)state;
    static const char *const names[] = {[LYRNN_SAMPLING_CONSECUTIVE] = "consecutive",
                                        [LYRNN_SAMPLING_RANDOM] = "random",
                                        [LYRNN_SAMPLING_SONGS] = "songs"};
    split s;
    for (int i = 0; i < 3; i++) {
        begin(&s, (lyrnn_sampling)i);
        assert_int_equal(train_choose_sampling(&s.job), LYRNN_OK);
        assert_string_equal(s.job.sampling_name, names[i]);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_songs_do_not_matter),
        cmocka_unit_test(each_part_has_a_song),
        cmocka_unit_test(a_share_leaves_a_song_on_each_side),
        cmocka_unit_test(a_preset_holds_out_none_of_one_song),
        cmocka_unit_test(a_fraction_ends_at_a_song_or_anywhere),
        cmocka_unit_test(several_songs_are_sampled_as_songs),
        cmocka_unit_test(a_way_of_sampling_has_the_name_of_its_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
