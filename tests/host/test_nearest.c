/* Unknown characters are replaced by their variant form first, then by a character with the same
 * reading, then by one with the same reading except for the tone. Among several, the lowest code
 * point wins. Skipped in a build without Unihan. */
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
};

static void examples_find_their_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        uint32_t chars[8];
        size_t num = 0;
        for (; e->vocabulary[num] != 0; num++)
            chars[num] = e->vocabulary[num];
        lyrnn_vocab vocab;
        lyrnn_relation relation;
        assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, num), LYRNN_OK);
        int32_t id = lyrnn_nearest_id(&vocab, e->unknown, &relation);
        assert_int_equal(relation, e->relation);
        if (relation == LYRNN_RELATION_NONE)
            assert_int_equal(id, -1);
        else
            assert_int_equal(vocab.chars[id], e->nearest);
        lyrnn_vocab_free(&vocab);
    }
}

int main(void)
{
    if (lyrnn_nearest_check() != LYRNN_OK) {
        printf("skipped: %s\n", lyrnn_error_text());
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_find_their_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
