/* How a text was read, as config.json and the records of learned texts say it. The members have the
 * names of the options. */
#ifndef LYRNN_READING_RECORD_H
#define LYRNN_READING_RECORD_H

#include <jansson.h>

#include "lyrnn/corpus.h"

/* The members of a record, ended by NULL. */
extern const char *const reading_members[];

/* Puts how a text is read into an object, with every member that changes the text. *record becomes
 * NULL if memory runs out. */
void reading_to_record(json_t **record, const lyrnn_corpus_rules *rules);

/* Puts what the songs of a text turned out to be (lyrnn_corpus_song_unit). */
void reading_put_song_unit(json_t **record, lyrnn_songs song_unit);

/* That of a record; if it lacks it, its rule "songs". */
lyrnn_songs reading_song_unit(const json_t *record);

/* The rules that a record has, which borrow its texts. A member that is missing means what lyrnn
 * did before there was that option. max_bytes is SIZE_MAX: a text that was read once may be read
 * again, however large its archive is, and its hash shows whether it is the same text. */
lyrnn_corpus_rules reading_of_record(const json_t *record);

#endif
