/* Unicode's categories do not show which invisible characters matter, so two tables do. That U+200C
 * and U+200D stay only in context is the rule of RFC 5892, appendix A, with the scripts' blocks in
 * place of Unicode's joining types, which utf8proc lacks. */
#include "corpus/clean.h"

#include <stdbool.h>

#include <utf8proc.h>

enum { NON_JOINER = 0x200C, JOINER = 0x200D, IDEOGRAPHIC_SPACE = 0x3000, NEW_PAGE = 0x0C };

typedef struct {
    uint32_t first, last;
} char_range;

static const char_range invisible[] = {
    {0x00AD, 0x00AD},  /* soft hyphen */
    {0x061C, 0x061C},  /* mark of the direction */
    {0x200B, 0x200F},  /* zero-width space, joiners, marks of the direction */
    {0x202A, 0x202E},  /* overrides of the direction */
    {0x2060, 0x206F},  /* word joiner, invisible operators, isolates of the direction */
    {0xFEFF, 0xFEFF},  /* byte order mark */
    {0xFFF9, 0xFFFB},  /* annotations */
    {0xE0001, 0xE007F} /* tags */
};

/* Scripts whose letters join, or combine around a virama. */
static const char_range joining_scripts[] = {
    {0x0600, 0x08FF},   /* Arabic, Syriac, N'Ko and others */
    {0x0900, 0x0DFF},   /* the scripts of India and Sri Lanka */
    {0x0F00, 0x109F},   /* Tibetan, Myanmar */
    {0x1700, 0x18AF},   /* Tagalog to Khmer, Mongolian */
    {0x1900, 0x1CFF},   /* Limbu to Vedic extensions */
    {0xA800, 0xA95F},   /* Syloti Nagri to Rejang */
    {0xA980, 0xAAFF},   /* Javanese to Meetei Mayek */
    {0xABC0, 0xABFF},   /* Meetei Mayek */
    {0xFB50, 0xFDFF},   /* Arabic, composed */
    {0xFE70, 0xFEFC},   /* Arabic, composed */
    {0x10A00, 0x10FFF}, /* Kharoshthi to Elymaic */
    {0x11000, 0x11FFF}, /* Brahmi and its descendants */
    {0x1E900, 0x1E95F}, /* Adlam */
};

#define IS_IN(c, ranges) is_in(c, ranges, sizeof(ranges) / sizeof *(ranges))
static bool is_in(uint32_t c, const char_range *ranges, size_t num)
{
    for (size_t i = 0; i < num && ranges[i].first <= c; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

static const utf8proc_property_t *property(uint32_t c)
{
    return utf8proc_get_property((utf8proc_int32_t)c);
}

static bool is_invisible(uint32_t c)
{
    return c >= invisible[0].first && IS_IN(c, invisible);
}

static bool separates_lines(uint32_t c)
{
    return c == '\n' || c == '\v' || c == NEW_PAGE || c == 0x2028 || c == 0x2029;
}

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x202F || c == 0x205F;
}

static bool is_control(uint32_t c)
{
    return (c < 0x20 && !separates_lines(c) && !is_blank(c)) || (c >= 0x7F && c < 0xA0);
}

static bool is_pictograph(uint32_t c)
{
    return c >= 0xA9 && property(c)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

static bool is_joining_letter(uint32_t c)
{
    if (c < joining_scripts[0].first || !IS_IN(c, joining_scripts))
        return false;
    utf8proc_propval_t category = property(c)->category;
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME;
}

/* A text while it is cleaned: chars[0] to chars[num - 1] are clean, and those from `next` on are to
 * be read. */
typedef struct {
    uint32_t *chars;
    size_t N, num, next;
    size_t visible; /* where look_ahead found what it returned last */
    /* What the last clean characters are: an emoji, or one with modifiers; a letter of a joining
     * script; a letter with a virama. Marks may follow in any order, since normalize.c sorts
     * them. */
    bool is_emoji, is_joining, has_virama;
    text_clean_counts *counts;
} cleaning;

static uint32_t last_clean(const cleaning *text)
{
    return text->num > 0 ? text->chars[text->num - 1] : '\n';
}

/* The next character that is neither a control nor invisible. It is remembered, so that a row of
 * invisible characters is read once. */
static uint32_t look_ahead(cleaning *text)
{
    if (text->visible < text->next)
        text->visible = text->next;
    while (text->visible < text->N &&
           (is_control(text->chars[text->visible]) || is_invisible(text->chars[text->visible])))
        text->visible++;
    return text->visible < text->N ? text->chars[text->visible] : '\n';
}

/* Whether the invisible character c matters after the clean characters. */
static bool is_needed(cleaning *text, uint32_t c)
{
    if (c >= 0xE0020)
        return text->is_emoji;
    if (c != JOINER && c != NON_JOINER)
        return false;
    if (c == JOINER && text->is_emoji)
        return is_pictograph(look_ahead(text));
    return text->has_virama || (text->is_joining && is_joining_letter(look_ahead(text)));
}

static void put(cleaning *text, uint32_t c)
{
    enum { VIRAMA = 9 };
    int class = property(c)->combining_class;
    text->is_emoji = is_pictograph(c) ||
                     (text->is_emoji && property(c)->boundclass == UTF8PROC_BOUNDCLASS_EXTEND);
    text->is_joining = is_joining_letter(c) || (text->is_joining && class > 0);
    text->has_virama = class == VIRAMA || (text->has_virama && class > 0);
    text->chars[text->num++] = c;
}

/* A blank becomes a space once a visible character follows it. */
static void put_visible(cleaning *text, uint32_t c)
{
    uint32_t last = last_clean(text);
    if (last != ' ' && is_blank(last)) {
        text->chars[text->num - 1] = ' ';
        text->counts->num_spaces++;
    }
    put(text, c);
}

static void put_blank(cleaning *text, uint32_t c)
{
    if (is_blank(last_clean(text)))
        text->counts->num_spaces++;
    else
        put(text, c);
}

/* Drops the blanks at the end of a line. */
static void drop_blanks(cleaning *text)
{
    while (is_blank(last_clean(text)) || last_clean(text) == IDEOGRAPHIC_SPACE) {
        text->counts->num_spaces++;
        text->num--;
    }
}

static void put_newline(cleaning *text, uint32_t c)
{
    drop_blanks(text);
    if (c == NEW_PAGE && (last_clean(text) == '\n' || separates_lines(look_ahead(text)))) {
        text->counts->num_controls++;
        return;
    }
    text->counts->num_newlines += c != '\n';
    put(text, '\n');
}

size_t text_clean(uint32_t *chars, size_t N, text_clean_counts *counts)
{
    cleaning text = {.chars = chars, .N = N, .counts = counts};
    while (text.next < N) {
        uint32_t c = chars[text.next++];
        if (separates_lines(c))
            put_newline(&text, c);
        else if (is_control(c))
            counts->num_controls++;
        else if (is_blank(c))
            put_blank(&text, c);
        else if (is_invisible(c) && !is_needed(&text, c))
            counts->num_invisible++;
        else
            put_visible(&text, c);
    }
    drop_blanks(&text);
    return text.num;
}
