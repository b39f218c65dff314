/* One table has the rules that are words, for both directions. */
#include "run/reading_record.h"

#include <stdint.h>
#include <string.h>

#include "base/words.h"
#include "files/json_build.h"
#include "files/json_values.h"

static const struct {
    const char *member, *words;
    size_t offset;
    const char *if_missing;
} choices[] = {
    {"encoding", LYRNN_ENCODING_WORDS, offsetof(lyrnn_corpus_rules, encoding), "utf-8"},
    {"songs", LYRNN_SONGS_WORDS, offsetof(lyrnn_corpus_rules, songs), "none"},
    {"script", LYRNN_SCRIPT_WORDS, offsetof(lyrnn_corpus_rules, script), "keep"},
    {"width", LYRNN_WIDTH_WORDS, offsetof(lyrnn_corpus_rules, width), "keep"},
    {"normalize", LYRNN_NORMALIZE_WORDS, offsetof(lyrnn_corpus_rules, normalize), "none"},
    {"repeats", LYRNN_REPEATS_WORDS, offsetof(lyrnn_corpus_rules, repeats), "keep"},
    {"newlines", LYRNN_NEWLINES_WORDS, offsetof(lyrnn_corpus_rules, newlines), "keep"},
};
enum { NUM_CHOICES = sizeof choices / sizeof choices[0] };

const char *const reading_members[] = {
    "encoding",        "songs",     "script",    "width",      "normalize",  "repeats", "newlines",
    "keep_duplicates", "min_count", "max_chars", "json_field", "plain_text", NULL};

void reading_to_record(json_t **record, const lyrnn_corpus_rules *rules)
{
    for (int i = 0; i < NUM_CHOICES; i++) {
        int index;
        size_t length;
        memcpy(&index, (const char *)rules + choices[i].offset, sizeof index);
        const char *word = lyrnn_word_at(choices[i].words, index, &length);
        json_put(record, choices[i].member, json_stringn(word, length));
    }
    json_put(record, "keep_duplicates", json_boolean(rules->keep_duplicates));
    json_put(record, "min_count", json_integer((json_int_t)rules->min_count));
    json_put(record, "max_chars", json_integer((json_int_t)rules->max_chars));
    if (rules->json_field != NULL)
        json_put(record, "json_field", json_string_or_null(rules->json_field));
    if (rules->is_plain_text)
        json_put(record, "plain_text", json_true());
}

void reading_put_song_unit(json_t **record, lyrnn_songs song_unit)
{
    size_t length;
    const char *word = lyrnn_word_at(LYRNN_SONGS_WORDS, (int)song_unit, &length);
    json_put(record, "song_unit", json_stringn(word, length));
}

lyrnn_songs reading_song_unit(const json_t *record)
{
    const char *word = json_string_value(json_object_get(record, "song_unit"));
    int index = lyrnn_word_find(LYRNN_SONGS_WORDS, word);
    return index >= 0 ? (lyrnn_songs)index : reading_of_record(record).songs;
}

static size_t size_of_record(const json_t *record, const char *member)
{
    json_int_t value = json_integer_value(json_object_get(record, member));
    return value > 0 ? (size_t)value : 0;
}

lyrnn_corpus_rules reading_of_record(const json_t *record)
{
    lyrnn_corpus_rules rules = {
        .keep_duplicates = json_is_true(json_object_get(record, "keep_duplicates")),
        .min_count = size_of_record(record, "min_count"),
        .max_chars = size_of_record(record, "max_chars"),
        .json_field = json_string_value(json_object_get(record, "json_field")),
        .max_bytes = SIZE_MAX,
        .is_plain_text = json_object_get(record, "songs") == NULL ||
                         json_is_true(json_object_get(record, "plain_text"))};
    for (int i = 0; i < NUM_CHOICES; i++) {
        const char *word = json_string_value(json_object_get(record, choices[i].member));
        int index = lyrnn_word_find(choices[i].words, word);
        if (index < 0)
            index = lyrnn_word_find(choices[i].words, choices[i].if_missing);
        memcpy((char *)&rules + choices[i].offset, &index, sizeof index);
    }
    return rules;
}
