/* Names what a file is by its first bytes, or an encoding of another language: one in which iconv
 * decodes it to the letters of that language. Such a guess is only printed, never applied. */
#include "corpus/foreign_text.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/charset.h"

typedef struct {
    const char *bytes;
    size_t num;
} signature;

#define SIGNATURE(text)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    signature begin;
    const char *kind;
} kinds[] = {
    {SIGNATURE("\x7F"
               "ELF"),
     "a program"},
    {SIGNATURE("MZ\x90"), "a program"},
    {SIGNATURE("PK\x03\x04"), "a zip archive or an office document"},
    {SIGNATURE("\xD0\xCF\x11\xE0"), "an office document"},
    {SIGNATURE("%PDF-"), "a PDF document"},
    {SIGNATURE("\x89PNG"), "a picture"},
    {SIGNATURE("\xFF\xD8\xFF"), "a picture"},
    {SIGNATURE("GIF8"), "a picture"},
    {SIGNATURE("RIFF"), "a recording or a picture"},
    {SIGNATURE("ID3"), "a recording"},
    {SIGNATURE("OggS"), "a recording"},
    {SIGNATURE("fLaC"), "a recording"},
    {SIGNATURE("\x1F\x8B"), "compressed by gzip"},
    {SIGNATURE("BZh"), "compressed by bzip2"},
    {SIGNATURE("\xFD"
               "7zXZ"),
     "compressed by xz"},
    {SIGNATURE("\x28\xB5\x2F\xFD"), "compressed by zstd"},
    {SIGNATURE("7z\xBC\xAF\x27\x1C"), "a 7z archive"},
    {SIGNATURE("Rar!"), "a rar archive"},
    {SIGNATURE("SQLite format 3"), "a database"},
};

static bool begins_with(const char *bytes, size_t num_bytes, const signature *begin)
{
    return num_bytes >= begin->num && memcmp(bytes, begin->bytes, begin->num) == 0;
}

/* How the bytes that are not ASCII stand: in any way, in pairs, or each between two of ASCII. */
typedef enum { STAND_ANYHOW, STAND_IN_PAIRS, STAND_ALONE } stand;

/* An encoding that lyrnn names and does not read, and the letters of its languages. */
typedef struct {
    const char *name;
    uint32_t first, last;
    /* At least so much of what is not ASCII are those letters; the rest may be Han. */
    double min_share;
    stand stand;
    bool fits_chinese; /* short Chinese texts may decode to such letters too */
} foreign_encoding;

static const foreign_encoding foreign_encodings[] = {
    {"CP932", 0x3041, 0x30FF, 0.3, STAND_ANYHOW, false},       /* kana, as in Shift-JIS */
    {"EUC-JP", 0x3041, 0x30FF, 0.3, STAND_IN_PAIRS, true},     /* kana */
    {"WINDOWS-1252", 0x00C0, 0x024F, 0.9, STAND_ALONE, false}, /* Latin */
    {"WINDOWS-1250", 0x00C0, 0x024F, 0.9, STAND_ALONE, false}, /* Latin */
    {"CP949", 0xAC00, 0xD7A3, 0.9, STAND_IN_PAIRS, true},      /* Hangul, as in EUC-KR */
    {"WINDOWS-1251", 0x0430, 0x0451, 0.8, STAND_ANYHOW, true}, /* lower-case Cyrillic */
    {"KOI8-R", 0x0430, 0x0451, 0.8, STAND_ANYHOW, true},
    {"WINDOWS-1253", 0x03AC, 0x03CE, 0.8, STAND_ANYHOW, true}, /* lower-case Greek */
};

static bool stand_so(stand stand, const char *bytes, size_t num_bytes)
{
    size_t num = 0, num_alone = 0, num_runs = 0, num_odd = 0;
    for (size_t i = 0, end; i < num_bytes; i = end + 1) {
        for (end = i; end < num_bytes && (unsigned char)bytes[end] >= 0x80;)
            end++;
        num += end - i;
        num_runs += end > i;
        num_alone += end - i == 1;
        num_odd += (end - i) % 2;
    }
    return stand == STAND_ANYHOW ||
           (stand == STAND_IN_PAIRS ? 10 * num_odd <= num_runs : 2 * num_alone >= num);
}

typedef struct {
    size_t num_letters, num_han, num_other;
} letter_counts;

/* Whether many languages have this character, so that it says nothing: ASCII, and punctuation. */
static bool is_of_any_language(uint32_t c)
{
    return (c > 0 && c < 0x80) || (c >= 0x2010 && c <= 0x203A) || c == 0xA0 || c == 0xA1 ||
           c == 0xAB || c == 0xB0 || c == 0xBB || c == 0xBF;
}

static bool is_han_or_wide(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3000 && c <= 0x303F) ||
           (c >= 0xFF00 && c <= 0xFF5E);
}

static void count_letters(const foreign_encoding *foreign, const uint32_t *chars, size_t N,
                          letter_counts *counts)
{
    for (size_t i = 0; i < N; i++) {
        if (is_of_any_language(chars[i]))
            continue;
        bool is_letter = chars[i] >= foreign->first && chars[i] <= foreign->last;
        bool is_han = !is_letter && is_han_or_wide(chars[i]);
        counts->num_letters += is_letter;
        counts->num_han += is_han;
        counts->num_other += !is_letter && !is_han;
    }
}

/* Whether iconv decodes all bytes, and what is not ASCII are letters of the language. */
static bool decodes_as(const foreign_encoding *foreign, const char *bytes, size_t num_bytes)
{
    if (!stand_so(foreign->stand, bytes, num_bytes))
        return false;
    iconv_t converter = iconv_open("UTF-32LE", foreign->name);
    /* POSIX defines the failure so. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (converter == (iconv_t)-1)
        return false;
    uint32_t chars[1024];
    letter_counts counts = {0};
    char *from = (char *)bytes;
    size_t left = num_bytes, before = num_bytes + 1;
    while (left > 0 && left < before) {
        char *to = (char *)chars;
        size_t to_left = sizeof chars;
        before = left;
        iconv(converter, &from, &left, &to, &to_left);
        count_letters(foreign, chars, (sizeof chars - to_left) / sizeof *chars, &counts);
    }
    iconv_close(converter);
    double num = (double)(counts.num_letters + counts.num_han + counts.num_other);
    return left == 0 && (double)counts.num_letters >= foreign->min_share * num &&
           (double)counts.num_other <= 0.05 * num;
}

const char *text_guess_foreign(const char *bytes, size_t num_bytes, bool is_chinese)
{
    size_t num = sizeof foreign_encodings / sizeof *foreign_encodings;
    for (size_t i = 0; i < num; i++)
        if (!(is_chinese && foreign_encodings[i].fits_chinese) &&
            decodes_as(&foreign_encodings[i], bytes, num_bytes))
            return foreign_encodings[i].name;
    return NULL;
}

/* Writes a word that the shell reads as `text`. */
static void quote(FILE *stream, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./+,:@%-";
    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        fputs(text, stream);
        return;
    }
    fputc('\'', stream);
    for (; *text != '\0'; text++)
        *text == '\'' ? fputs("'\\''", stream) : fputc(*text, stream);
    fputc('\'', stream);
}

/* Writes "iconv -f BIG5 -t UTF-8 songs.txt > songs.utf8.txt". */
static void print_command(FILE *stream, const char *encoding, const char *path)
{
    const char *folder = path[0] == '-' ? "./" : "";
    size_t size = strlen(path) + 16;
    char *from = malloc(size), *to = malloc(size);
    if (from != NULL && to != NULL) {
        const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
        size_t stem = dot != NULL && dot > path && (slash == NULL || dot > slash + 1)
                          ? (size_t)(dot - path)
                          : strlen(path);
        snprintf(from, size, "%s%s", folder, path);
        snprintf(to, size, "%s%.*s.utf8%s", folder, (int)stem, path, path + stem);
        fprintf(stream, "iconv -f %s -t UTF-8 ", encoding);
        quote(stream, from);
        fputs(" > ", stream);
        quote(stream, to);
    }
    free(from);
    free(to);
}

/* The command that converts a file, or a stream if `name` is not the path of a file. The caller
 * frees it; NULL: out of memory. */
static char *make_command(const char *name, const char *encoding)
{
    struct stat info;
    char *command = NULL;
    size_t size;
    FILE *stream = open_memstream(&command, &size);
    if (stream == NULL)
        return NULL;
    if (stat(name, &info) == 0 && S_ISREG(info.st_mode))
        print_command(stream, encoding, name);
    else
        fprintf(stream, "iconv -f %s -t UTF-8", encoding);
    fclose(stream);
    return command;
}

lyrnn_status text_refuse_kind(const char *name, const char *bytes, size_t num_bytes)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (begins_with(bytes, num_bytes, &kinds[i].begin))
            return lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is %s, not a text; name a text file", name,
                              kinds[i].kind);
    return LYRNN_OK;
}

lyrnn_status text_refuse_foreign(const char *name, const char *bytes, size_t num_bytes,
                                 const char *encoding, const char *other, const char *option)
{
    char words[TEXT_WORDS_SIZE];
    text_first_words(encoding, bytes, num_bytes, words);
    char *command = make_command(name, encoding);
    const char *remedy = command != NULL ? command : "iconv";
    lyrnn_status status =
        other == NULL
            ? lyrnn_fail(
                  LYRNN_ERR_CORPUS,
                  "%s: byte %zu is not UTF-8, but the text may be %s (%s...); convert it: %s", name,
                  text_find_bad_utf8(bytes, num_bytes), encoding, words, remedy)
            : lyrnn_fail(
                  LYRNN_ERR_CORPUS,
                  "%s: may be %s or %s (%s...); say the first with --encoding %s, or convert "
                  "the second: %s",
                  name, other, encoding, words, option, remedy);
    free(command);
    return status;
}
