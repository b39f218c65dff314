/* A byte order mark decides, then strict UTF-8. Otherwise each encoding that decodes all bytes gets
 * a score (charset.c), and the best one is taken if no other is near. Nothing else is ever guessed,
 * because a text in the wrong encoding would be learned. */
#include "corpus/encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/plain_text.h"
#include "corpus/encoding_parts.h"
#include "corpus/foreign_text.h"
#include "corpus/unihan.h"

enum { NUM_CANDIDATES = CHARSET_UTF16BE + 1 };

/* The minimum of a text's score, and of its lead over the next encoding, in points per character;
 * and the same in points, which a text of a few characters lacks. README.md has the measurements
 * that they rest on. */
static const double min_score = 1.5, min_points = 6, min_lead = 0.5, min_lead_points = 4;

/* What the bytes are in each encoding. */
typedef struct {
    const char *name; /* of the text */
    const lyrnn_bytes *bytes;
    text_ranks ranks;
    text_reading readings[NUM_CANDIDATES];
    size_t bad[NUM_CANDIDATES]; /* the offset of the first bad byte, or bytes->num */
    text_parts parts;
} judgment;

static const struct {
    const char *bytes;
    size_t num;
    text_charset charset;
} marks[] = {
    /* UTF-32 comes first: its mark begins with that of UTF-16. */
    {"\xFF\xFE\0\0", 4, CHARSET_UTF32LE}, {"\0\0\xFE\xFF", 4, CHARSET_UTF32BE},
    {"\xFF\xFE", 2, CHARSET_UTF16LE},     {"\xFE\xFF", 2, CHARSET_UTF16BE},
    {"\xEF\xBB\xBF", 3, CHARSET_UTF8},    {"\x84\x31\x95\x33", 4, CHARSET_GB18030}};

static bool find_mark(const lyrnn_bytes *bytes, text_charset *charset)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (bytes->num >= marks[i].num && memcmp(bytes->data, marks[i].bytes, marks[i].num) == 0) {
            *charset = marks[i].charset;
            return true;
        }
    return false;
}

static size_t line_at(const lyrnn_bytes *bytes, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++)
        line += bytes->data[i] == '\n' || (bytes->data[i] == '\r' && bytes->data[i + 1] != '\n');
    return line;
}

static const char *option_of(text_charset charset)
{
    static const char *const options[] = {"utf-8", "gb18030", "big5", "utf-16", "utf-16"};
    return options[charset];
}

/* The option or the byte order mark names an encoding that does not fit the bytes. */
static lyrnn_status refuse_byte(const char *name, const lyrnn_bytes *bytes, text_charset charset,
                                size_t bad)
{
    const char *encoding = text_charset_name(charset);
    size_t unit = text_charset_unit(charset);
    static const char nul[4] = {0};
    if (bytes->num - bad >= unit && memcmp(bytes->data + bad, nul, unit) == 0)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is NUL, so this is not a text in %s; name a text file, or "
                          "use --encoding auto",
                          name, bad, encoding);
    if (unit > 1)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is not %s; correct the text there, or use --encoding auto",
                          name, bad, encoding);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: byte %zu is not %s; correct line %zu, or use --encoding auto", name, bad,
                      encoding, line_at(bytes, bad));
}

/* Converts a text that the reading has read whole. */
static lyrnn_status convert(const char *name, const lyrnn_bytes *bytes, const text_reading *reading,
                            lyrnn_bytes *utf8)
{
    static const char remedy[] = "give less text";
    LYRNN_TRY(lyrnn_require_memory(name, reading->num_utf8 + 1, remedy));
    utf8->data = malloc(reading->num_utf8 + 1);
    if (utf8->data == NULL)
        return lyrnn_out_of_memory(name, reading->num_utf8 + 1, remedy);
    text_reading_to_utf8(reading, bytes->data, bytes->num, utf8->data);
    utf8->num = reading->num_utf8;
    utf8->data[utf8->num] = '\0';
    return LYRNN_OK;
}

/* Where UTF-8 begins that was appended to UTF-16: in the last line, which has newlines of UTF-8. */
static size_t find_appended_utf8(const lyrnn_bytes *bytes, text_charset charset)
{
    static const char newlines[2][2] = {{'\n', 0}, {0, '\n'}};
    size_t end = bytes->num - bytes->num % 2;
    while (end > 2 && memcmp(bytes->data + end - 2, newlines[charset == CHARSET_UTF16BE], 2) != 0)
        end -= 2;
    const char *tail = bytes->data + end;
    size_t num = bytes->num - end;
    bool is_utf8 = memchr(tail, '\n', num) != NULL && text_find_bad_utf8(tail, num) == num;
    return end > 2 && is_utf8 ? end : bytes->num;
}

/* Reads the text as one encoding. */
static lyrnn_status read_as(const char *name, const lyrnn_bytes *bytes, text_charset charset,
                            lyrnn_bytes *utf8, text_encoding *found)
{
    text_reading reading;
    *found = (text_encoding){.charset = charset};
    size_t bad = charset == CHARSET_UTF8 ? text_find_bad_utf8(bytes->data, bytes->num) : 0;
    if (bad == bytes->num)
        return LYRNN_OK;
    LYRNN_TRY(text_refuse_kind(name, bytes->data, bytes->num));
    if (charset == CHARSET_UTF8)
        return refuse_byte(name, bytes, charset, bad);
    size_t appended =
        text_charset_unit(charset) == 2 ? find_appended_utf8(bytes, charset) : bytes->num;
    if (appended < bytes->num)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: is %s before byte %zu and UTF-8 from there; split the file there, or "
            "convert it to one encoding",
            name, text_charset_name(charset), appended);
    LYRNN_TRY(text_reading_open(&reading, name, charset, NULL));
    size_t good = text_reading_add(&reading, bytes->data, bytes->num);
    lyrnn_status status = good == bytes->num ? convert(name, bytes, &reading, utf8)
                                             : refuse_byte(name, bytes, charset, good);
    text_reading_close(&reading);
    return status;
}

static lyrnn_status judge(judgment *j)
{
    const lyrnn_bytes *bytes = j->bytes;
    LYRNN_TRY(text_ranks_init(&j->ranks, j->name));
    for (size_t i = 0; i < NUM_CANDIDATES; i++)
        LYRNN_TRY(text_reading_open(&j->readings[i], j->name, (text_charset)i, &j->ranks));
    j->parts = text_find_parts(j->readings, bytes->data, bytes->num, j->bad);
    for (size_t i = CHARSET_UTF16LE; i < NUM_CANDIDATES; i++)
        j->bad[i] = text_reading_add(&j->readings[i], bytes->data, bytes->num);
    return LYRNN_OK;
}

static void judgment_free(judgment *j)
{
    for (size_t i = 0; i < NUM_CANDIDATES; i++)
        text_reading_close(&j->readings[i]);
    text_ranks_free(&j->ranks);
}

/* The encoding with the best score among those that decode all bytes, except `except`; or
 * NUM_CANDIDATES. */
static size_t best_reading(const judgment *j, size_t except)
{
    size_t best = NUM_CANDIDATES;
    for (size_t i = 0; i < NUM_CANDIDATES; i++)
        if (i != except && j->readings[i].is_strict &&
            (best == NUM_CANDIDATES ||
             text_reading_score(&j->readings[i]) > text_reading_score(&j->readings[best])))
            best = i;
    return best;
}

/* The same bytes in two encodings: names them with their first words, and how to choose. */
static lyrnn_status refuse_choice(const judgment *j, size_t best, size_t next)
{
    text_charset charset = (text_charset)best, other = (text_charset)next;
    char words[TEXT_WORDS_SIZE], other_words[TEXT_WORDS_SIZE];
    text_first_words(text_charset_iconv_name(charset), j->bytes->data, j->bytes->num, words);
    text_first_words(text_charset_iconv_name(other), j->bytes->data, j->bytes->num, other_words);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: may be %s (%s...) or %s (%s...); say which with --encoding %s or "
                      "--encoding %s",
                      j->name, text_charset_name(charset), words, text_charset_name(other),
                      other_words, option_of(charset), option_of(other));
}

/* Whether the bytes, which are UTF-8, have characters that other encodings hardly ever have. */
static bool is_surely_utf8(const char *bytes, size_t num_bytes)
{
    size_t num = 0;
    for (size_t i = 0; i < num_bytes; i++)
        num += ((unsigned char)bytes[i] & 0xF0) == 0xE0;
    return num >= 2;
}

static lyrnn_status refuse_mixture(const judgment *j)
{
    const text_parts *parts = &j->parts;
    size_t offset = parts->offset, line = parts->line;
    /* If UTF-8 ends within a line, it shows the byte. */
    size_t bad = j->bad[CHARSET_UTF8], bad_line = line_at(j->bytes, bad);
    bool is_before = bad < offset && bad_line + 1 >= line;
    bool is_after =
        bad > offset && bad_line == line && is_surely_utf8(j->bytes->data + offset, bad - offset);
    if (parts->first == CHARSET_UTF8 && (is_before || is_after)) {
        offset = bad;
        line = bad_line;
    }
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: is %s before byte %zu (line %zu) and %s from there%s; split the file "
                      "there, or convert it to one encoding",
                      j->name, text_charset_name(parts->first), offset, line,
                      text_charset_name(parts->second),
                      parts->num_changes > 1 ? ", and changes again later" : "");
}

/* Whether all bytes but a few are of this encoding. */
static bool is_damaged(const judgment *j, text_charset charset)
{
    return j->parts.num_changes == 0 && j->parts.first == charset &&
           !j->readings[charset].is_strict &&
           j->parts.score >= (charset == CHARSET_UTF8 ? 0 : min_score);
}

static lyrnn_status refuse_damage(const judgment *j, text_charset charset)
{
    size_t bad = j->bad[charset];
    const char *encoding = text_charset_name(charset);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: byte %zu is not %s, while the text around it is; correct line %zu there",
                      j->name, bad, encoding, line_at(j->bytes, bad));
}

/* The bytes fit, but it is hardly a Chinese text. */
static lyrnn_status refuse_score(const judgment *j, text_charset charset)
{
    char words[TEXT_WORDS_SIZE];
    text_first_words(text_charset_iconv_name(charset), j->bytes->data, j->bytes->num, words);
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: byte %zu is not UTF-8, and as %s it is hardly a text (%s..., score %.1f); "
        "use --encoding %s if it is, or convert it with iconv -f ENCODING -t UTF-8",
        j->name, j->bad[CHARSET_UTF8], text_charset_name(charset), words,
        text_reading_score(&j->readings[charset]), option_of(charset));
}

/* Nothing fits: says which encoding of another language may be meant. */
static lyrnn_status refuse_unknown(const judgment *j)
{
    const char *data = j->bytes->data;
    size_t bad = j->bad[CHARSET_UTF8];
    bool is_nul = data[bad] == '\0';
    const char *foreign = is_nul ? NULL : text_guess_foreign(data, j->bytes->num, false);
    if (foreign != NULL)
        return text_refuse_foreign(j->name, j->bytes->data, j->bytes->num, foreign, NULL, NULL);
    size_t best = best_reading(j, NUM_CANDIDATES);
    bool may_be_wide =
        j->readings[CHARSET_UTF16LE].is_strict || j->readings[CHARSET_UTF16BE].is_strict;
    if (is_nul)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS, "%s: byte %zu is NUL, so this is not a text file%s", j->name, bad,
            may_be_wide ? "; if it is UTF-16, use --encoding utf-16" : "; name a text file");
    if (is_surely_utf8(data, bad))
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "%s: byte %zu is not UTF-8, while the text before it is; correct line %zu "
            "from there, or split the file there",
            j->name, bad, line_at(j->bytes, bad));
    if (best < NUM_LINE_CHARSETS)
        return refuse_score(j, (text_charset)best);
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: byte %zu is not UTF-8; name the encoding with --encoding, or convert the "
        "text, for example with iconv -f ENCODING -t UTF-8 (iconv -l lists encodings)",
        j->name, bad);
}

/* The byte order mark of UTF-8 before a text that is of another encoding as a whole. */
static lyrnn_status refuse_mark(const judgment *j)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: begins with the byte order mark of UTF-8, but byte %zu is not UTF-8; "
                      "remove the mark, which is the first 3 bytes, or correct the text",
                      j->name, j->bad[CHARSET_UTF8]);
}

/* No encoding decodes all bytes to a Chinese text. */
static lyrnn_status refuse_all(const judgment *j)
{
    const text_parts *parts = &j->parts;
    if (parts->num_changes > 0 && parts->score >= min_score)
        return refuse_mixture(j);
    text_charset marked;
    if (parts->num_changes == 0 && parts->first != CHARSET_UTF8 && find_mark(j->bytes, &marked))
        return refuse_mark(j);
    if (is_damaged(j, parts->first))
        return refuse_damage(j, parts->first);
    return refuse_unknown(j);
}

/* Whether the most frequent characters are as frequent as they are in Chinese. In a text of another
 * language they are rare. */
static bool has_frequent(const text_reading *reading)
{
    return reading->sum.num_frequent >= 3 && 4 * reading->sum.num_frequent >= reading->sum.num;
}

/* The bytes are a text in another language too. */
static lyrnn_status refuse_foreign(const judgment *j, text_charset charset, const char *foreign)
{
    char words[TEXT_WORDS_SIZE];
    text_first_words(text_charset_iconv_name(charset), j->bytes->data, j->bytes->num, words);
    char other[2 * TEXT_WORDS_SIZE];
    snprintf(other, sizeof other, "%s (%s...)", text_charset_name(charset), words);
    return text_refuse_foreign(j->name, j->bytes->data, j->bytes->num, foreign, other,
                               option_of(charset));
}

/* Without Unihan there are no scores: names all encodings that decode the bytes. */
static lyrnn_status refuse_unjudged(const judgment *j)
{
    char meant[200] = "", *end = meant;
    if (is_damaged(j, CHARSET_UTF8))
        return refuse_damage(j, CHARSET_UTF8);
    for (size_t i = CHARSET_GB18030; i < NUM_CANDIDATES; i++)
        if (j->readings[i].is_strict)
            end +=
                sprintf(end, "%s%s", end > meant ? " or " : "", text_charset_name((text_charset)i));
    if (end == meant)
        return refuse_unknown(j);
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: is not UTF-8, but may be %s, and this lyrnn was built without Unihan, which "
        "tells them apart; say which with --encoding gb18030, big5 or utf-16",
        j->name, meant);
}

static lyrnn_status choose(const judgment *j, text_charset *charset, text_encoding *found)
{
    if (lyrnn_unihan_num_common == 0)
        return refuse_unjudged(j);
    size_t best = best_reading(j, NUM_CANDIDATES);
    text_charset marked;
    if (best == NUM_CANDIDATES || find_mark(j->bytes, &marked))
        return refuse_all(j);
    size_t next = best_reading(j, best);
    const text_reading *reading = &j->readings[best];
    double score = text_reading_score(reading);
    bool is_line_charset = best < NUM_LINE_CHARSETS;
    bool is_mixed = is_line_charset && j->parts.num_changes > 0;
    size_t by_lines = is_line_charset ? j->parts.first : best;
    if (score < min_score || reading->sum.points < min_points || is_mixed ||
        !j->readings[by_lines].is_strict)
        return refuse_all(j);
    const char *foreign =
        is_line_charset ? text_guess_foreign(j->bytes->data, j->bytes->num, has_frequent(reading))
                        : NULL;
    if (foreign != NULL)
        return refuse_foreign(j, (text_charset)best, foreign);
    *charset = (text_charset)best;
    *found = (text_encoding){.charset = *charset, .is_guess = true, .score = score};
    if (next == NUM_CANDIDATES)
        return LYRNN_OK;
    found->next_name = text_charset_name((text_charset)next);
    found->next_score = text_reading_score(&j->readings[next]);
    double lead = score - found->next_score;
    return lead < min_lead || lead * (double)reading->sum.num < min_lead_points || by_lines != best
               ? refuse_choice(j, best, next)
               : LYRNN_OK;
}

/* Guesses the encoding of bytes that are not UTF-8. */
static lyrnn_status guess(const char *name, const lyrnn_bytes *bytes, lyrnn_bytes *utf8,
                          text_encoding *found)
{
    judgment j = {.name = name, .bytes = bytes};
    text_charset charset = CHARSET_UTF8;
    lyrnn_status status = judge(&j);
    if (status == LYRNN_OK)
        status = choose(&j, &charset, found);
    if (status == LYRNN_OK)
        status = convert(name, bytes, &j.readings[charset], utf8);
    judgment_free(&j);
    return status;
}

/* UTF-16 without a mark: the byte order in which it decodes and looks more like a text. */
static lyrnn_status find_byte_order(const char *name, const lyrnn_bytes *bytes,
                                    text_charset *charset)
{
    judgment j = {.name = name, .bytes = bytes};
    lyrnn_status status = judge(&j);
    if (status == LYRNN_OK) {
        const text_reading *little = &j.readings[CHARSET_UTF16LE],
                           *big = &j.readings[CHARSET_UTF16BE];
        bool is_big = big->is_strict == little->is_strict
                          ? text_reading_score(big) > text_reading_score(little)
                          : big->is_strict;
        *charset = is_big ? CHARSET_UTF16BE : CHARSET_UTF16LE;
    }
    judgment_free(&j);
    return status;
}

static lyrnn_status read_as_asked(const char *name, const lyrnn_bytes *bytes, lyrnn_encoding asked,
                                  lyrnn_bytes *utf8, text_encoding *found)
{
    static const text_charset charsets[] = {[LYRNN_ENCODING_UTF8] = CHARSET_UTF8,
                                            [LYRNN_ENCODING_GB18030] = CHARSET_GB18030,
                                            [LYRNN_ENCODING_BIG5] = CHARSET_BIG5,
                                            [LYRNN_ENCODING_UTF16] = CHARSET_UTF16LE};
    text_charset charset = charsets[asked], marked;
    bool is_utf16 = asked == LYRNN_ENCODING_UTF16;
    if (!find_mark(bytes, &marked)) {
        if (is_utf16)
            LYRNN_TRY(find_byte_order(name, bytes, &charset));
    } else if (is_utf16 && marked == CHARSET_UTF16BE) {
        charset = marked;
    } else if (marked != charset) {
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: begins with the byte order mark of %s; use --encoding auto", name,
                          text_charset_name(marked));
    }
    return read_as(name, bytes, charset, utf8, found);
}

lyrnn_status text_to_utf8(const char *name, const lyrnn_bytes *bytes, lyrnn_encoding asked,
                          lyrnn_bytes *utf8, text_encoding *found)
{
    text_charset charset;
    *utf8 = (lyrnn_bytes){0};
    *found = (text_encoding){.charset = CHARSET_UTF8};
    if (asked != LYRNN_ENCODING_AUTO)
        return read_as_asked(name, bytes, asked, utf8, found);
    if (find_mark(bytes, &charset) && charset != CHARSET_UTF8)
        return read_as(name, bytes, charset, utf8, found);
    if (text_find_bad_utf8(bytes->data, bytes->num) == bytes->num)
        return LYRNN_OK;
    LYRNN_TRY(text_refuse_kind(name, bytes->data, bytes->num));
    return guess(name, bytes, utf8, found);
}

void text_encoding_label(const text_encoding *found, char label[TEXT_ENCODING_LABEL_SIZE])
{
    enum { SIZE = TEXT_ENCODING_LABEL_SIZE };
    if (found->is_guess && found->next_name != NULL)
        snprintf(label, SIZE, "score %.1f, next: %s %.1f", found->score, found->next_name,
                 found->next_score);
    else if (found->is_guess)
        snprintf(label, SIZE, "score %.1f", found->score);
    else
        label[0] = '\0';
}

lyrnn_status text_name_to_utf8(const char *name, char **utf8)
{
    const lyrnn_bytes bytes = {.data = (char *)name, .num = strlen(name)};
    judgment j = {.name = "name of a file", .bytes = &bytes};
    lyrnn_bytes converted = {0};
    lyrnn_status status = LYRNN_OK;
    *utf8 = NULL;
    if (text_find_bad_utf8(name, bytes.num) < bytes.num) {
        status = judge(&j);
        bool is_gb = j.readings[CHARSET_GB18030].is_strict;
        bool is_big5 = j.readings[CHARSET_BIG5].is_strict;
        if (is_gb && is_big5)
            is_gb = text_reading_score(&j.readings[CHARSET_GB18030]) >=
                    text_reading_score(&j.readings[CHARSET_BIG5]);
        if (status == LYRNN_OK && (is_gb || is_big5))
            status = convert(j.name, &bytes, &j.readings[is_gb ? CHARSET_GB18030 : CHARSET_BIG5],
                             &converted);
        judgment_free(&j);
    }
    if (status != LYRNN_OK)
        return status;
    *utf8 = converted.data != NULL ? converted.data : strdup(name);
    if (*utf8 == NULL)
        return lyrnn_out_of_memory(j.name, bytes.num + 1, "give less text");
    (*utf8)[lyrnn_make_plain(*utf8, strlen(*utf8))] = '\0';
    return LYRNN_OK;
}
