/* Two characters are forms of one another if they decompose to the same characters. How much
 * utf8proc folds on the way, from nothing but compositions to width, case and accents, says how
 * near they are. Marks that look alike, such as ’ and ', have nothing in common in Unicode, so a
 * table lists them. */
#include "text/near_forms.h"

#include <stdbool.h>
#include <string.h>

#include <utf8proc.h>

/* A character after folding. */
typedef struct {
    utf8proc_int32_t chars[LYRNN_MAX_NEAREST];
    utf8proc_ssize_t num; /* 0 or less: nothing is left, or too much */
} folded;

/* What is folded; canonical decompositions always are. */
enum {
    CANONICAL = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
    COMPATIBLE = CANONICAL | UTF8PROC_COMPAT,
    CASE = CANONICAL | UTF8PROC_CASEFOLD,
    ACCENT = CANONICAL | UTF8PROC_STRIPMARK,
    LETTER = COMPATIBLE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK
};

static folded fold(uint32_t c, int options)
{
    folded result;
    int last_class = 0;
    result.num = utf8proc_decompose_char((utf8proc_int32_t)c, result.chars, LYRNN_MAX_NEAREST,
                                         (utf8proc_option_t)options, &last_class);
    if (result.num > LYRNN_MAX_NEAREST)
        result.num = 0;
    return result;
}

static bool same_folded(const folded *a, const folded *b)
{
    return a->num > 0 && a->num == b->num &&
           memcmp(a->chars, b->chars, (size_t)a->num * sizeof a->chars[0]) == 0;
}

/* Returns the first id, in code-point order, that folds to the same, or -1. */
static int32_t find_folded(const lyrnn_vocab *vocab, uint32_t c, int options)
{
    folded wanted = fold(c, options);
    for (int i = 0; i < vocab->V && wanted.num > 0; i++) {
        folded other = fold(vocab->chars[vocab->by_char[i]], options);
        if (same_folded(&wanted, &other))
            return vocab->by_char[i];
    }
    return -1;
}

static void take(lyrnn_nearest *nearest, int32_t id, lyrnn_relation relation)
{
    if (id < 0)
        return;
    *nearest = (lyrnn_nearest){.relation = relation, .num_read = 1, .num = 1, .ids = {id}};
}

/* Characters that together are one that the vocabulary has: か and U+3099 are が. */
static void find_composed(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                          lyrnn_nearest *nearest)
{
    enum { LONGEST = 4 };
    for (size_t length = N < LONGEST ? N : LONGEST; length > 1; length--) {
        utf8proc_int32_t composed[LONGEST];
        for (size_t i = 0; i < length; i++)
            composed[i] = (utf8proc_int32_t)chars[i];
        utf8proc_ssize_t num = utf8proc_normalize_utf32(composed, (utf8proc_ssize_t)length,
                                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        int32_t id = num == 1 ? lyrnn_vocab_id(vocab, (uint32_t)composed[0]) : -1;
        take(nearest, id, LYRNN_RELATION_COMPOSED);
        if (id >= 0) {
            nearest->num_read = length;
            return;
        }
    }
}

/* Takes all characters that c folds to, if the vocabulary has them. */
static void find_pieces(const lyrnn_vocab *vocab, uint32_t c, int options, lyrnn_relation relation,
                        lyrnn_nearest *nearest)
{
    lyrnn_nearest found = {.relation = relation, .num_read = 1};
    folded pieces = fold(c, options);
    for (utf8proc_ssize_t i = 0; i < pieces.num; i++) {
        found.ids[i] = lyrnn_vocab_id(vocab, (uint32_t)pieces.chars[i]);
        if (found.ids[i] < 0)
            return;
        found.num++;
    }
    if (found.num > 0)
        *nearest = found;
}

/* Marks that look alike. Those of one kind and group are closest; then those of one kind. */
typedef enum { ANY_SIDE, OPENING, CLOSING } mark_side;
typedef struct {
    lyrnn_relation kind;
    int group;
    mark_side side;
    const char *utf8;
} mark_group;

static const mark_group groups[] = {
    {LYRNN_RELATION_QUOTE, 1, ANY_SIDE, "'`´′ʼ＇"},
    {LYRNN_RELATION_QUOTE, 1, OPENING, "‘‛‹『"},
    {LYRNN_RELATION_QUOTE, 1, CLOSING, "’›』"},
    {LYRNN_RELATION_QUOTE, 2, ANY_SIDE, "\"″＂"},
    {LYRNN_RELATION_QUOTE, 2, OPENING, "“„‟«「〝｢"},
    {LYRNN_RELATION_QUOTE, 2, CLOSING, "”»」〞〟｣"},
    {LYRNN_RELATION_DASH, 1, ANY_SIDE, "—―─⸺"},
    {LYRNN_RELATION_DASH, 2, ANY_SIDE, "-‐‑‒–−－﹣"},
    {LYRNN_RELATION_ELLIPSIS, 1, ANY_SIDE, "…⋯‥"},
    {LYRNN_RELATION_MARK, 1, ANY_SIDE, "~～〜∼"},
    {LYRNN_RELATION_MARK, 2, ANY_SIDE, "·•・‧⋅∙･"},
    {LYRNN_RELATION_MARK, 3, ANY_SIDE, ".。．｡"},
    {LYRNN_RELATION_MARK, 4, ANY_SIDE, ",，、､"},
};

static const mark_group *find_group(uint32_t c)
{
    char utf8[LYRNN_UTF8_MAX + 1] = {0};
    lyrnn_utf8_encode(c, utf8);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strstr(groups[i].utf8, utf8) != NULL)
            return &groups[i];
    return NULL;
}

static bool is_space(uint32_t c)
{
    return c == '\t' || utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ZS;
}

/* How far a mark is from another of its kind. */
static int mark_distance(const mark_group *a, const mark_group *b)
{
    int distance = a->group != b->group;
    if (a->side != b->side)
        distance += a->side == ANY_SIDE || b->side == ANY_SIDE ? 1 : 4;
    return distance;
}

static void find_mark(const lyrnn_vocab *vocab, uint32_t c, lyrnn_nearest *nearest)
{
    const mark_group *wanted = find_group(c);
    int closest = INT32_MAX;
    for (int i = 0; i < vocab->V; i++) {
        int32_t id = vocab->by_char[i];
        if (wanted == NULL && is_space(c) && is_space(vocab->chars[id])) {
            take(nearest, id, LYRNN_RELATION_SPACE);
            return;
        }
        const mark_group *other = wanted != NULL ? find_group(vocab->chars[id]) : NULL;
        if (other == NULL || other->kind != wanted->kind ||
            (wanted->kind == LYRNN_RELATION_MARK && other->group != wanted->group))
            continue;
        int distance = mark_distance(wanted, other);
        if (distance < closest)
            take(nearest, id, wanted->kind);
        closest = distance < closest ? distance : closest;
    }
}

/* Three full stops, where the vocabulary has an ellipsis. */
static void find_ellipsis(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                          lyrnn_nearest *nearest)
{
    if (N < 3 || chars[0] != '.' || chars[1] != '.' || chars[2] != '.')
        return;
    find_mark(vocab, 0x2026, nearest);
    take(nearest, lyrnn_vocab_id(vocab, 0x2026), LYRNN_RELATION_ELLIPSIS);
    nearest->num_read = nearest->relation != LYRNN_RELATION_NONE ? 3 : 1;
}

static bool has_width(uint32_t c, utf8proc_decomp_type_t width)
{
    return (utf8proc_decomp_type_t)utf8proc_get_property((utf8proc_int32_t)c)->decomp_type == width;
}

static void find_width(const lyrnn_vocab *vocab, uint32_t c, lyrnn_nearest *nearest)
{
    int32_t id = find_folded(vocab, c, COMPATIBLE);
    if (id < 0)
        return;
    uint32_t found = vocab->chars[id];
    lyrnn_relation relation = LYRNN_RELATION_COMPATIBLE;
    if (has_width(found, UTF8PROC_DECOMP_TYPE_WIDE) || has_width(c, UTF8PROC_DECOMP_TYPE_NARROW))
        relation = LYRNN_RELATION_WIDE;
    else if (has_width(found, UTF8PROC_DECOMP_TYPE_NARROW) ||
             has_width(c, UTF8PROC_DECOMP_TYPE_WIDE))
        relation = LYRNN_RELATION_NARROW;
    take(nearest, id, relation);
}

static void find_case(const lyrnn_vocab *vocab, uint32_t c, lyrnn_nearest *nearest)
{
    int32_t id = find_folded(vocab, c, CASE);
    if (id < 0)
        return;
    utf8proc_int32_t found = (utf8proc_int32_t)vocab->chars[id];
    lyrnn_relation relation = LYRNN_RELATION_LETTER;
    if (utf8proc_category(found) == UTF8PROC_CATEGORY_LU)
        relation = LYRNN_RELATION_UPPER;
    else if (utf8proc_category(found) == UTF8PROC_CATEGORY_LL)
        relation = LYRNN_RELATION_LOWER;
    take(nearest, id, relation);
}

static bool has_accent(uint32_t c)
{
    folded whole = fold(c, CANONICAL), base = fold(c, ACCENT);
    return whole.num != base.num;
}

static void find_accent(const lyrnn_vocab *vocab, uint32_t c, lyrnn_nearest *nearest)
{
    folded base = fold(c, ACCENT);
    int32_t id = base.num == 1 ? lyrnn_vocab_id(vocab, (uint32_t)base.chars[0]) : -1;
    if (id < 0)
        id = find_folded(vocab, c, ACCENT);
    if (id < 0)
        return;
    lyrnn_relation relation = LYRNN_RELATION_OTHER_ACCENT;
    if (!has_accent(vocab->chars[id]))
        relation = LYRNN_RELATION_WITHOUT_ACCENT;
    else if (!has_accent(c))
        relation = LYRNN_RELATION_WITH_ACCENT;
    take(nearest, id, relation);
}

static void find_letter(const lyrnn_vocab *vocab, uint32_t c, lyrnn_nearest *nearest)
{
    take(nearest, find_folded(vocab, c, LETTER), LYRNN_RELATION_LETTER);
}

void near_forms_find(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                     lyrnn_nearest *nearest)
{
    static void (*const finders[])(const lyrnn_vocab *, uint32_t, lyrnn_nearest *) = {
        find_mark, find_width, find_case, find_accent, find_letter};
    uint32_t c = chars[0];
    find_composed(vocab, chars, N, nearest);
    if (nearest->relation == LYRNN_RELATION_NONE)
        take(nearest, find_folded(vocab, c, CANONICAL), LYRNN_RELATION_COMPOSED);
    if (nearest->relation == LYRNN_RELATION_NONE)
        find_pieces(vocab, c, CANONICAL, LYRNN_RELATION_DECOMPOSED, nearest);
    if (nearest->relation == LYRNN_RELATION_NONE)
        find_ellipsis(vocab, chars, N, nearest);
    for (size_t i = 0; i < sizeof finders / sizeof finders[0]; i++) {
        if (nearest->relation != LYRNN_RELATION_NONE)
            return;
        finders[i](vocab, c, nearest);
        /* Several characters of another form come after one of the same form. */
        if (finders[i] == find_width && nearest->relation == LYRNN_RELATION_NONE)
            find_pieces(vocab, c, COMPATIBLE, LYRNN_RELATION_COMPATIBLE, nearest);
    }
}
