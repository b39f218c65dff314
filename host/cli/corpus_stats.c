/* One list of numbers, each with its name in the table and in JSON. */
#include "cli/corpus_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "lyrnn/vocab.h"

/* A part of lyrnn_corpus_counts. In JSON it is a member of the object `group`. */
typedef struct {
    const char *group, *member, *label;
    size_t offset;
} stat;

#define COUNT(name) offsetof(lyrnn_corpus_counts, name)
static const stat stats[] = {
    {"files", "text", "text files", COUNT(num_text_files)},
    {"files", "lrc", "LRC files", COUNT(num_lrc_files)},
    {"files", "json", "JSON files", COUNT(num_json_files)},
    {"dropped", "byte_order_marks", "byte order marks", COUNT(num_marks)},
    {"dropped", "control_characters", "control characters", COUNT(num_controls)},
    {"dropped", "invisible_characters", "invisible characters", COUNT(num_invisible)},
    {"dropped", "lrc_tags", "tags of LRC", COUNT(num_lrc_tags)},
    {"dropped", "lrc_credit_lines", "credit lines of LRC", COUNT(num_lrc_credits)},
    {"dropped", "lrc_translated_lines", "translated lines of LRC", COUNT(num_lrc_translations)},
    {"dropped", "lrc_singers", "names of singers in LRC", COUNT(num_lrc_names)},
    {"dropped", "json_empty_songs", "songs of JSON without text", COUNT(num_json_empty)},
    {"dropped", "json_other_objects", "other objects of JSON", COUNT(num_json_without_text)},
    {"dropped", "repeated_stanzas", "repeated stanzas", COUNT(num_repeated_stanzas)},
    {"dropped", "repeated_characters", "characters of repeated stanzas", COUNT(num_repeated_chars)},
    {"dropped", "copied_songs", "copies of songs", COUNT(num_copied_songs)},
    {"dropped", "copied_characters", "characters of copies", COUNT(num_copied_chars)},
    {"dropped", "rare_lines", "lines with rare characters", COUNT(num_rare_lines)},
    {"dropped", "rare_songs", "songs with such lines only", COUNT(num_rare_songs)},
    {"changed", "full_width_characters", "full-width characters", COUNT(num_full_width)},
    {"changed", "characters_of_other_script", "characters of the other script",
     COUNT(num_other_script)},
    {"changed", "line_separators", "line separators", COUNT(num_separators)},
    {"changed", "blanks", "blanks", COUNT(num_spaces)},
};
enum { NUM_STATS = sizeof stats / sizeof stats[0] };

static size_t value_of(const stat *stat, const lyrnn_corpus *corpus)
{
    return *(const size_t *)((const char *)&corpus->counts + stat->offset);
}

static lyrnn_status count_distinct(const lyrnn_corpus *corpus, size_t *num)
{
    lyrnn_vocab vocab;
    LYRNN_TRY(lyrnn_vocab_from_corpus(&vocab, corpus));
    *num = (size_t)vocab.V;
    lyrnn_vocab_free(&vocab);
    return LYRNN_OK;
}

/* The share of the text that was in copies of songs. */
static double duplicate_share(const lyrnn_corpus_counts *counts)
{
    return counts->num_compared_chars > 0
               ? (double)counts->num_copied_chars / (double)counts->num_compared_chars
               : 0.0;
}

static void print_row(const char *label, size_t value)
{
    printf("%-32s %12zu\n", label, value);
}

/* Prints the numbers of a group that are not 0. */
static void print_group(const lyrnn_corpus *corpus, const char *group)
{
    char label[64];
    for (int i = 0; i < NUM_STATS; i++) {
        if (strcmp(stats[i].group, group) != 0 || value_of(&stats[i], corpus) == 0)
            continue;
        bool is_file = strcmp(group, "files") == 0;
        snprintf(label, sizeof label, "%s%s%s", is_file ? "" : group, is_file ? "" : " ",
                 stats[i].label);
        print_row(label, value_of(&stats[i], corpus));
    }
}

lyrnn_status corpus_print_stats(const lyrnn_corpus *corpus)
{
    char hash[LYRNN_CORPUS_HASH_SIZE], label[64];
    size_t num_distinct;
    LYRNN_TRY(count_distinct(corpus, &num_distinct));
    lyrnn_corpus_hash(corpus, hash);
    print_group(corpus, "files");
    for (int i = 0; i < LYRNN_NUM_ENCODINGS; i++) {
        snprintf(label, sizeof label, "files in %s", lyrnn_encoding_names[i]);
        if (corpus->counts.num_in[i] > 0)
            print_row(label, corpus->counts.num_in[i]);
    }
    print_row("songs", corpus->num_songs);
    print_row("characters", corpus->N);
    print_row("distinct characters", num_distinct);
    print_group(corpus, "dropped");
    print_group(corpus, "changed");
    printf("%-32s %10.1f %%\n", "share of copies", 100.0 * duplicate_share(&corpus->counts));
    printf("XXH128 %38s\n", hash);
    return standard_output_check();
}

static json_t *group_to_json(const lyrnn_corpus *corpus, const char *group)
{
    json_t *object = json_object();
    for (int i = 0; i < NUM_STATS; i++)
        if (strcmp(stats[i].group, group) == 0)
            json_put(&object, stats[i].member,
                     json_integer((json_int_t)value_of(&stats[i], corpus)));
    return object;
}

lyrnn_status corpus_print_json(const lyrnn_corpus *corpus)
{
    char hash[LYRNN_CORPUS_HASH_SIZE];
    size_t num_distinct;
    LYRNN_TRY(count_distinct(corpus, &num_distinct));
    lyrnn_corpus_hash(corpus, hash);
    json_t *object = json_object(), *encodings = json_object();
    for (int i = 0; i < LYRNN_NUM_ENCODINGS; i++)
        json_put(&encodings, lyrnn_encoding_names[i],
                 json_integer((json_int_t)corpus->counts.num_in[i]));
    json_put(&object, "files", group_to_json(corpus, "files"));
    json_put(&object, "encodings", encodings);
    json_put(&object, "songs", json_integer((json_int_t)corpus->num_songs));
    json_put(&object, "characters", json_integer((json_int_t)corpus->N));
    json_put(&object, "distinct_characters", json_integer((json_int_t)num_distinct));
    json_put(&object, "dropped", group_to_json(corpus, "dropped"));
    json_put(&object, "changed", group_to_json(corpus, "changed"));
    json_put(&object, "duplicate_share", json_real(duplicate_share(&corpus->counts)));
    json_put(&object, "xxh128", json_string(hash));
    char *line = json_to_text(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL)
        return lyrnn_out_of_memory("result", 0, "close other programs");
    puts(line);
    free(line);
    return standard_output_check();
}
