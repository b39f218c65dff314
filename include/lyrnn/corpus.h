/* A text as the trainer sees it: one array of Unicode code points.
 *
 * Files must be strict UTF-8 without NUL. A byte order mark at the start of a file is dropped. CR
 * LF, and a CR on its own, count as one newline. A file that does not end in a newline gets one
 * before the next file begins. Texts are normalized, unless the rules say otherwise. */
#ifndef LYRNN_CORPUS_H
#define LYRNN_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_NEWLINES_KEEP, /* a newline is a character like any other */
    LYRNN_NEWLINES_SPACE /* each newline becomes one space, as in the tutorial */
} lyrnn_newlines;

typedef enum {
    /* Form C (Unicode Standard Annex #15): composed and decomposed characters are the same. Byte
     * order marks (U+FEFF) inside the text are dropped, and among several files those without any
     * visible character. */
    LYRNN_NORMALIZE_NFC,
    LYRNN_NORMALIZE_NONE /* characters as they are */
} lyrnn_normalize;

/* How texts are read. A zeroed struct is fine. */
typedef struct {
    lyrnn_newlines newlines;
    lyrnn_normalize normalize;
    size_t max_chars; /* keep only the first so many characters of the whole; 0: all */
    /* The command line names the files: they may be pipes, and "-" is standard input. Otherwise
     * only regular files are read. */
    bool is_named_by_user;
    /* Gets a line if the text is awaited from a terminal, if files are skipped, and if characters
     * are dropped; NULL: none. */
    FILE *log;
} lyrnn_corpus_rules;

/* The maximum number of bytes of one text, and of characters of a corpus: ids and positions are
 * int32_t. */
#define LYRNN_MAX_TEXT INT32_MAX

typedef struct {
    uint32_t *chars;    /* (N) code points, owned */
    size_t N;           /* up to LYRNN_MAX_TEXT */
    size_t num_dropped; /* byte order marks inside the text that were dropped */
} lyrnn_corpus;

/* Decodes num_bytes of UTF-8 by the rules and appends them to corpus; a zeroed corpus is
 * empty. name describes the text in errors, for example "lyrics.txt" or "--prefix". On failure
 * corpus keeps what it had. LYRNN_ERR_CORPUS names the offset of the bad byte. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, const lyrnn_corpus_rules *rules);

/* Reads num_paths files (at least 1) in order, and skips empty ones if there are others. If files
 * cannot be read, the error names all of them. LYRNN_ERR_USAGE: standard input is named twice.
 * LYRNN_ERR_IO: a file cannot be read, is too large, or is of a kind that the rules do not allow.
 * LYRNN_ERR_CORPUS: a file is not text, all are empty, or the corpus has fewer than two distinct
 * characters. LYRNN_ERR_MEMORY. On failure corpus is empty. The caller frees corpus; this holds for
 * the functions below as well. */
lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               const lyrnn_corpus_rules *rules);

/* Reads one file by the same rules. One character is enough: the text is not for training. */
lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path,
                                    const lyrnn_corpus_rules *rules);

/* Loads the lyrics that the program embeds, by the rules of lyrnn_corpus_load. */
lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

/* Writes the hash of the text in hexadecimal: XXH3 with 128 bits over the N code points as
 * little-endian 32-bit numbers. For the text as lyrnn has it, this command prints the same:
 *     iconv -t UTF-32LE | xxhsum -H2
 * The hash tells texts apart; it does not protect against forgery. */
enum { LYRNN_CORPUS_HASH_SIZE = 33 };
void lyrnn_corpus_hash(const lyrnn_corpus *corpus, char text[LYRNN_CORPUS_HASH_SIZE]);

/* Accepts a zeroed corpus. */
void lyrnn_corpus_free(lyrnn_corpus *corpus);

#ifdef __cplusplus
}
#endif
#endif
