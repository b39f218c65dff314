/* lyrnn generate: the options, what they ask of a model and a corpus, and the texts of each prompt. All that
 * can be refused is refused before a text begins. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/generate_output.h"
#include "cli/machine.h"
#include "cli/options/options.h"
#include "lyrnn/beam.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/copies.h"
#include "lyrnn/generate.h"
#include "lyrnn/line_rules.h"
#include "lyrnn/prompt.h"
#include "lyrnn/text_report.h"
#include "run/run_corpus.h"
#include "run/run_dir.h"

typedef struct {
    option_texts prefixes;
    const char *prefix_file;
    lyrnn_on_unknown on_unknown;
    size_t length;
    bool greedy;
    int num_beams;
    lyrnn_sampler sampler;
    size_t num_samples;
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
enum { MAX_LENGTH = 100000000 }; /* as --length says */

#define FIELD(member) .offset = offsetof(generate_fields, member)
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Text:"},
    {OPTION_TEXTS, "prefix", "TEXT", "begin with TEXT; one text for each time it is given",
     FIELD(prefixes)},
    {OPTION_TEXT, "prefix-file", "FILE",
     "begin with the text of FILE, or of standard input where FILE is -; its last line end is not "
     "part of it",
     FIELD(prefix_file)},
    {OPTION_CHOICE, "on-unknown", "error|skip|nearest",
     "what to do with a character of the prefix that the model does not know: refuse it, leave it "
     "out, or take the variant form (简, 繁) or else the like-sounding character that it knows",
     FIELD(on_unknown), .fallback = "error"},
    {OPTION_SIZE, "length", "N",
     "characters to write after each prefix, at most; with --lines, unless given, 100 a line or "
     "what --max-line allows",
     FIELD(length), .fallback = "50", .min = "0", .max = "100000000"},

    {OPTION_HEADING, .help = "Choice of characters (without one of these, as with --greedy):"},
    {OPTION_FLAG, "greedy", NULL, "the likeliest character each time", FIELD(greedy)},
    {OPTION_FLOAT, "temperature", "T",
     "draw by chance; below 1 likely characters are preferred further, above 1 less",
     FIELD(sampler.temperature), .fallback = "1", .min = "0.01", .max = "100",
     .remedy = "for the likeliest character each time use --greedy"},
    {OPTION_INT, "top-k", "N", "draw among the N likeliest", FIELD(sampler.top_k), .min = "1",
     .max = "1114112", .remedy = "to draw among all leave it out"},
    {OPTION_FLOAT, "top-p", "P", "draw among the likeliest that together have probability P",
     FIELD(sampler.top_p), .fallback = "1", .min = "0.001", .max = "1"},
    {OPTION_FLOAT, "min-p", "P", "draw among those at least P times as likely as the likeliest",
     FIELD(sampler.min_p), .fallback = "0", .min = "0", .max = "1"},
    {OPTION_FLOAT, "repeat-penalty", "R",
     "make characters just written less likely: logits above 0 are divided by R, others multiplied",
     FIELD(sampler.repeat_penalty), .fallback = "1", .min = "0.01", .max = "100"},
    {OPTION_INT, "repeat-last-n", "N", "the last N characters are those just written",
     FIELD(sampler.repeat_last_n), .fallback = "64", .min = "0", .max = "100000000"},
    {OPTION_UINT64, "seed", "N", "same seed, same texts", FIELD(sampler.seed), .fallback = "1",
     .min = "0", .max = "9223372036854775807"},
    {OPTION_SIZE, "num-samples", "N", "texts for each prefix, by different chances",
     FIELD(num_samples), .fallback = "1", .min = "1", .max = "1000000000"},
    {OPTION_UINT64, "first-sample", "N",
     "number of the first of them: sample 7 is the same text alone as among many",
     FIELD(first_sample), .fallback = "0", .min = "0", .max = "1000000000000000000"},
    {OPTION_INT, "beam", "N",
     "search for the likeliest text with N beams; texts are compared by mean log-probability a "
     "character",
     FIELD(num_beams), .min = "1", .max = "256"},

    {OPTION_HEADING, .help = "Lines and end:"},
    {OPTION_INT, "lines", "N", "end a text after N lines, the prefix's among them",
     FIELD(lines.num_lines), .min = "1", .max = "1000000", .remedy = "for no limit leave it out"},
    {OPTION_INT, "min-line", "N", "characters of a line, at least", FIELD(lines.min_line),
     .fallback = "0", .min = "0", .max = "1000000"},
    {OPTION_INT, "max-line", "N", "characters of a line, at most", FIELD(lines.max_line),
     .min = "1", .max = "1000000", .remedy = "for no limit leave it out"},
    {OPTION_TEXT, "acrostic", "TEXT",
     "each line begins with the next character of TEXT (藏头); ends the text after them unless "
     "--lines is given, and begins it unless there is a prefix",
     FIELD(acrostic)},
    {OPTION_TEXT, "stop", "TEXT", "end a text before TEXT is written", FIELD(stop)},

    {OPTION_HEADING, .help = "Originality:"},
    {OPTION_INT, "max-copy", "N",
     "never write N + 1 characters in a row that stand in the text that the model learnt",
     FIELD(max_copy), .min = "1", .max = "1000000", .remedy = "for no guard leave it out"},
    {OPTION_TEXTS, "corpus", "FILE",
     "the text that it learnt, if not what its run says; may be given several times",
     FIELD(corpus)},
    {OPTION_FLAG, "report", NULL,
     "say on standard error how much of each text is copied, how much repeats itself, and how "
     "likely the model finds it",
     FIELD(report)},

    {OPTION_HEADING, .help = "Output:"},
    {OPTION_CHOICE, "format", "text|json|jsonl",
     "texts alone, one object with all of them, or an object a line for each", FIELD(format),
     .fallback = "text"},

    MACHINE_OPTIONS(generate_fields, machine),
};
#undef FIELD

static const option_table table = {
    .name = "lyrnn generate",
    .summary = "generate lyrics with a model",
    .arguments = "MODEL|RUN_DIR",
    .doc = "Writes lyrics with a trained model: a model.safetensors, or a run, whose latest model "
           "it takes.",
    .examples = "lyrnn generate runs/mine --prefix 月光 --length 100\n"
                "lyrnn generate runs/mine --prefix 月光 --temperature 0.8 --num-samples 5\n"
                "lyrnn generate runs/mine --acrostic 春夏秋冬 --max-copy 6 --report",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .min_arguments = 1,
    .max_arguments = 1,
};

/* All that the command owns. */
typedef struct {
    generate_fields *fields;
    const option_result *result;
    char model_path[4096];
    lyrnn_checkpoint checkpoint;
    lyrnn_newlines newlines; /* as the model learnt them */
    lyrnn_prompt acrostic, stop;
    lyrnn_prompt *prompts; /* (num_prompts) */
    size_t num_prompts;
    lyrnn_copies copies;
    lyrnn_generate_options options;
    bool is_random;
} job;

static void job_free(job *job)
{
    for (size_t i = 0; i < job->num_prompts; i++)
        lyrnn_prompt_free(&job->prompts[i]);
    free(job->prompts);
    lyrnn_prompt_free(&job->acrostic);
    lyrnn_prompt_free(&job->stop);
    lyrnn_copies_free(&job->copies);
    lyrnn_checkpoint_free(&job->checkpoint);
}

/* Options that leave something to chance, then such as only weigh characters. */
static const char *const sampling_options[] = {"temperature",  "top-k",          "top-p",
                                               "min-p",        "num-samples",    "seed",
                                               "first-sample", "repeat-penalty", "repeat-last-n"};
enum { NUM_CHANCES = 7, NUM_SAMPLING = 9 };

/* The first of the options from first to end that was given, or NULL. */
static const char *find_given(const option_result *result, int first, int end)
{
    for (int i = first; i < end; i++)
        if (options_given(&table, result, sampling_options[i]))
            return sampling_options[i];
    return NULL;
}

/* One way to choose characters: --greedy, by chance, or --beam. */
static lyrnn_status choose_way(job *job)
{
    generate_fields *fields = job->fields;
    const char *chance = find_given(job->result, 0, NUM_CHANCES);
    const char *any = find_given(job->result, 0, NUM_SAMPLING);
    if (fields->num_beams > 0 && (any != NULL || fields->greedy))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--beam: searches for the likeliest text, and --%s asks for another way "
                          "to choose; leave one of them out",
                          any != NULL ? any : "greedy");
    if (fields->greedy && chance != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--greedy: leaves nothing to chance, and --%s is about chance; leave one "
                          "of them out",
                          chance);
    job->is_random = !fields->greedy && fields->num_beams == 0 && any != NULL;
    if (!job->is_random)
        fields->sampler.temperature = 0.0f;
    return LYRNN_OK;
}

static lyrnn_status check_options(job *job)
{
    const generate_fields *fields = job->fields;
    bool has_prefix = fields->prefixes.num > 0 || fields->prefix_file != NULL;
    if (!has_prefix && fields->acrostic == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--prefix is missing; give the text to begin with: --prefix TEXT");
    if (fields->corpus.num > 0 && fields->max_copy == 0 && !fields->report)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--corpus: is read for --max-copy and --report alone; add one of them, "
                          "or leave it out");
    return choose_way(job);
}

static lyrnn_status read_model(job *job, const char *path)
{
    LYRNN_TRY(lyrnn_run_dir_find_model(path, job->model_path, sizeof job->model_path));
    LYRNN_TRY(lyrnn_checkpoint_read(&job->checkpoint, job->model_path));
    if (job->checkpoint.config.bidirectional)
        fprintf(stderr, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    job->newlines = lyrnn_vocab_newlines(&job->checkpoint.vocab);
    return LYRNN_OK;
}

/* What --lines ask for at most, their newlines among it. */
static lyrnn_status choose_length(generate_fields *fields)
{
    enum { USUAL_LINE = 100 };
    const lyrnn_line_rules *lines = &fields->lines;
    int line = lines->max_line > 0 ? lines->max_line : USUAL_LINE;
    fields->length = (size_t)lines->num_lines * ((size_t)line + 1);
    if (fields->length > MAX_LENGTH)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--lines %d: with up to %d in each, that may be %zu characters; lower it "
                          "or --max-line, or give --length, at most %d",
                          lines->num_lines, line, fields->length, MAX_LENGTH);
    return LYRNN_OK;
}

static lyrnn_status make_rules(job *job)
{
    generate_fields *fields = job->fields;
    const lyrnn_vocab *vocab = &job->checkpoint.vocab;
    const lyrnn_prompt_rules rules = {.vocab = vocab, .newlines = job->newlines};
    lyrnn_line_rules *lines = &fields->lines;
    lines->newline = lyrnn_vocab_id(vocab, '\n');
    if (fields->acrostic != NULL) {
        LYRNN_TRY(lyrnn_prompt_of_option(&job->acrostic, &rules, "--acrostic", fields->acrostic));
        lines->acrostic = job->acrostic.ids;
        lines->num_acrostic = (int)job->acrostic.length;
        if (!options_given(&table, job->result, "lines"))
            lines->num_lines = lines->num_acrostic;
    }
    if (fields->stop != NULL)
        LYRNN_TRY(lyrnn_prompt_of_option(&job->stop, &rules, "--stop", fields->stop));
    if (lines->num_lines > 0 && !options_given(&table, job->result, "length"))
        LYRNN_TRY(choose_length(fields));
    return lyrnn_line_rules_check(lines);
}

/* The last line end is the file's, not the prefix's. */
static lyrnn_status prompt_of_file(const job *job, const lyrnn_prompt_rules *rules,
                                   lyrnn_prompt *prompt)
{
    const char *path = job->fields->prefix_file;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    lyrnn_corpus text;
    LYRNN_TRY(lyrnn_corpus_load_file(&text, path, LYRNN_NEWLINES_KEEP));
    if (text.N > 0 && text.chars[text.N - 1] == '\n')
        text.N--;
    for (size_t i = 0; i < text.N && job->newlines == LYRNN_NEWLINES_SPACE; i++)
        if (text.chars[i] == '\n')
            text.chars[i] = ' ';
    lyrnn_status status = lyrnn_prompt_init(prompt, rules, name, &text);
    lyrnn_corpus_free(&text);
    return status;
}

static lyrnn_status add_prompt(job *job, const char *prefix)
{
    lyrnn_prompt *prompt = &job->prompts[job->num_prompts];
    const lyrnn_vocab *vocab = &job->checkpoint.vocab;
    const lyrnn_prompt_rules rules = {.vocab = vocab,
                                      .newlines = job->newlines,
                                      .on_unknown = job->fields->on_unknown,
                                      .log = stderr};
    if (prefix != NULL)
        LYRNN_TRY(lyrnn_prompt_of_option(prompt, &rules, "--prefix", prefix));
    else if (job->fields->prefix_file != NULL)
        LYRNN_TRY(prompt_of_file(job, &rules, prompt));
    else
        LYRNN_TRY(lyrnn_prompt_from_ids(prompt, job->acrostic.ids, 1));
    job->num_prompts++;
    return lyrnn_line_rules_check_prompt(&job->fields->lines, vocab, prompt, job->fields->length);
}

static lyrnn_status make_prompts(job *job)
{
    const option_texts *prefixes = &job->fields->prefixes;
    job->prompts = calloc(prefixes->num + 1, sizeof *job->prompts);
    if (job->prompts == NULL)
        return lyrnn_out_of_memory("--prefix", (prefixes->num + 1) * sizeof *job->prompts,
                                   "give fewer");
    for (size_t i = 0; i < prefixes->num; i++)
        LYRNN_TRY(add_prompt(job, prefixes->items[i]));
    if (job->fields->prefix_file != NULL || prefixes->num == 0)
        LYRNN_TRY(add_prompt(job, NULL));
    return LYRNN_OK;
}

static lyrnn_status read_corpus(job *job)
{
    const generate_fields *fields = job->fields;
    lyrnn_corpus corpus;
    if (fields->max_copy == 0 && !fields->report)
        return LYRNN_OK;
    if (fields->corpus.num > 0)
        LYRNN_TRY(
            lyrnn_corpus_load(&corpus, fields->corpus.items, fields->corpus.num, job->newlines, 0));
    else
        LYRNN_TRY(lyrnn_run_corpus_load(job->model_path, &corpus));
    lyrnn_status status = lyrnn_copies_init(&job->copies, &corpus, &job->checkpoint.vocab);
    lyrnn_corpus_free(&corpus);
    return status;
}

static void resolve_options(job *job, bool is_watched)
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

static lyrnn_status generate_texts(const job *job, const lyrnn_model *model,
                                   const lyrnn_listener *listener)
{
    size_t length = job->fields->length, longest = 0;
    for (size_t i = 0; i < job->num_prompts; i++)
        if (job->prompts[i].length > longest)
            longest = job->prompts[i].length;
    lyrnn_generator generator = {0};
    lyrnn_status status = LYRNN_OK;
    if (job->fields->num_beams == 0)
        LYRNN_TRY(lyrnn_generator_init(&generator, model, &job->options, longest + length));
    for (size_t i = 0; i < job->num_prompts && status == LYRNN_OK; i++)
        status = job->fields->num_beams == 0
                     ? lyrnn_generate(&generator, &job->prompts[i], length, listener)
                     : lyrnn_beam_search(model, &job->options, job->fields->num_beams,
                                         &job->prompts[i], length, listener);
    lyrnn_generator_free(&generator);
    return status;
}

static lyrnn_status print_texts(job *job, const lyrnn_model *model)
{
    const generate_fields *fields = job->fields;
    lyrnn_reporter reporter = {0};
    generate_output output = {
        .format = fields->format,
        .vocab = &job->checkpoint.vocab,
        .has_several = fields->num_samples > 1,
        .has_several_prompts = job->num_prompts > 1,
        .is_terminal = isatty(STDOUT_FILENO) == 1,
        .has_seed = job->is_random,
        .seed = fields->sampler.seed,
    };
    if (fields->report) {
        LYRNN_TRY(lyrnn_reporter_init(&reporter, model, &job->copies));
        output.reporter = &reporter;
    }
    resolve_options(job, output.is_terminal && fields->format == FORMAT_TEXT);
    json_t *header = json_pack("{s:s?, s:o}", "model", job->model_path, "options",
                               options_to_json(&table, fields));
    const lyrnn_listener listener = generate_output_listener(&output);
    lyrnn_status status = generate_output_begin(&output, header);
    if (status == LYRNN_OK)
        status = generate_texts(job, model, &listener);
    if (status == LYRNN_OK)
        generate_output_end(&output);
    json_decref(header);
    lyrnn_reporter_free(&reporter);
    return status;
}

static lyrnn_status run_model(job *job)
{
    lyrnn_backend backend;
    lyrnn_model model = {0};
    LYRNN_TRY(machine_open(&job->fields->machine, &backend));
    lyrnn_status status = lyrnn_model_init(&model, &job->checkpoint.config, &backend);
    if (status == LYRNN_OK) {
        lyrnn_model_upload(&model, job->checkpoint.params);
        status = print_texts(job, &model);
    }
    lyrnn_model_free(&model);
    lyrnn_backend_close(&backend);
    return status;
}

static lyrnn_status generate(job *job, const char *path)
{
    LYRNN_TRY(check_options(job));
    LYRNN_TRY(read_model(job, path));
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
        job job = {.fields = &fields, .result = &result};
        status = generate(&job, result.arguments[0]);
        job_free(&job);
    }
    options_free(&table, &fields);
    return status;
}

const cli_command generate_command = {&table, command_generate};
