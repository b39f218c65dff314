/* From the bytes of a text to UTF-8. */
#ifndef LYRNN_ENCODING_H
#define LYRNN_ENCODING_H

#include <stdbool.h>
#include <stdio.h>

#include "base/open_file.h"
#include "corpus/charset.h"
#include "lyrnn/corpus.h"

/* What a text was read as. */
typedef struct {
    text_charset charset;
    /* If the encoding was guessed: the points per character, from -4 to 3, and the best other
     * encoding, or NULL if the bytes fit no other. */
    bool is_guess;
    double score;
    const char *next_name;
    double next_score;
} text_encoding;

/* Makes UTF-8 of a text in the encoding that was asked for, or that a byte order mark or the bytes
 * show. utf8->data is NULL if the bytes are UTF-8 already; otherwise the caller frees it. On
 * success the text is UTF-8 without NUL, and a byte order mark stays. Time and memory are linear.
 * LYRNN_ERR_CORPUS: the bytes are not in that encoding, or several encodings may be meant; the
 * error says what is known. LYRNN_ERR_UNSUPPORTED: iconv of this system lacks the encoding.
 * LYRNN_ERR_MEMORY. `name` names the text in errors; if it is the path of a file, the error may
 * have a command that converts the file. */
lyrnn_status text_to_utf8(const char *name, const lyrnn_bytes *bytes, lyrnn_encoding asked,
                          lyrnn_bytes *utf8, text_encoding *found);

/* Writes how certain a guess is, "score 2.7, next: Big5 -1.9"; "" if nothing was guessed. */
enum { TEXT_ENCODING_LABEL_SIZE = 80 };
void text_encoding_label(const text_encoding *found, char label[TEXT_ENCODING_LABEL_SIZE]);

/* The name of a file in an archive, which may be in GBK, as UTF-8: for messages and for sorting. It
 * fails only for lack of memory: what cannot be read becomes '?'. The caller frees *utf8. */
lyrnn_status text_name_to_utf8(const char *name, char **utf8);

#endif
