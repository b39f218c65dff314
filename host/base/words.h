/* A list of words in one text, "keep|space", which names the values of an enumeration. */
#ifndef LYRNN_WORDS_H
#define LYRNN_WORDS_H

#include <stddef.h>
#include <string.h>

#include "lyrnn/status.h"

/* The index of a word, or -1; word may be NULL. */
static inline int lyrnn_word_find(const char *words, const char *word)
{
    for (int index = 0; word != NULL && *words != '\0'; index++) {
        size_t length = strcspn(words, "|");
        if (strlen(word) == length && strncmp(word, words, length) == 0)
            return index;
        words += length + (words[length] == '|');
    }
    return -1;
}

/* The word of an index, which the list must have. It is not terminated, and *length is its
 * length. */
static inline const char *lyrnn_word_at(const char *words, int index, size_t *length)
{
    for (; index > 0; index--)
        words = strchr(words, '|') + 1;
    *length = strcspn(words, "|");
    return words;
}

/* Copies the word of an index, which the list must have, into copy (size), which must hold it. */
static inline void lyrnn_word_copy(const char *words, int index, char *copy, size_t size)
{
    size_t length;
    const char *word = lyrnn_word_at(words, index, &length);
    LYRNN_CHECK(length < size);
    memcpy(copy, word, length);
    copy[length] = '\0';
}

#endif
