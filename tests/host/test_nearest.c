/* Unknown characters are replaced by another form of the same character first, then by a similar
 * mark, then by another form of the same letter. Han characters are replaced by their variant form
 * first, then by a character with the same reading, then by one with the same reading except for
 * the tone. Among several, the lowest code point wins. Skipped in a build without Unihan. */
#include "text/nearest.h"

#include <stdio.h>
#include <uchar.h>

#include "compare.h"

typedef struct {
    const char32_t *vocabulary;
    char32_t unknown, nearest; /* nearest 0: none */
    lyrnn_relation relation;
} example;

static const example examples[] = {
    {U"云开", U'雲', U'云', LYRNN_RELATION_VARIANT},
    {U"雲開", U'云', U'雲', LYRNN_RELATION_VARIANT},
    {U"髮發", U'发', U'發',
     LYRNN_RELATION_VARIANT}, /* both are variants; 發 is U+767C, 髮 U+9AEE */
    {U"裏", U'裡', U'裏', LYRNN_RELATION_VARIANT},
    {U"远圆员", U'园', U'员', LYRNN_RELATION_READING}, /* yuán; 员 is U+5458, 圆 U+5706 */
    {U"园云", U'雲', U'云', LYRNN_RELATION_VARIANT},   /* before 匀, which has the same reading */
    {U"远怨", U'园', U'怨', LYRNN_RELATION_SYLLABLE},
    {U"女路", U'旅', U'女', LYRNN_RELATION_NONE}, /* lǚ is neither nǚ nor lù */
    {U"绿路", U'旅', U'绿', LYRNN_RELATION_SYLLABLE},
    {U"abc", U'猫', 0, LYRNN_RELATION_NONE},
    {U"猫", U'x', 0, LYRNN_RELATION_NONE},
    {U"ab!", U'！', U'!', LYRNN_RELATION_NARROW},
    {U"月！", U'!', U'！', LYRNN_RELATION_WIDE},
    {U"abＡ", U'A', U'Ａ', LYRNN_RELATION_WIDE},
    {U"アｱ", U'ｲ', 0, LYRNN_RELATION_NONE},
    {U"ア", U'ｱ', U'ア', LYRNN_RELATION_WIDE},
    {U"a'", U'’', U'\'', LYRNN_RELATION_QUOTE},
    {U"a’", U'\'', U'’', LYRNN_RELATION_QUOTE},
    {U"a\"'", U'“', U'"', LYRNN_RELATION_QUOTE},
    {U"「」『』", U'“', U'「', LYRNN_RELATION_QUOTE},
    {U"「」『』", U'”', U'」', LYRNN_RELATION_QUOTE},
    {U"「」『』", U'‘', U'『', LYRNN_RELATION_QUOTE},
    {U"“”", U'」', U'”', LYRNN_RELATION_QUOTE},
    {U"a-", U'—', U'-', LYRNN_RELATION_DASH},
    {U"-—", U'―', U'—', LYRNN_RELATION_DASH},
    {U"-—", U'–', U'-', LYRNN_RELATION_DASH},
    {U"⋯", U'…', U'⋯', LYRNN_RELATION_ELLIPSIS},
    {U"a ", U'\u3000', U' ', LYRNN_RELATION_SPACE},
    {U"月\u3000", U'\u00a0', U'\u3000', LYRNN_RELATION_SPACE},
    {U"a,", U'、', U',', LYRNN_RELATION_MARK},
    {U"a,", U'。', 0, LYRNN_RELATION_NONE},
    {U"xu", U'U', U'u', LYRNN_RELATION_LOWER},
    {U"XU", U'u', U'U', LYRNN_RELATION_UPPER},
    {U"σ", U'Σ', U'σ', LYRNN_RELATION_LOWER},
    {U"ae", U'é', U'e', LYRNN_RELATION_WITHOUT_ACCENT},
    {U"aé", U'e', U'é', LYRNN_RELATION_WITH_ACCENT},
    {U"aè", U'é', U'è', LYRNN_RELATION_OTHER_ACCENT},
    {U"かき", U'が', U'か', LYRNN_RELATION_WITHOUT_ACCENT},
    {U"ae", U'É', U'e', LYRNN_RELATION_LETTER},
    {U"ae", U'Ｅ', U'e', LYRNN_RELATION_LETTER},
    {U"aé", U'É', U'é', LYRNN_RELATION_LOWER},
    {U"\u00c5", U'\u212b', U'\u00c5', LYRNN_RELATION_COMPOSED},
    {U"a", U'\u0301', 0, LYRNN_RELATION_NONE},
};

/* Copies a text without its end, and returns its length. */
static size_t copy_text(uint32_t chars[16], const char32_t *text)
{
    size_t num = 0;
    for (; text[num] != 0; num++)
        chars[num] = text[num];
    return num;
}

static void find(const char32_t *vocabulary, const char32_t *text, lyrnn_vocab *vocab,
                 lyrnn_nearest *nearest)
{
    uint32_t chars[16], unknown[16];
    size_t V = copy_text(chars, vocabulary), N = copy_text(unknown, text);
    assert_int_equal(lyrnn_vocab_from_chars(vocab, chars, V), LYRNN_OK);
    lyrnn_nearest_find(vocab, unknown, N, nearest);
}

static void examples_find_their_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        const char32_t text[] = {e->unknown, 0};
        lyrnn_vocab vocab;
        lyrnn_nearest nearest;
        find(e->vocabulary, text, &vocab, &nearest);
        assert_int_equal(nearest.relation, e->relation);
        assert_int_equal(nearest.num_read, 1);
        assert_int_equal(nearest.num, e->relation != LYRNN_RELATION_NONE);
        if (nearest.num > 0)
            assert_int_equal(vocab.chars[nearest.ids[0]], e->nearest);
        lyrnn_vocab_free(&vocab);
    }
}

/* Forms may be several characters, on either side. */
static void forms_find_all_their_characters(void **state)
{
    (void)state;
    static const struct {
        const char32_t *vocabulary, *text, *nearest;
        size_t num_read;
        lyrnn_relation relation;
    } forms[] = {
        {U"が", U"か\u3099x", U"が", 2, LYRNN_RELATION_COMPOSED},
        {U"かé", U"e\u0301", U"é", 2, LYRNN_RELATION_COMPOSED},
        {U"か\u3099", U"が", U"か\u3099", 1, LYRNN_RELATION_DECOMPOSED},
        {U"e\u0301", U"é", U"e\u0301", 1, LYRNN_RELATION_DECOMPOSED},
        {U"\u1100\u1161", U"가", U"\u1100\u1161", 1, LYRNN_RELATION_DECOMPOSED},
        {U"가", U"\u1100\u1161", U"가", 2, LYRNN_RELATION_COMPOSED},
        {U"a.", U"…", U"...", 1, LYRNN_RELATION_COMPATIBLE},
        {U"a…", U"...", U"…", 3, LYRNN_RELATION_ELLIPSIS},
        {U"a…", U"..", U"", 1, LYRNN_RELATION_NONE},
        {U"fi", U"ﬁ", U"fi", 1, LYRNN_RELATION_COMPATIBLE},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        lyrnn_vocab vocab;
        lyrnn_nearest nearest;
        find(forms[i].vocabulary, forms[i].text, &vocab, &nearest);
        if (nearest.relation != forms[i].relation)
            fail_msg("form %zu: relation %d", i, (int)nearest.relation);
        assert_int_equal(nearest.num_read, forms[i].num_read);
        uint32_t expected[16];
        assert_int_equal(nearest.num, copy_text(expected, forms[i].nearest));
        for (size_t j = 0; j < nearest.num; j++)
            assert_int_equal(vocab.chars[nearest.ids[j]], expected[j]);
        lyrnn_vocab_free(&vocab);
    }
}

int main(void)
{
    if (lyrnn_nearest_check() != LYRNN_OK) {
        printf("skipped: %s\n", lyrnn_error_text());
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_find_their_nearest),
                                       cmocka_unit_test(forms_find_all_their_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
