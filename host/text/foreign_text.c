/* Names what a file is by its first bytes, or guesses its encoding: iconv decides which encodings
 * decode all of it, and the blocks of common characters decide between two. A guess is never
 * applied, only printed, because a wrong one would be learned. */
#include "text/foreign_text.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* UTF-32 comes first: its mark begins with that of UTF-16. */
static const struct {
    signature begin;
    const char *encoding;
} marks[] = {
    {{"\xFF\xFE\0\0", 4}, "UTF-32"},
    {{"\0\0\xFE\xFF", 4}, "UTF-32"},
    {{"\xFF\xFE", 2}, "UTF-16"},
    {{"\xFE\xFF", 2}, "UTF-16"},
};

static bool begins_with(const char *bytes, size_t num_bytes, const signature *begin)
{
    return num_bytes >= begin->num && memcmp(bytes, begin->bytes, begin->num) == 0;
}

/* Whether iconv decodes all bytes, and none of them to NUL. */
static bool decodes_as(const char *encoding, const char *bytes, size_t num_bytes)
{
    iconv_t converter = iconv_open("UTF-32LE", encoding);
    /* POSIX defines the failure so. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    if (converter == (iconv_t)-1)
        return false;
    uint32_t chars[1024];
    const char *from = bytes;
    size_t from_left = num_bytes, result = 0;
    bool has_nul = false;
    while (from_left > 0 && !has_nul) {
        char *to = (char *)chars;
        size_t to_left = sizeof chars, before = from_left;
        result = iconv(converter, (char **)&from, &from_left, &to, &to_left);
        for (size_t i = 0; i < (sizeof chars - to_left) / sizeof *chars; i++)
            has_nul = has_nul || chars[i] == 0;
        if (from_left == before)
            break;
    }
    iconv_close(converter);
    return from_left == 0 && result != (size_t)-1 && !has_nul;
}

/* Shares of the two-byte characters that are common ones in GB2312 (its first level is B0 to D7)
 * and in Big5 (its first level is A4 to C6), or punctuation. */
typedef struct {
    size_t num, common_in_gb, common_in_big5;
} pair_counts;

static pair_counts count_pairs(const char *text, size_t num_bytes)
{
    const unsigned char *bytes = (const unsigned char *)text;
    pair_counts counts = {0};
    for (size_t i = 0; i + 1 < num_bytes; i++) {
        unsigned char lead = bytes[i], trail = bytes[i + 1];
        if (lead < 0x80)
            continue;
        bool is_punctuation = lead >= 0xA1 && lead <= 0xA3;
        counts.num++;
        counts.common_in_gb += trail >= 0xA1 && (is_punctuation || (lead >= 0xB0 && lead <= 0xD7));
        counts.common_in_big5 += is_punctuation || (lead >= 0xA4 && lead <= 0xC6);
        i++;
    }
    return counts;
}

static const char *guess_chinese(const char *bytes, size_t num_bytes)
{
    static const char *const big5[] = {"BIG5", "BIG5-HKSCS", "CP950"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof big5 / sizeof big5[0] && found == NULL; i++)
        if (decodes_as(big5[i], bytes, num_bytes))
            found = big5[i];
    if (!decodes_as("GB18030", bytes, num_bytes))
        return found;
    pair_counts counts = count_pairs(bytes, num_bytes);
    return found != NULL && counts.common_in_big5 > counts.common_in_gb ? found : "GB18030";
}

/* UTF-16 without a mark: one of the two bytes of its newlines and spaces is NUL. */
static const char *guess_wide(const char *bytes, size_t num_bytes)
{
    size_t little = 0, big = 0;
    for (size_t i = 0; i + 1 < num_bytes; i += 2) {
        char low = bytes[i], high = bytes[i + 1];
        little += high == '\0' && (low == '\n' || low == ' ');
        big += low == '\0' && (high == '\n' || high == ' ');
    }
    const char *encoding = little > big ? "UTF-16LE" : "UTF-16BE";
    return little != big && decodes_as(encoding, bytes, num_bytes) ? encoding : NULL;
}

static const char *guess_encoding(const char *bytes, size_t num_bytes)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (begins_with(bytes, num_bytes, &marks[i].begin) &&
            decodes_as(marks[i].encoding, bytes, num_bytes))
            return marks[i].encoding;
    if (memchr(bytes, '\0', num_bytes) != NULL)
        return guess_wide(bytes, num_bytes);
    const char *chinese = guess_chinese(bytes, num_bytes);
    if (chinese != NULL)
        return chinese;
    return decodes_as("WINDOWS-1252", bytes, num_bytes) ? "WINDOWS-1252" : NULL;
}

/* Whether the bytes before the bad one have several characters of UTF-8 that other encodings hardly
 * ever have: the file is UTF-8 and damaged. */
static bool is_damaged_utf8(const char *bytes, size_t bad)
{
    size_t num = 0;
    for (size_t i = 0; i < bad; i++)
        num += ((unsigned char)bytes[i] & 0xF0) == 0xE0;
    return num >= 2;
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

static lyrnn_status refuse_encoding(const char *name, const char *path, size_t bad,
                                    const char *encoding)
{
    char *command = NULL;
    size_t size;
    FILE *stream = open_memstream(&command, &size);
    if (stream != NULL) {
        if (path != NULL)
            print_command(stream, encoding, path);
        else
            fprintf(stream, "iconv -f %s -t UTF-8", encoding);
        fclose(stream);
    }
    lyrnn_status status =
        lyrnn_fail(LYRNN_ERR_CORPUS, "%s: byte %zu is not UTF-8, but %s %s; convert it%s: %s", name,
                   bad, strncmp(encoding, "UTF", 3) == 0 ? "the text is" : "the text may be",
                   encoding, path != NULL ? "" : " first, for example by a pipe through",
                   command != NULL ? command : "iconv");
    free(command);
    return status;
}

lyrnn_status text_refuse_file(const char *name, const char *path, const char *bytes,
                              size_t num_bytes, size_t bad)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (begins_with(bytes, num_bytes, &kinds[i].begin))
            return lyrnn_fail(LYRNN_ERR_CORPUS, "%s: is %s, not a text; name a text file", name,
                              kinds[i].kind);
    bool is_nul = bytes[bad] == '\0';
    if (is_nul || !is_damaged_utf8(bytes, bad)) {
        const char *encoding = guess_encoding(bytes, num_bytes);
        if (encoding != NULL)
            return refuse_encoding(name, path, bad, encoding);
    }
    if (is_nul)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is NUL, so this is not a text file; name a UTF-8 text file",
                          name, bad);
    if (is_damaged_utf8(bytes, bad))
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: byte %zu is not UTF-8, while the text before it is; correct the "
                          "text there",
                          name, bad);
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: byte %zu is not UTF-8; convert the text, for example with iconv "
                      "-f ENCODING -t UTF-8 (iconv -l lists encodings)",
                      name, bad);
}
