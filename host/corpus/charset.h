/* Bytes read as one encoding: whether all of them decode, and how much the result looks like a
 * Chinese text. */
#ifndef LYRNN_CHARSET_H
#define LYRNN_CHARSET_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"

/* UTF-32 is only read if a byte order mark says so. */
typedef enum {
    CHARSET_UTF8,
    CHARSET_GB18030,
    CHARSET_BIG5, /* as Windows writes it, and with the characters of Hong Kong (HKSCS) */
    CHARSET_UTF16LE,
    CHARSET_UTF16BE,
    CHARSET_UTF32LE,
    CHARSET_UTF32BE
} text_charset;

/* "GB18030". */
const char *text_charset_name(text_charset charset);

/* The name for iconv; NULL for UTF-8. */
const char *text_charset_iconv_name(text_charset charset);

/* The number of bytes of the smallest character: 1, 2 or 4. */
size_t text_charset_unit(text_charset charset);

/* How common each character of the first plane is; see charset.c. */
typedef struct {
    unsigned char *ranks; /* (0x10000) owned */
} text_ranks;

lyrnn_status text_ranks_init(text_ranks *ranks, const char *name);
void text_ranks_free(text_ranks *ranks);

typedef struct {
    double points;
    size_t num;          /* characters with points */
    size_t num_frequent; /* those among the few hundred most frequent characters */
    size_t num_kana;     /* Japanese letters */
} text_points;

/* A zeroed reading is closed. Each character has points, from -4 for one that is not of a Chinese
 * text to 3 for a common one. ASCII has none, except in UTF-16, where it is evidence too. In UTF-8,
 * each character of several bytes has 3, because bytes of another encoding seldom form one. */
typedef struct {
    text_charset charset;
    const text_ranks *ranks;      /* borrowed; NULL: nothing is counted but num_utf8 */
    iconv_t converter, hong_kong; /* the second one for what Big5 lacks */
    bool is_open, has_hong_kong;
    bool is_strict; /* all bytes have decoded so far */
    text_points sum;
    size_t num_utf8; /* bytes of the text in UTF-8 */
} text_reading;

/* LYRNN_ERR_UNSUPPORTED: iconv does not know the encoding. `name` names the text in errors. */
lyrnn_status text_reading_open(text_reading *reading, const char *name, text_charset charset,
                               const text_ranks *ranks);
void text_reading_close(text_reading *reading);

/* Reads on, from where a character begins to where one ends. Returns num_bytes, or the offset of
 * the first bytes that do not decode or that are NUL. They count as characters that are not of a
 * text, and so do all bytes after them, except in UTF-8. */
size_t text_reading_add(text_reading *reading, const char *bytes, size_t num_bytes);

/* Writes the text of a strict reading as UTF-8, which takes num_utf8 bytes. */
void text_reading_to_utf8(const text_reading *reading, const char *bytes, size_t num_bytes,
                          char *utf8);

/* The offset of the first byte that is not of UTF-8, or that is NUL; or num_bytes. */
size_t text_find_bad_utf8(const char *bytes, size_t num_bytes);

/* Points per character. */
double text_reading_score(const text_reading *reading);

/* Writes the first words with a character that is not ASCII. `encoding` is a name for iconv. */
enum { TEXT_WORDS_SIZE = 64 };
void text_first_words(const char *encoding, const char *bytes, size_t num_bytes,
                      char words[TEXT_WORDS_SIZE]);

#endif
