/* One table has a count for each code point there is. */
#include "corpus/rare.h"

#include <stdlib.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "corpus/drop_lines.h"

enum { NUM_CODE_POINTS = 0x110000 };

typedef struct {
    uint32_t *counts; /* (NUM_CODE_POINTS) */
    size_t min_count;
} rarity;

static bool is_exempt(uint32_t c)
{
    return c == '\n' || c == '\t' || utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ZS;
}

static bool has_rare(void *context, const lyrnn_corpus *corpus, size_t begin, size_t end)
{
    const rarity *rarity = context;
    for (size_t i = begin; i < end; i++)
        if (rarity->counts[corpus->chars[i]] < rarity->min_count && !is_exempt(corpus->chars[i]))
            return true;
    return false;
}

lyrnn_status corpus_drop_rare(lyrnn_corpus *corpus, size_t min_count, rare_counts *counts)
{
    rarity rarity = {.min_count = min_count};
    line_rule rule = {.is_bad = has_rare, .context = &rarity};
    *counts = (rare_counts){0};
    rarity.counts = calloc(NUM_CODE_POINTS, sizeof *rarity.counts);
    if (rarity.counts == NULL)
        return lyrnn_out_of_memory("--min-count", NUM_CODE_POINTS * sizeof *rarity.counts,
                                   "leave it out");
    for (size_t i = 0; i < corpus->N; i++)
        rarity.counts[corpus->chars[i]]++;
    for (uint32_t c = 0; c < NUM_CODE_POINTS; c++)
        counts->num_chars += rarity.counts[c] > 0 && rarity.counts[c] < min_count && !is_exempt(c);
    corpus_drop_lines(corpus, &rule, NULL);
    free(rarity.counts);
    counts->num_lines = rule.num_lines;
    counts->num_songs = rule.num_songs;
    if (corpus->N > 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "--min-count %zu: each line has a character that the corpus has less often; "
                      "lower it, or give more text",
                      min_count);
}
