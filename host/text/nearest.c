/* The search goes from near to far: first forms of the same character (near_forms.c), then variants
 * of a Han character, then the same reading, then the same reading with another tone. The last
 * three come from the tables of Unihan. */
#include "text/nearest.h"

#include <stdbool.h>
#include <stddef.h>

#include "corpus/unihan.h"
#include "text/near_forms.h"

/* Sets *first to the first entry of c and returns the number of entries, which may be 0. */
static size_t find_entries(const lyrnn_unihan_entry *entries, size_t num, uint32_t c,
                           const lyrnn_unihan_entry **first)
{
    size_t low = 0, high = num, end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].c < c)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < num && entries[end].c == c;)
        end++;
    *first = entries + low;
    return end - low;
}

/* Returns the id of the first variant of c that the vocabulary has, or -1. */
static int32_t find_variant(const lyrnn_vocab *vocab, uint32_t c)
{
    const lyrnn_unihan_entry *variants;
    size_t num = find_entries(lyrnn_unihan_variants, lyrnn_unihan_num_variants, c, &variants);
    for (size_t i = 0; i < num; i++) {
        int32_t id = lyrnn_vocab_id(vocab, variants[i].value);
        if (id >= 0)
            return id;
    }
    return -1;
}

static bool same_reading(uint32_t a, uint32_t b, bool with_tone)
{
    enum { TONES = 8 };
    return with_tone ? a == b : a / TONES == b / TONES;
}

/* Returns the id of the character with the lowest code point that shares a reading with c, or
 * -1. */
static int32_t find_reading(const lyrnn_vocab *vocab, uint32_t c, bool with_tone)
{
    const lyrnn_unihan_entry *own, *other;
    size_t num_own = find_entries(lyrnn_unihan_readings, lyrnn_unihan_num_readings, c, &own);
    for (int i = 0; i < vocab->V && num_own > 0; i++) {
        int32_t id = vocab->by_char[i];
        size_t num = find_entries(lyrnn_unihan_readings, lyrnn_unihan_num_readings,
                                  vocab->chars[id], &other);
        for (size_t j = 0; j < num * num_own; j++)
            if (same_reading(own[j % num_own].value, other[j / num_own].value, with_tone))
                return id;
    }
    return -1;
}

static int32_t find_han(const lyrnn_vocab *vocab, uint32_t c, lyrnn_relation *relation)
{
    int32_t id = find_variant(vocab, c);
    *relation = LYRNN_RELATION_VARIANT;
    if (id < 0) {
        id = find_reading(vocab, c, true);
        *relation = LYRNN_RELATION_READING;
    }
    if (id < 0) {
        id = find_reading(vocab, c, false);
        *relation = LYRNN_RELATION_SYLLABLE;
    }
    return id;
}

void lyrnn_nearest_find(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                        lyrnn_nearest *nearest)
{
    *nearest = (lyrnn_nearest){.num_read = 1};
    near_forms_find(vocab, chars, N, nearest);
    if (nearest->relation != LYRNN_RELATION_NONE)
        return;
    lyrnn_relation relation;
    int32_t id = find_han(vocab, chars[0], &relation);
    if (id >= 0)
        *nearest = (lyrnn_nearest){.relation = relation, .num_read = 1, .num = 1, .ids = {id}};
}

const char *lyrnn_relation_text(lyrnn_relation relation)
{
    static const char *const texts[] = {
        [LYRNN_RELATION_NONE] = "unrelated",
        [LYRNN_RELATION_COMPOSED] = "the composed form",
        [LYRNN_RELATION_DECOMPOSED] = "the decomposed form",
        [LYRNN_RELATION_WIDE] = "a full-width form",
        [LYRNN_RELATION_NARROW] = "a half-width form",
        [LYRNN_RELATION_COMPATIBLE] = "a compatible form",
        [LYRNN_RELATION_SPACE] = "another space",
        [LYRNN_RELATION_QUOTE] = "another quotation mark or apostrophe",
        [LYRNN_RELATION_DASH] = "another dash",
        [LYRNN_RELATION_ELLIPSIS] = "another ellipsis",
        [LYRNN_RELATION_MARK] = "a similar mark",
        [LYRNN_RELATION_UPPER] = "an upper-case form",
        [LYRNN_RELATION_LOWER] = "a lower-case form",
        [LYRNN_RELATION_WITHOUT_ACCENT] = "the same letter without its mark",
        [LYRNN_RELATION_WITH_ACCENT] = "the same letter with a mark",
        [LYRNN_RELATION_OTHER_ACCENT] = "the same letter with another mark",
        [LYRNN_RELATION_LETTER] = "another form of the same letter",
        [LYRNN_RELATION_VARIANT] = "a variant form",
        [LYRNN_RELATION_READING] = "which has the same reading",
        [LYRNN_RELATION_SYLLABLE] = "which has the same reading with another tone",
    };
    return texts[relation];
}

lyrnn_status lyrnn_nearest_check(void)
{
    if (lyrnn_unihan_num_readings > 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "--on-unknown nearest: lyrnn was built without Unihan; install the package "
                      "unicode-data and build again, or use --on-unknown skip");
}
