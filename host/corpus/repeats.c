/* Moves the stanzas that stay to the front, one by one, and keeps them in a set. */
#include "corpus/repeats.h"

#include <stdbool.h>
#include <string.h>

#include "corpus/songs.h"
#include "corpus/text_set.h"

/* A stanza and the blank lines after it. The first one of a song may have blank lines only. */
typedef struct {
    size_t begin, text_end, end;
    size_t num_lines; /* that are not blank */
} stanza;

static stanza next_stanza(const lyrnn_corpus *corpus, size_t begin, size_t end)
{
    stanza next = {.begin = begin, .text_end = begin, .end = begin};
    while (next.end < end) {
        size_t position = next.end;
        bool has_text = songs_pass_line(corpus, end, &position);
        if (has_text && next.text_end < next.end)
            break;
        next.end = position;
        next.text_end = has_text ? position : next.text_end;
        next.num_lines += has_text;
    }
    return next;
}

static size_t count_stanzas(const lyrnn_corpus *corpus, size_t begin, size_t end)
{
    size_t num = 0;
    for (; begin < end; num++)
        begin = next_stanza(corpus, begin, end).end;
    return num;
}

/* The length of a stanza without its last newline, which the end of a text may lack. */
static size_t length_of(const lyrnn_corpus *corpus, const stanza *s)
{
    size_t num = s->text_end - s->begin;
    return num > 0 && corpus->chars[s->text_end - 1] == '\n' ? num - 1 : num;
}

/* Moves what stays of the song from `begin` to `end` to position `to`. Returns its new end. seen is
 * empty. */
static size_t move_song(lyrnn_corpus *corpus, size_t to, size_t begin, size_t end, text_set *seen,
                        repeat_counts *counts)
{
    size_t text_end = to;
    while (begin < end) {
        stanza s = next_stanza(corpus, begin, end);
        size_t num = length_of(corpus, &s), num_blank = s.end - s.text_end;
        /* It moves first, so that the set has its final position. */
        memmove(corpus->chars + to, corpus->chars + begin, (s.end - begin) * sizeof *corpus->chars);
        if (s.num_lines < 2 || text_set_add(seen, to, num, to) == to) {
            text_end = to + (s.text_end - begin);
            to += s.end - begin;
        } else {
            counts->num_stanzas++;
            counts->num_chars += num;
            /* A song ends in as many blank lines as before. */
            if (s.end == end && to > text_end + num_blank)
                to = text_end + num_blank;
        }
        begin = s.end;
    }
    return to;
}

lyrnn_status corpus_drop_repeats(lyrnn_corpus *corpus, repeat_counts *counts)
{
    size_t to = 0;
    *counts = (repeat_counts){0};
    for (size_t song = 0; song < corpus->num_songs; song++) {
        size_t begin = corpus->starts[song], end = songs_end(corpus, song);
        text_set seen;
        LYRNN_TRY(text_set_init(&seen, corpus->chars, count_stanzas(corpus, begin, end)));
        corpus->starts[song] = to;
        to = move_song(corpus, to, begin, end, &seen, counts);
        text_set_free(&seen);
    }
    corpus->N = to;
    return LYRNN_OK;
}
