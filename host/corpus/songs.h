/* Where songs begin in a corpus. */
#ifndef LYRNN_SONGS_H
#define LYRNN_SONGS_H

#include <stdbool.h>

#include "lyrnn/corpus.h"

/* Makes the next character of the corpus the first of a song. The text before it ends in a newline
 * afterwards. Each song that is begun must get text, or songs_cut must take it back.
 * LYRNN_ERR_MEMORY. */
lyrnn_status songs_begin(lyrnn_corpus *corpus, const char *name);

/* Splits the last song: each paragraph is one. Lines without visible text end a paragraph and
 * belong to it; those before the first one belong to the first. LYRNN_ERR_MEMORY. */
lyrnn_status songs_split_last(lyrnn_corpus *corpus, const char *name);

/* The end of a song: the start of the next one, or N. */
size_t songs_end(const lyrnn_corpus *corpus, size_t song);

/* Moves *position past one line, which ends at a newline or at `end`, and returns whether it has
 * visible text. */
bool songs_pass_line(const lyrnn_corpus *corpus, size_t end, size_t *position);

/* Keeps only the songs whose flag in is_kept (num_songs) is set. */
void songs_keep(lyrnn_corpus *corpus, const bool *is_kept);

/* Drops the characters from N on, and the songs that begin there. */
void songs_cut(lyrnn_corpus *corpus, size_t N);

#endif
