/* In Song ci, which is in simplified characters, 0.7 % of the characters with two forms are
 * traditional: a few old ones remain. So the limit of 5 % is far from texts in one script. */
#include "corpus/mixed_scripts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/plain_text.h"
#include "corpus/unihan.h"

static int compare(const void *a, const void *b)
{
    const lyrnn_unihan_entry *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

static bool is_kana(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x30FF && c != 0x30FB) || (c >= 0xFF66 && c <= 0xFF9D);
}

/* Adds the characters of one line to counts. Returns its end. */
static size_t count_line(const uint32_t *chars, size_t N, size_t begin, script_counts *counts)
{
    script_counts line = {0};
    bool has_kana = false;
    size_t i = begin;
    for (; i < N && chars[i] != '\n'; i++) {
        has_kana = has_kana || is_kana(chars[i]);
        if (chars[i] < 0x3400)
            continue;
        const lyrnn_unihan_entry wanted = {.c = chars[i]},
                                 *found = bsearch(&wanted, lyrnn_unihan_scripts,
                                                  lyrnn_unihan_num_scripts, sizeof wanted, compare);
        line.num_traditional += found != NULL && found->value == LYRNN_UNIHAN_TRADITIONAL;
        line.num_simplified += found != NULL && found->value == LYRNN_UNIHAN_SIMPLIFIED;
    }
    if (!has_kana) {
        counts->num_traditional += line.num_traditional;
        counts->num_simplified += line.num_simplified;
    }
    return i < N ? i + 1 : N;
}

script_counts text_count_scripts(const uint32_t *chars, size_t N)
{
    script_counts counts = {0};
    for (size_t i = 0; i < N;)
        i = count_line(chars, N, i, &counts);
    return counts;
}

void mixed_scripts_log(const script_counts *counts, FILE *log)
{
    enum { MIN_PERCENT = 5, MIN_CHARS = 3 };
    size_t total = counts->num_traditional + counts->num_simplified;
    size_t fewer = counts->num_traditional < counts->num_simplified ? counts->num_traditional
                                                                    : counts->num_simplified;
    if (log == NULL || fewer < MIN_CHARS || fewer * 100 < total * MIN_PERCENT)
        return;
    lyrnn_print_plain(log,
                      "script: %.0f %% of characters that differ between scripts are "
                      "traditional, the others simplified; --script simplified or --script "
                      "traditional makes them "
                      "one\n",
                      100.0 * (double)counts->num_traditional / (double)total);
}
