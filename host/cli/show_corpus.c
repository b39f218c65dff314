/* lyrnn corpus: what a training would read. A corpus is read as train reads it and then printed, or
 * counted (corpus_stats.c), so that a person can look before a long training. */
#include <limits.h>
#include <stdio.h>

#include "base/plain_text.h"
#include "cli/commands.h"
#include "cli/corpus_stats.h"
#include "cli/reading.h"
#include "cli/standard_output.h"

typedef struct {
    lyrnn_corpus_rules text;
    bool stats, json;
} corpus_fields;

#define FIELD(member) .offset = offsetof(corpus_fields, member)
static const option_spec specs[] = {
    READING_OPTIONS(corpus_fields, text),

    {OPTION_HEADING, .help = "Output:"},
    {OPTION_FLAG, "stats", NULL, "print what was read, changed and dropped instead of the text",
     FIELD(stats),
     .detail =
         "The hash is that of the text as it would be learned. Two corpora with the same hash "
         "have the same characters, but where songs begin may differ."},
    {OPTION_FLAG, "json", NULL, "print what --stats prints as one JSON object", FIELD(json)},
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn corpus",
    .summary = "print the text that a training would read",
    .arguments = "[CORPUS...]",
    .doc =
        "Prints the text that lyrnn train would learn from the same CORPUS and options. Without "
        "a CORPUS it is the sample lyrics that come with lyrnn. What was changed in the text goes "
        "to standard error.",
    .detail = READING_DETAIL,
    .examples = "lyrnn corpus my_lyrics.txt | less\n"
                "lyrnn corpus --stats my_lyrics.txt other_lyrics.txt",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = INT_MAX,
    .first_argument = COMPLETE_FILE,
    .more_arguments = COMPLETE_FILE,
};

/* Controls are shown as '?' on a terminal, as generated text is. */
static void print_text(const lyrnn_corpus *corpus)
{
    bool is_plain = lyrnn_is_terminal(stdout);
    for (size_t i = 0; i < corpus->N; i++)
        lyrnn_print_char(stdout, corpus->chars[i], is_plain);
}

static lyrnn_status load(const option_result *result, const lyrnn_corpus_rules *rules,
                         lyrnn_corpus *corpus)
{
    if (result->num_arguments == 0)
        return lyrnn_corpus_load_sample(corpus, rules);
    return lyrnn_corpus_load(corpus, (const char *const *)result->arguments,
                             (size_t)result->num_arguments, rules);
}

static lyrnn_status show(const corpus_fields *fields, const lyrnn_corpus *corpus)
{
    lyrnn_corpus_log_songs(corpus, stderr);
    if (fields->json)
        return corpus_print_json(corpus);
    if (fields->stats)
        return corpus_print_stats(corpus);
    print_text(corpus);
    return standard_output_check();
}

static lyrnn_status command_corpus(int argc, char **argv)
{
    corpus_fields fields = {0};
    option_result result;
    lyrnn_corpus corpus = {0};
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help) {
        fields.text.is_named_by_user = true;
        fields.text.log = stderr;
        status = load(&result, &fields.text, &corpus);
        if (status == LYRNN_OK)
            status = show(&fields, &corpus);
    }
    lyrnn_corpus_free(&corpus);
    options_free(&table, &fields);
    return status;
}

const cli_command corpus_command = {&table, command_corpus};
