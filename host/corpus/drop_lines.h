/* Drops lines from the songs of a corpus. */
#ifndef LYRNN_DROP_LINES_H
#define LYRNN_DROP_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/corpus.h"

/* Which lines to drop, and what was dropped. */
typedef struct {
    /* Whether to drop the line chars[begin] to chars[end - 1], with its newline. Lines without
     * visible text are not asked for. */
    bool (*is_bad)(void *context, const lyrnn_corpus *corpus, size_t begin, size_t end);
    void *context;
    size_t num_lines, num_songs;
} line_rule;

/* Drops the bad lines of all songs. A stanza that loses all of its lines loses the blank lines
 * after it; a song that loses all of its lines is dropped. is_kept (num_songs before) gets whether
 * a song stays; NULL: not wanted. */
void corpus_drop_lines(lyrnn_corpus *corpus, line_rule *rule, bool *is_kept);

#endif
