/* lyrnn generate: reads the options and a model, makes the prompts, and generates the texts of each
 * (lyrnn/generate.h, lyrnn/beam.h). Everything that can be refused is refused before the first text
 * begins. Read next: generate_output.c. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/generate_choice.h"
#include "cli/generate_output.h"
#include "cli/generate_prompts.h"
#include "cli/machine.h"
#include "cli/options/options.h"
#include "files/json_values.h"
#include "lyrnn/beam.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/clusters.h"
#include "lyrnn/copies.h"
#include "lyrnn/generate.h"
#include "lyrnn/line_rules.h"
#include "lyrnn/prompt.h"
#include "lyrnn/text_report.h"
#include "run/learned.h"
#include "run/run_dir.h"

typedef struct {
    option_texts prefixes;
    const char *prefix_file;
    lyrnn_encoding encoding;
    lyrnn_on_unknown on_unknown;
    size_t length;
    bool greedy;
    int num_beams;
    lyrnn_sampler sampler;
    size_t num_samples, num_suggestions;
    uint64_t first_sample;
    lyrnn_line_rules lines;
    const char *acrostic, *stop;
    int max_copy;
    option_texts corpus;
    bool report;
    generate_format format;
    machine_options machine;
} generate_fields;

_Static_assert(LYRNN_MAX_BEAMS == 256, "as --beam says");
enum { MAX_LENGTH = 100000000 }; /* the maximum of --length */

#define FIELD(member) .offset = offsetof(generate_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Text:"},
    {OPTION_TEXTS, "prefix", "TEXT",
     "begin with TEXT (\\n: newline); repeatable, for one text each", FIELD(prefixes),
     .detail =
         "In the TEXT of this option, of --acrostic and of --stop, \\n is a newline, \\t a tab "
         "and \\\\ a backslash. The text of a file is taken as it is."},
    {OPTION_TEXT, "prefix-file", "FILE", "begin with the text of FILE; -: of standard input",
     FIELD(prefix_file), .detail = "Its last line end is not part of the prefix.",
     .completes = COMPLETE_FILE},
    {OPTION_CHOICE, "encoding", LYRNN_ENCODING_WORDS, "how the file of --prefix-file is encoded",
     FIELD(encoding), .fallback = "auto"},
    {OPTION_CHOICE, "on-unknown", "error|skip|nearest",
     "refuse, leave out or replace characters of the prefix that the model does not know",
     FIELD(on_unknown), .fallback = "error",
     .detail = "nearest takes another form of the character (of another width, in the other case, "
               "without its accent, a similar quotation mark, dash, ellipsis or space); of a Han "
               "character the variant form (简, 繁), else one that is read the same, else one that "
               "is read the same except for the tone."},
    {OPTION_SIZE, "length", "N", "maximum number of characters after each prefix", FIELD(length),
     .fallback = "50", .min = "0", .max = "100000000",
     .detail = "If --lines is given and --length is not, the maximum is 100 per line, or what "
               "--max-line allows."},

    {OPTION_HEADING, .help = "Choice of characters (--greedy if none of these is given):"},
    {OPTION_FLAG, "greedy", NULL, "take the most likely character each time", FIELD(greedy)},
    {OPTION_FLOAT, "temperature", "T",
     "sample at random, with logits divided by T; 0: like --greedy", FIELD(sampler.temperature),
     .fallback = "1", .min = "0", .max = "100",
     .detail = "Below 1 likely characters are preferred more, above 1 less."},
    {OPTION_INT, "top-k", "N", "sample among the N most likely characters; 0: all",
     FIELD(sampler.top_k), .fallback = "0", .min = "0", .max = "1114112"},
    {OPTION_FLOAT, "top-p", "P",
     "sample among the most likely characters that together have probability P; 1: all",
     FIELD(sampler.top_p), .fallback = "1", .min = "0.001", .max = "1"},
    {OPTION_FLOAT, "min-p", "P",
     "sample among characters that are at least P times as likely as the most likely one; 0: all",
     FIELD(sampler.min_p), .fallback = "0", .min = "0", .max = "1"},
    {OPTION_FLOAT, "repeat-penalty", "R",
     "make recent characters less likely: divide their logits by R if positive, else multiply; 1: "
     "no penalty",
     FIELD(sampler.repeat_penalty), .fallback = "1", .min = "0.01", .max = "100"},
    {OPTION_INT, "repeat-last-n", "N", "the last N characters are the recent ones; 0: none",
     FIELD(sampler.repeat_last_n), .fallback = "64", .min = "0", .max = "100000000"},
    {OPTION_UINT64, "seed", "N", "seed of the random numbers: same seed, same texts",
     FIELD(sampler.seed), .fallback = "1", .min = "0", .max = "9223372036854775807"},
    {OPTION_SIZE, "num-samples", "N", "texts per prefix, each from independent random draws",
     FIELD(num_samples), .fallback = "1", .min = "1", .max = "1000000000",
     .detail = "They are numbered from 0. Up to 256 are generated in parallel."},
    {OPTION_UINT64, "first-sample", "N", "number of the first text", FIELD(first_sample),
     .fallback = "0", .min = "0", .max = "1000000000000000000",
     .detail = "Sample 7 is the same text if it is generated by itself or as one of 64."},
    {OPTION_INT, "beam", "N", "search for the most likely text with N beams", FIELD(num_beams),
     .min = "1", .max = "256",
     .detail = "Texts are compared by their mean log-probability per character."},

    {OPTION_SIZE, "suggest", "N", "suggest N different lines to follow the prefix, the best first",
     FIELD(num_suggestions), .min = "1", .max = "1000",
     .detail =
         "Only the new lines are printed. At least 64 and at least 8 N are sampled, and ranked "
         "by their mean log-probability per character under the model. If too few differ, "
         "more are sampled, up to eight times as many, each time with a higher temperature "
         "unless --temperature is given. --min-line and --max-line are limits of the new "
         "line. JSON has it as line, and its score."},

    {OPTION_HEADING, .help = "Lines and end:"},
    {OPTION_INT, "lines", "N", "end a text after N lines, counting those of the prefix",
     FIELD(lines.num_lines), .min = "1", .max = "1000000", .remedy = "for no limit leave it out"},
    {OPTION_INT, "min-line", "N", "minimum number of characters (grapheme clusters) per line",
     FIELD(lines.min_line),
     .detail = "What a reader sees as one character counts as one (a grapheme cluster of Unicode): "
               "a letter with its accents, a Hangul syllable, an emoji with its modifiers.",
     .fallback = "0", .min = "0", .max = "1000000"},
    {OPTION_INT, "max-line", "N", "maximum number of characters (grapheme clusters) per line",
     FIELD(lines.max_line), .min = "1", .max = "1000000", .remedy = "for no limit leave it out"},
    {OPTION_TEXT, "acrostic", "TEXT", "begin each line with the next character of TEXT (藏头)",
     FIELD(acrostic),
     .detail = "The text ends after one line per character, unless --lines is given. If there is "
               "no prefix, the text begins with the first character of TEXT."},
    {OPTION_TEXT, "stop", "TEXT", "end a text before TEXT (\\n: newline) would appear in it",
     FIELD(stop)},

    {OPTION_HEADING, .help = "Originality:"},
    {OPTION_INT, "max-copy", "N",
     "copy at most N characters in a row from the text that the model learned", FIELD(max_copy),
     .min = "1", .max = "1000000", .remedy = "for no guard leave it out"},
    {OPTION_TEXTS, "corpus", "FILE", "a text that the model learned; repeatable", FIELD(corpus),
     .detail = "A run's config.json names the texts, also those of the models that it began with "
               "(train --init). Give those that are no longer there; they are recognized by their "
               "hash. Any other text is guarded too.",
     .completes = COMPLETE_FILE},
    {OPTION_FLAG, "report", NULL, "report on standard error how original each text is",
     FIELD(report),
     .detail = "The report has the longest run that the text copies, the shares of distinct pairs "
               "and triples of characters (distinct-2 and distinct-3), and the perplexity of the "
               "text under the model."},

    {OPTION_HEADING, .help = "Output:"},
    {OPTION_CHOICE, "format", "text|json|jsonl",
     "texts only, one JSON object with all texts, or one JSON object per line and text",
     FIELD(format), .fallback = "text"},

    MACHINE_OPTIONS(generate_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn generate",
    .summary = "generate lyrics with a model",
    .arguments = "MODEL|RUN_DIR",
    .doc =
        "Generates lyrics with a trained model: a model.safetensors, or the latest one of a run.",
    .detail =
        "The samplers are those of llama.cpp, in its order: repeat penalty, top-k, top-p, min-p, "
        "temperature. The rules for lines and the guard against copies are masks on the logits, so "
        "that the state of the model is always that of the text it has generated.\n"
        "In JSON, text includes its prompt, and end says why the text ends: length, lines, stop, "
        "or "
        "stuck if no character was allowed.",
    .examples = "lyrnn generate runs/mine --prefix 月光 --length 100\n"
                "lyrnn generate runs/mine --prefix 月光 --temperature 0.8 --num-samples 5\n"
                "lyrnn generate runs/mine --prefix 月光落在屋檐上 --suggest 5\n"
                "lyrnn generate runs/mine --acrostic 春夏秋冬 --max-copy 6 --report",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .min_arguments = 1,
    .max_arguments = 1,
    .extra_option = "prefix",
    .first_argument = COMPLETE_MODEL,
};

/* Everything that the command owns. */
typedef struct {
    generate_fields *fields;
    const option_result *result;
    char model_path[4096];
    lyrnn_checkpoint checkpoint;
    lyrnn_newlines newlines; /* as the model learned them */
    lyrnn_prompt acrostic, stop;
    lyrnn_clusters clusters;
    prompt_list prompts;
    lyrnn_copies copies;
    lyrnn_generate_options options;
    bool is_random;
} generate_job;

static void generate_job_free(generate_job *job)
{
    prompts_free(&job->prompts);
    lyrnn_prompt_free(&job->acrostic);
    lyrnn_prompt_free(&job->stop);
    lyrnn_clusters_free(&job->clusters);
    lyrnn_copies_free(&job->copies);
    lyrnn_checkpoint_free(&job->checkpoint);
}

static lyrnn_status check_options(generate_job *job)
{
    generate_fields *fields = job->fields;
    const generate_choice choice = {
        .table = &table,
        .result = job->result,
        .greedy = fields->greedy,
        .num_beams = fields->num_beams,
        .num_samples = fields->num_samples,
        .num_suggestions = fields->num_suggestions,
    };
    bool has_prefix = fields->prefixes.num > 0 || fields->prefix_file != NULL;
    if (!has_prefix && fields->acrostic == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--prefix: is missing; give the text to begin with: --prefix TEXT");
    if (fields->corpus.num > 0 && fields->max_copy == 0 && !fields->report)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--corpus: is read only for --max-copy and --report; add one of them, or "
                          "leave it out");
    return generate_choose(&choice, &fields->sampler, &job->is_random);
}

static lyrnn_status load_checkpoint(generate_job *job, const char *path)
{
    LYRNN_TRY(lyrnn_run_dir_find_model(path, job->model_path, sizeof job->model_path));
    LYRNN_TRY(lyrnn_checkpoint_read(&job->checkpoint, job->model_path));
    if (job->checkpoint.config.bidirectional)
        lyrnn_print_plain(stderr, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    job->newlines = lyrnn_vocab_newlines(&job->checkpoint.vocab);
    return LYRNN_OK;
}

/* Sets the maximum length that --lines allows, including newlines. */
static lyrnn_status choose_length(generate_fields *fields)
{
    enum { USUAL_LINE = 100 };
    const lyrnn_line_rules *lines = &fields->lines;
    int line = lines->max_line > 0 ? lines->max_line : USUAL_LINE;
    fields->length = (size_t)lines->num_lines * ((size_t)line + 1);
    if (fields->length > MAX_LENGTH)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--lines %d: with up to %d characters per line, a text may have %zu characters; "
            "lower --lines or --max-line, or give --length of at most %d",
            lines->num_lines, line, fields->length, MAX_LENGTH);
    return LYRNN_OK;
}

static lyrnn_status make_rules(generate_job *job)
{
    generate_fields *fields = job->fields;
    const lyrnn_vocab *vocab = &job->checkpoint.vocab;
    const lyrnn_prompt_rules rules = {.vocab = vocab, .newlines = job->newlines};
    lyrnn_line_rules *lines = &fields->lines;
    lines->newline = lyrnn_vocab_id(vocab, '\n');
    LYRNN_TRY(lyrnn_clusters_init(&job->clusters, vocab));
    if (lyrnn_clusters_join(&job->clusters))
        lines->clusters = &job->clusters;
    if (fields->acrostic != NULL) {
        LYRNN_TRY(lyrnn_prompt_of_option(&job->acrostic, &rules, "--acrostic", fields->acrostic));
        lines->acrostic = job->acrostic.ids;
        lines->num_acrostic = (int)job->acrostic.length;
        if (!options_given(&table, job->result, "lines"))
            lines->num_lines = lines->num_acrostic;
    }
    if (fields->stop != NULL)
        LYRNN_TRY(lyrnn_prompt_of_option(&job->stop, &rules, "--stop", fields->stop));
    /* A suggestion is one line. */
    if (fields->num_suggestions > 0)
        lines->num_lines = 1;
    if (lines->num_lines > 0 && !options_given(&table, job->result, "length"))
        LYRNN_TRY(choose_length(fields));
    return lyrnn_line_rules_check(lines);
}

static lyrnn_status make_prompts(generate_job *job)
{
    const generate_fields *fields = job->fields;
    const prompt_sources sources = {
        .prefixes = &fields->prefixes,
        .prefix_file = fields->prefix_file,
        .encoding = fields->encoding,
        .acrostic = &job->acrostic,
        .rules = {.vocab = &job->checkpoint.vocab,
                  .newlines = job->newlines,
                  .on_unknown = fields->on_unknown,
                  .log = stderr},
        .lines = &fields->lines,
        .length = fields->length,
        .ends_line = fields->num_suggestions > 0,
    };
    return prompts_make(&sources, &job->prompts);
}

static lyrnn_status read_corpus(generate_job *job)
{
    const generate_fields *fields = job->fields;
    json_t *records;
    lyrnn_corpus corpus = {0};
    if (fields->max_copy == 0 && !fields->report)
        return LYRNN_OK;
    LYRNN_TRY(lyrnn_learned_of_model(job->model_path, job->checkpoint.learned, &records));
    const lyrnn_learned_source source = {
        .model_path = job->model_path,
        .records = records,
        .paths = fields->corpus.items,
        .num_paths = fields->corpus.num,
        .newlines = job->newlines,
        .normalize = job->checkpoint.vocab.normalize,
        .log = stderr,
    };
    lyrnn_status status = lyrnn_learned_load(&source, &corpus);
    if (status == LYRNN_OK)
        status = lyrnn_copies_init(&job->copies, &corpus, &job->checkpoint.vocab);
    lyrnn_corpus_free(&corpus);
    json_decref(records);
    return status;
}

static void resolve_options(generate_job *job, bool is_watched)
{
    const generate_fields *fields = job->fields;
    job->options = lyrnn_greedy_options();
    job->options.sampler = fields->sampler;
    job->options.lines = fields->lines;
    job->options.copies = (lyrnn_copy_guard){fields->max_copy, &job->copies};
    job->options.stop = job->stop.ids;
    job->options.num_stop = job->stop.length;
    job->options.first_sample = fields->first_sample;
    job->options.num_samples = fields->num_samples;
    if (is_watched)
        job->options.poll_every = 1;
}

static lyrnn_status answer_prompts(const generate_job *job, const lyrnn_model *model,
                                   const lyrnn_listener *listener)
{
    size_t length = job->fields->length, longest = 0;
    for (size_t i = 0; i < job->prompts.num; i++)
        if (job->prompts.items[i].length > longest)
            longest = job->prompts.items[i].length;
    lyrnn_generator generator = {0};
    lyrnn_status status = LYRNN_OK;
    if (job->fields->num_beams == 0)
        LYRNN_TRY(lyrnn_generator_init(&generator, model, &job->options, longest + length));
    for (size_t i = 0; i < job->prompts.num && status == LYRNN_OK; i++)
        status = job->fields->num_beams == 0
                     ? lyrnn_generate(&generator, &job->prompts.items[i], length, listener)
                     : lyrnn_beam_search(model, &job->options, job->fields->num_beams,
                                         &job->prompts.items[i], length, listener);
    lyrnn_generator_free(&generator);
    return status;
}

/* Suggests lines for each prompt. An empty line separates those of several prompts. */
static lyrnn_status suggest_lines(const generate_job *job, const lyrnn_model *model,
                                  generate_output *output)
{
    for (size_t i = 0; i < job->prompts.num; i++) {
        const lyrnn_suggest_args args = {
            .model = model,
            .vocab = &job->checkpoint.vocab,
            .prompt = &job->prompts.items[i],
            .options = &job->options,
            .num_lines = job->fields->num_suggestions,
            .length = job->fields->length,
            .warms_up = !options_given(&table, job->result, "temperature"),
        };
        size_t num_suggested, num_sampled;
        if (i > 0 && output->format == FORMAT_TEXT)
            fputc('\n', stdout);
        LYRNN_TRY(
            lyrnn_suggest(&args, generate_output_suggestion, output, &num_suggested, &num_sampled));
        if (num_suggested < args.num_lines)
            lyrnn_print_plain(stderr,
                              "warning: --suggest %zu: %zu different lines were among %zu samples; "
                              "raise --temperature, or loosen the rules\n",
                              args.num_lines, num_suggested, num_sampled);
    }
    return LYRNN_OK;
}

static lyrnn_status print_texts(generate_job *job, const lyrnn_model *model)
{
    const generate_fields *fields = job->fields;
    lyrnn_reporter reporter = {0};
    generate_output output = {
        .format = fields->format,
        .vocab = &job->checkpoint.vocab,
        .has_several = fields->num_samples > 1,
        .has_several_prompts = job->prompts.num > 1,
        .is_terminal = isatty(STDOUT_FILENO) == 1,
        .has_seed = job->is_random,
        .seed = fields->sampler.seed,
    };
    if (fields->report) {
        LYRNN_TRY(lyrnn_reporter_init(&reporter, model, &job->copies));
        output.reporter = &reporter;
    }
    resolve_options(job, output.is_terminal && fields->format == FORMAT_TEXT);
    json_t *header = json_pack("{s:o, s:o}", "model", json_string_or_null(job->model_path),
                               "options", options_to_json(&table, fields));
    const lyrnn_listener listener = generate_output_listener(&output);
    lyrnn_status status = generate_output_begin(&output, header);
    if (status == LYRNN_OK)
        status = fields->num_suggestions > 0 ? suggest_lines(job, model, &output)
                                             : answer_prompts(job, model, &listener);
    if (status == LYRNN_OK)
        generate_output_end(&output);
    json_decref(header);
    lyrnn_reporter_free(&reporter);
    return status;
}

static lyrnn_status run_model(generate_job *job)
{
    machine_model opened = {0};
    lyrnn_status status = machine_open_model(&job->fields->machine, &job->checkpoint, &opened);
    if (status == LYRNN_OK)
        status = print_texts(job, &opened.model);
    machine_close_model(&opened);
    return status;
}

static lyrnn_status generate(generate_job *job, const char *path)
{
    LYRNN_TRY(check_options(job));
    LYRNN_TRY(load_checkpoint(job, path));
    LYRNN_TRY(make_rules(job));
    LYRNN_TRY(make_prompts(job));
    LYRNN_TRY(read_corpus(job));
    return run_model(job);
}

static lyrnn_status command_generate(int argc, char **argv)
{
    generate_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    if (status == LYRNN_OK && !result.help) {
        generate_job job = {.fields = &fields, .result = &result};
        status = generate(&job, result.arguments[0]);
        generate_job_free(&job);
    }
    options_free(&table, &fields);
    return status;
}

const cli_command generate_command = {&table, command_generate};
