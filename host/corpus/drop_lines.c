/* Moves the lines that stay to the front, one by one. */
#include "corpus/drop_lines.h"

#include <string.h>

#include "corpus/songs.h"

/* Lines of the current stanza, and whether it has ended. */
typedef struct {
    size_t num_kept, num_dropped;
    bool has_ended;
} stanza_state;

static bool is_dropped(stanza_state *stanza, line_rule *rule, const lyrnn_corpus *corpus,
                       size_t begin, size_t end, bool has_text)
{
    if (!has_text) {
        stanza->has_ended = true;
        return stanza->num_dropped > 0 && stanza->num_kept == 0;
    }
    if (stanza->has_ended)
        *stanza = (stanza_state){0};
    bool is_bad = rule->is_bad(rule->context, corpus, begin, end);
    stanza->num_dropped += is_bad;
    stanza->num_kept += !is_bad;
    rule->num_lines += is_bad;
    return is_bad;
}

/* Moves what stays of a song to position `to`. Returns its new end; `to` if it loses all lines. */
static size_t move_song(lyrnn_corpus *corpus, size_t to, size_t begin, size_t end, line_rule *rule)
{
    stanza_state stanza = {0};
    size_t first = to, num_kept = 0, num_dropped = rule->num_lines;
    while (begin < end) {
        size_t next = begin;
        bool has_text = songs_pass_line(corpus, end, &next);
        if (!is_dropped(&stanza, rule, corpus, begin, next, has_text)) {
            memmove(corpus->chars + to, corpus->chars + begin,
                    (next - begin) * sizeof *corpus->chars);
            to += next - begin;
            num_kept += has_text;
        }
        begin = next;
    }
    return num_kept == 0 && rule->num_lines > num_dropped ? first : to;
}

void corpus_drop_lines(lyrnn_corpus *corpus, line_rule *rule, bool *is_kept)
{
    size_t to = 0, num_songs = 0;
    for (size_t song = 0; song < corpus->num_songs; song++) {
        size_t begin = corpus->starts[song];
        size_t end = move_song(corpus, to, begin, songs_end(corpus, song), rule);
        if (is_kept != NULL)
            is_kept[song] = end > to;
        if (end == to) {
            rule->num_songs++;
            continue;
        }
        corpus->starts[num_songs++] = to;
        to = end;
    }
    corpus->num_songs = num_songs;
    corpus->N = to;
}
