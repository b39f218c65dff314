/* Text as the trainer sees it: one array of Unicode code points.
 *
 * Files must be strict UTF-8 without NUL. A byte order mark at a file's start is dropped; CRLF and a lone
 * CR count as one newline. A file that does not end in a newline gets one before the next file begins. */
#ifndef LYRNN_CORPUS_H
#define LYRNN_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_NEWLINES_KEEP, /* a newline is a character like any other */
    LYRNN_NEWLINES_SPACE /* each newline becomes one space, as in the article */
} lyrnn_newlines;

typedef struct {
    uint32_t *chars; /* (N) code points, owned */
    size_t N;
} lyrnn_corpus;

/* Decodes UTF-8 bytes of a text that name describes in errors ("lyrics.txt", "--prefix"), by the rules
 * above, appending to corpus (a zeroed one is empty). LYRNN_ERR_CORPUS names the byte offset. */
lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, lyrnn_newlines newlines);

/* Reads num_paths files in order and keeps the first max_chars characters of them all (0: all).
 * LYRNN_ERR_IO: cannot be read, or is a directory. LYRNN_ERR_CORPUS: not text, empty, or with fewer
 * than two distinct characters. On failure corpus is left empty. */
lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               lyrnn_newlines newlines, size_t max_chars);

/* Reads one file, or standard input where path is "-", that need not be fit to learn from: one character is
 * enough. LYRNN_ERR_IO, LYRNN_ERR_CORPUS: not text, or empty. On failure corpus is left empty. */
lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path,
                                    lyrnn_newlines newlines);

/* The lyrics that come with the program, under the same rules. */
lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, lyrnn_newlines newlines,
                                      size_t max_chars);

/* A zeroed corpus is fine. */
void lyrnn_corpus_free(lyrnn_corpus *corpus);

#ifdef __cplusplus
}
#endif
#endif
