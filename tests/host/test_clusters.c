/* The table of clusters counts as utf8proc does from the whole text, for examples and for random
 * texts. A line of a generated text then has so many clusters, and its last one may continue. */
#include "lyrnn/clusters.h"

#include <stdint.h>
#include <stdlib.h>
#include <uchar.h>

#include <utf8proc.h>

#include "compare.h"
#include "lyrnn/line_rules.h"

enum { MAX = 32 };

static size_t length_of(const char32_t *text)
{
    size_t num = 0;
    while (text[num] != 0)
        num++;
    return num;
}

/* Characters that join in each way that the standard has. */
static const char32_t alphabet[] =
    U"ae月\n \u0301\u3099\u200d\ufe0f\u1100\u1161\u11a8\uac00\uac01\u0915\u094d\u093f\u0903"
    U"\u0600\U0001F1E8\U0001F1F3\U0001F468\U0001F469\U0001F3FD\u2764\u00ad\u0e33";

static void make(lyrnn_vocab *vocab, lyrnn_clusters *clusters)
{
    uint32_t chars[64];
    size_t V = length_of(alphabet);
    for (size_t i = 0; i < V; i++)
        chars[i] = alphabet[i];
    assert_int_equal(lyrnn_vocab_from_chars(vocab, chars, V), LYRNN_OK);
    assert_int_equal(lyrnn_clusters_init(clusters, vocab), LYRNN_OK);
    assert_true(lyrnn_clusters_join(clusters));
}

/* Follows a text without newlines by the rules, and returns its clusters. */
static int count(const lyrnn_clusters *clusters, const int32_t *ids, size_t num)
{
    const lyrnn_line_rules rules = {.newline = -1, .clusters = clusters};
    lyrnn_text_state state = {0};
    for (size_t i = 0; i < num; i++)
        lyrnn_line_rules_move(&rules, &state, ids[i]);
    assert_int_equal(state.length, num);
    return state.column;
}

static void examples_count_as_a_reader_does(void **state)
{
    (void)state;
    static const struct {
        const char32_t *text;
        int num_clusters;
    } examples[] = {
        {U"ae月", 3},
        {U"e\u0301e\u0301", 2},
        {U"\u3099", 1}, /* a mark with nothing before it */
        {U"\u1100\u1161\u11a8\uac00", 2},
        {U"\uac00\u11a8", 1},
        {U"\U0001F1E8\U0001F1F3\U0001F1E8\U0001F1F3\U0001F1E8", 3}, /* flags */
        {U"\U0001F468\u200d\U0001F469\U0001F3FD", 1},               /* joined emoji */
        {U"\u2764\ufe0f\u2764", 2},
        {U"a\u200d\U0001F468", 2}, /* a letter joins no emoji */
        {U"\u0600月", 1},          /* a prefix */
    };
    lyrnn_vocab vocab;
    lyrnn_clusters clusters;
    make(&vocab, &clusters);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        int32_t ids[MAX];
        size_t num = length_of(examples[i].text);
        for (size_t j = 0; j < num; j++)
            ids[j] = lyrnn_vocab_id(&vocab, examples[i].text[j]);
        if (count(&clusters, ids, num) != examples[i].num_clusters)
            fail_msg("example %zu has %d clusters", i, count(&clusters, ids, num));
    }
    lyrnn_clusters_free(&clusters);
    lyrnn_vocab_free(&vocab);
}

static void random_texts_count_as_utf8proc_does(void **state)
{
    (void)state;
    lyrnn_vocab vocab;
    lyrnn_clusters clusters;
    make(&vocab, &clusters);
    for (uint64_t seed = 0; seed < 20000; seed++) {
        int32_t ids[MAX];
        int num = 1 + random_id(seed, 0, MAX), expected = 1;
        utf8proc_int32_t before = 0;
        for (int i = 0; i < num; i++)
            ids[i] = random_id(seed, (uint64_t)i + 1, vocab.V);
        for (int i = 1; i < num; i++)
            expected +=
                utf8proc_grapheme_break_stateful((utf8proc_int32_t)vocab.chars[ids[i - 1]],
                                                 (utf8proc_int32_t)vocab.chars[ids[i]], &before);
        assert_int_equal(count(&clusters, ids, (size_t)num), expected);
    }
    lyrnn_clusters_free(&clusters);
    lyrnn_vocab_free(&vocab);
}

static void a_full_line_takes_a_mark_and_no_letter(void **state)
{
    (void)state;
    lyrnn_vocab vocab;
    lyrnn_clusters clusters;
    make(&vocab, &clusters);
    const lyrnn_line_rules rules = {.newline = lyrnn_vocab_id(&vocab, '\n'),
                                    .min_line = 2,
                                    .max_line = 2,
                                    .clusters = &clusters};
    int32_t e = lyrnn_vocab_id(&vocab, 'e'), mark = lyrnn_vocab_id(&vocab, 0x301);
    lyrnn_text_state text = {0};
    lyrnn_line_rules_move(&rules, &text, e);
    lyrnn_line_rules_move(&rules, &text, mark);
    assert_false(lyrnn_line_rules_allow(&rules, &text, rules.newline));
    lyrnn_line_rules_move(&rules, &text, e);
    assert_true(lyrnn_line_rules_allow(&rules, &text, rules.newline));
    assert_true(lyrnn_line_rules_allow(&rules, &text, mark));
    assert_false(lyrnn_line_rules_allow(&rules, &text, e));
    lyrnn_line_rules_move(&rules, &text, rules.newline);
    assert_int_equal(text.column, 0);
    assert_int_equal(text.cluster, 0);
    lyrnn_clusters_free(&clusters);
    lyrnn_vocab_free(&vocab);
}

/* Most vocabularies need no table. */
static void characters_that_never_join_are_recognized(void **state)
{
    (void)state;
    const uint32_t chars[] = {'\n', ' ', 'a', 0x6708, 0x304C, 0xFF0C};
    lyrnn_vocab vocab;
    lyrnn_clusters clusters;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, 6), LYRNN_OK);
    assert_int_equal(lyrnn_clusters_init(&clusters, &vocab), LYRNN_OK);
    assert_false(lyrnn_clusters_join(&clusters));
    lyrnn_clusters_free(&clusters);
    lyrnn_vocab_free(&vocab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_count_as_a_reader_does),
        cmocka_unit_test(random_texts_count_as_utf8proc_does),
        cmocka_unit_test(a_full_line_takes_a_mark_and_no_letter),
        cmocka_unit_test(characters_that_never_join_are_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
