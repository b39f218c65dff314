/* iconv decodes. It has two tables for Big5: BIG5 has what Windows writes, for example full-width
 * "~" and "/". BIG5-HKSCS lacks them, so it only reads what BIG5 does not, the characters of Hong
 * Kong.
 *
 * The points come from Unihan: a character of kHanyuPinlu, a count of modern Chinese, has 3, and
 * one that only dictionaries have (kTGHZ2013, kXHC1983) has 1. A text that is read in the wrong
 * encoding has mostly Han characters that neither has. */
#include "corpus/charset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "corpus/unihan.h"
#include "lyrnn/corpus.h"

enum { NUM_RANKED = 0x10000, FREQUENT = 1500 };

typedef enum { RANK_OTHER, RANK_RARE, RANK_KNOWN, RANK_COMMON, RANK_FREQUENT } rank;

static const signed char points_of[] = {
    [RANK_OTHER] = -4, [RANK_RARE] = -3, [RANK_KNOWN] = 1, [RANK_COMMON] = 3, [RANK_FREQUENT] = 3};

static const struct {
    const char *iconv_name;
    size_t unit;
} charsets[] = {[CHARSET_UTF8] = {NULL, 1},          [CHARSET_GB18030] = {"GB18030", 1},
                [CHARSET_BIG5] = {"BIG5", 1},        [CHARSET_UTF16LE] = {"UTF-16LE", 2},
                [CHARSET_UTF16BE] = {"UTF-16BE", 2}, [CHARSET_UTF32LE] = {"UTF-32LE", 4},
                [CHARSET_UTF32BE] = {"UTF-32BE", 4}};

static const char hong_kong[] = "BIG5-HKSCS";

const char *const lyrnn_encoding_names[LYRNN_NUM_ENCODINGS] = {
    [CHARSET_UTF8] = "UTF-8",       [CHARSET_GB18030] = "GB18030",  [CHARSET_BIG5] = "Big5",
    [CHARSET_UTF16LE] = "UTF-16LE", [CHARSET_UTF16BE] = "UTF-16BE", [CHARSET_UTF32LE] = "UTF-32LE",
    [CHARSET_UTF32BE] = "UTF-32BE"};

const char *text_charset_name(text_charset charset)
{
    return lyrnn_encoding_names[charset];
}

const char *text_charset_iconv_name(text_charset charset)
{
    return charsets[charset].iconv_name;
}

size_t text_charset_unit(text_charset charset)
{
    return charsets[charset].unit;
}

lyrnn_status text_ranks_init(text_ranks *ranks, const char *name)
{
    static const struct {
        size_t first, last;
    } han[] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}};
    static const uint16_t marks[] = {
        0x00B7, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2025, 0x2026, 0x2027, 0x3000,
        0x3001, 0x3002, 0x3005, 0x3007, 0x3008, 0x3009, 0x300A, 0x300B, 0x300C, 0x300D, 0x300E,
        0x300F, 0x3010, 0x3011, 0x3014, 0x3015, 0x3016, 0x3017, 0x301C, 0xFE50, 0xFE51, 0xFE52,
        0xFE54, 0xFE55, 0xFE56, 0xFE57, 0xFF01, 0xFF08, 0xFF09, 0xFF0C, 0xFF0D, 0xFF0E, 0xFF0F,
        0xFF1A, 0xFF1B, 0xFF1F, 0xFF3B, 0xFF3D, 0xFF5B, 0xFF5D, 0xFF5E};
    ranks->ranks = malloc(NUM_RANKED);
    if (ranks->ranks == NULL)
        return lyrnn_out_of_memory(name, NUM_RANKED, "give less text");
    memset(ranks->ranks, RANK_OTHER, NUM_RANKED);
    for (size_t i = 0; i < sizeof han / sizeof *han; i++)
        memset(ranks->ranks + han[i].first, RANK_RARE, han[i].last - han[i].first + 1);
    for (size_t i = 0; i < lyrnn_unihan_num_common; i++) {
        const lyrnn_unihan_entry *entry = &lyrnn_unihan_common[i];
        if (entry->c < NUM_RANKED)
            ranks->ranks[entry->c] = entry->value >= FREQUENT ? RANK_FREQUENT
                                     : entry->value > 0       ? RANK_COMMON
                                                              : RANK_KNOWN;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        ranks->ranks[marks[i]] = RANK_COMMON;
    return LYRNN_OK;
}

void text_ranks_free(text_ranks *ranks)
{
    free(ranks->ranks);
    *ranks = (text_ranks){0};
}

/* glibc loads a library for each encoding, and unloads it when its last converter is closed. For a
 * hundred thousand small files that takes most of the time, so one converter of each stays open,
 * here, where a search for leaks finds it. The last is that of hong_kong. */
enum { NUM_CHARSETS = sizeof charsets / sizeof *charsets };
static iconv_t kept[NUM_CHARSETS + 1];

static void keep_libraries(void)
{
    for (size_t i = CHARSET_GB18030; i < NUM_CHARSETS; i++)
        kept[i] = iconv_open("UTF-32LE", charsets[i].iconv_name);
    kept[NUM_CHARSETS] = iconv_open("UTF-32LE", hong_kong);
}

static bool open_converter(iconv_t *converter, bool *is_open, const char *encoding)
{
    *converter = iconv_open("UTF-32LE", encoding);
    /* POSIX defines the failure so. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    *is_open = *converter != (iconv_t)-1;
    return *is_open;
}

lyrnn_status text_reading_open(text_reading *reading, const char *name, text_charset charset,
                               const text_ranks *ranks)
{
    static once_flag is_kept = ONCE_FLAG_INIT;
    const char *encoding = charsets[charset].iconv_name;
    *reading = (text_reading){.charset = charset, .ranks = ranks, .is_strict = true};
    if (charset == CHARSET_UTF8)
        return LYRNN_OK;
    call_once(&is_kept, keep_libraries);
    if (open_converter(&reading->converter, &reading->is_open, encoding)) {
        if (charset == CHARSET_BIG5)
            open_converter(&reading->hong_kong, &reading->has_hong_kong, hong_kong);
        return LYRNN_OK;
    }
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (kept[charset] != (iconv_t)-1)
        return lyrnn_out_of_memory(name, 0, "give less text");
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "%s: is not UTF-8, and iconv of this system does not know %s; convert the "
                      "text to UTF-8 on another system",
                      name, encoding);
}

void text_reading_close(text_reading *reading)
{
    if (reading->is_open)
        iconv_close(reading->converter);
    if (reading->has_hong_kong)
        iconv_close(reading->hong_kong);
    *reading = (text_reading){0};
}

static void count_char(text_reading *reading, uint32_t c)
{
    reading->num_utf8 += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    bool is_wide = charsets[reading->charset].unit > 1;
    if (reading->ranks == NULL || (c < 0x80 && !is_wide))
        return;
    bool is_sign = (c >= ' ' && c < 0x7F) || c == '\n' || c == '\r' || c == '\t';
    bool is_han_above = c >= 0x20000 && c <= 0x323AF;
    rank rank = c < NUM_RANKED ? reading->ranks->ranks[c] : is_han_above ? RANK_RARE : RANK_OTHER;
    if (reading->charset == CHARSET_UTF8 || is_sign)
        rank = RANK_COMMON;
    reading->sum.points += points_of[rank];
    reading->sum.num++;
    reading->sum.num_frequent += rank == RANK_FREQUENT;
    reading->sum.num_kana += c >= 0x3041 && c <= 0x30FF;
}

/* Counts bytes that do not decode as if two of them were one character. */
static void count_undecoded(text_reading *reading, const char *bytes, size_t num_bytes)
{
    size_t num = 0;
    for (size_t i = 0; i < num_bytes; i++)
        num += (unsigned char)bytes[i] >= 0x80;
    num = num / 2 + 1;
    reading->sum.points += (double)num * points_of[RANK_OTHER];
    reading->sum.num += num;
    reading->is_strict = false;
}

/* The offset of the first NUL character, or num_bytes. */
static size_t find_nul(text_charset charset, const char *bytes, size_t num_bytes)
{
    static const char nul[4] = {0};
    size_t unit = charsets[charset].unit;
    if (unit == 1) {
        const char *found = memchr(bytes, '\0', num_bytes);
        return found != NULL ? (size_t)(found - bytes) : num_bytes;
    }
    for (size_t i = 0; i + unit <= num_bytes; i += unit)
        if (memcmp(bytes + i, nul, unit) == 0)
            return i;
    return num_bytes;
}

/* The length of the character at the beginning, in UTF-8, or 0 if there is none or it is NUL. */
static size_t utf8_length(const char *bytes, size_t num_bytes, uint32_t *c)
{
    utf8proc_int32_t point;
    utf8proc_ssize_t length =
        utf8proc_iterate((const utf8proc_uint8_t *)bytes, (utf8proc_ssize_t)num_bytes, &point);
    *c = (uint32_t)point;
    return length > 0 && point != 0 ? (size_t)length : 0;
}

size_t text_find_bad_utf8(const char *bytes, size_t num_bytes)
{
    size_t position = 0;
    while (position < num_bytes) {
        uint32_t c;
        size_t length = utf8_length(bytes + position, num_bytes - position, &c);
        if (length == 0)
            return position;
        position += length;
    }
    return num_bytes;
}

/* Reads UTF-8, in which the next character is found after each bad byte. */
static size_t add_utf8(text_reading *reading, const char *bytes, size_t num_bytes)
{
    size_t bad = num_bytes;
    for (size_t i = 0, length; i < num_bytes; i += length) {
        uint32_t c;
        length = utf8_length(bytes + i, num_bytes - i, &c);
        if (length > 0) {
            count_char(reading, c);
            continue;
        }
        length = 1;
        bad = i < bad ? i : bad;
        reading->is_strict = false;
        reading->sum.points += points_of[RANK_OTHER];
        reading->sum.num++;
    }
    return bad;
}

typedef void char_taker(void *context, uint32_t c);

/* Takes the characters of one call of iconv, from NULL to flush it. Returns its result. */
static size_t take_chars(iconv_t converter, char **from, size_t *left, char_taker *take,
                         void *context)
{
    uint32_t chars[1024];
    char *to = (char *)chars;
    size_t to_left = sizeof chars;
    size_t result = iconv(converter, from, left, &to, &to_left);
    int error = errno;
    for (size_t i = 0; i < (sizeof chars - to_left) / sizeof *chars; i++)
        take(context, chars[i]);
    errno = error;
    return result;
}

/* Reads one character of HKSCS, which may be a letter and its accent. Returns its length, or 0. */
static size_t take_hong_kong(const text_reading *reading, char *bytes, size_t num_bytes,
                             char_taker *take, void *context)
{
    size_t left = 2;
    if (!reading->has_hong_kong || num_bytes < left)
        return 0;
    iconv(reading->hong_kong, NULL, NULL, NULL, NULL);
    if (take_chars(reading->hong_kong, &bytes, &left, take, context) == (size_t)-1)
        return 0;
    take_chars(reading->hong_kong, NULL, NULL, take, context);
    return 2;
}

/* Decodes up to the first bad bytes, whose offset it returns, or num_bytes. */
static size_t decode(const text_reading *reading, const char *bytes, size_t num_bytes,
                     char_taker *take, void *context)
{
    size_t left = num_bytes;
    char *from = (char *)bytes;
    iconv(reading->converter, NULL, NULL, NULL, NULL);
    while (left > 0) {
        if (take_chars(reading->converter, &from, &left, take, context) != (size_t)-1 ||
            errno == E2BIG)
            continue;
        size_t length = take_hong_kong(reading, from, left, take, context);
        if (length == 0)
            break;
        from += length;
        left -= length;
    }
    return num_bytes - left;
}

static void take_count(void *context, uint32_t c)
{
    count_char(context, c);
}

size_t text_reading_add(text_reading *reading, const char *bytes, size_t num_bytes)
{
    if (reading->charset == CHARSET_UTF8)
        return add_utf8(reading, bytes, num_bytes);
    size_t end = find_nul(reading->charset, bytes, num_bytes);
    size_t good = decode(reading, bytes, end, take_count, reading);
    if (good < num_bytes)
        count_undecoded(reading, bytes + good, num_bytes - good);
    return good;
}

static void take_utf8(void *context, uint32_t c)
{
    char **utf8 = context;
    *utf8 += lyrnn_utf8_encode(c, *utf8);
}

void text_reading_to_utf8(const text_reading *reading, const char *bytes, size_t num_bytes,
                          char *utf8)
{
    char *end = utf8;
    size_t good = decode(reading, bytes, num_bytes, take_utf8, &end);
    LYRNN_CHECK(good == num_bytes && end == utf8 + reading->num_utf8);
}

double text_reading_score(const text_reading *reading)
{
    return reading->sum.num > 0 ? reading->sum.points / (double)reading->sum.num : 0;
}

/* The beginning of the first line that is not only ASCII. */
static size_t find_words(const char *bytes, size_t num_bytes)
{
    size_t begin = 0;
    for (size_t i = 0; i < num_bytes && (unsigned char)bytes[i] < 0x80; i++)
        if (bytes[i] == '\n' || bytes[i] == '\r')
            begin = i + 1;
    return begin;
}

void text_first_words(const char *encoding, const char *bytes, size_t num_bytes,
                      char words[TEXT_WORDS_SIZE])
{
    enum { NUM_CHARS = 64, NUM_WORDS = 8 };
    uint32_t chars[NUM_CHARS];
    size_t begin = strncmp(encoding, "UTF", 3) == 0 ? 0 : find_words(bytes, num_bytes);
    size_t left = num_bytes - begin, to_left = sizeof chars, num_written = 0;
    char *from = (char *)bytes + begin, *to = (char *)chars;
    *words = '\0';
    iconv_t converter;
    bool is_open;
    if (!open_converter(&converter, &is_open, encoding))
        return;
    iconv(converter, &from, &left, &to, &to_left);
    iconv_close(converter);
    size_t num = (sizeof chars - to_left) / sizeof *chars, i = 0;
    while (i < num && (chars[i] <= ' ' || chars[i] == 0xFEFF))
        i++;
    for (; i < num && num_written < NUM_WORDS && chars[i] != '\n' && chars[i] != '\r'; i++) {
        words += lyrnn_utf8_encode(chars[i], words);
        num_written++;
    }
    *words = '\0';
}
