/* lyrnn train. The table of its options is also the format of config.json. A new training takes the
 * shape of its model from the options, --init from the opened model file, and --resume every option
 * from the run. --continue is one of the three. train/start.c does the rest of that difference. */
#include "cli/commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/options/options.h"
#include "cli/reading.h"
#include "cli/resume_options.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "lyrnn/train.h"
#include "lyrnn/version.h"
#include "run/config.h"
#include "run/reading_record.h"
#include "run/run_corpus.h"
#include "run/run_dir.h"

typedef struct {
    lyrnn_train_options train;
    int preset, offset; /* indices in their metavars; 0: none, zero */
    const char *init_path, *resume_path;
    option_texts prefixes;
    machine_options machine;
} train_fields;

_Static_assert(LYRNN_MAX_HIDDEN_SIZE == 65536, "the limit of --hidden-size");
_Static_assert(LYRNN_MAX_LAYERS == 16, "the limit of --num-layers");

/* The job of the tutorial: its model, its way to read and to sample the text, its report. Each
 * option is named here, also those whose default is the same, because defaults may change. */
#define TUTORIAL(X)                                                                                \
    X("songs", "none")                                                                             \
    X("script", "keep")                                                                            \
    X("width", "keep")                                                                             \
    X("repeats", "keep")                                                                           \
    X("min-count", "1")                                                                            \
    X("max-chars", "10000")                                                                        \
    X("newlines", "space")                                                                         \
    X("normalize", "none")                                                                         \
    X("cell", "rnn_tanh")                                                                          \
    X("hidden-size", "256")                                                                        \
    X("num-layers", "1")                                                                           \
    X("dropout", "0")                                                                              \
    X("num-epochs", "250")                                                                         \
    X("batch-size", "32")                                                                          \
    X("num-steps", "35")                                                                           \
    X("lr", "1e-3")                                                                                \
    X("clip-norm", "1e-2")                                                                         \
    X("sampling", "consecutive")                                                                   \
    X("offset", "zero")                                                                            \
    X("val-fraction", "0")                                                                         \
    X("pred-period", "50")                                                                         \
    X("pred-len", "50")                                                                            \
    X("prefix", "分开")                                                                            \
    X("prefix", "不分开")
#define PAIR(name, value)  {name, value},
#define WORDS(name, value) " --" name " " value
#define TUTORIAL_MEANS     "tutorial stands for these options:" TUTORIAL(WORDS)
static const option_preset tutorial[] = {TUTORIAL(PAIR)};

/* The limit of --seed is that of the integers in config.json. */
#define FIELD(member) .offset = offsetof(train_fields, member)
static const option_spec specs[] = {
    {OPTION_CHOICE, "preset", "none|tutorial", "begin with all choices of the tutorial",
     FIELD(preset), .fallback = "none", .if_missing = "none",
     .detail = TUTORIAL_MEANS ". An option on the command line replaces the preset's value, "
                              "whether it comes before or after --preset."},

    READING_OPTIONS(train_fields, train.text),

    {OPTION_HEADING, .help = "Model:"},
    {OPTION_CHOICE, "cell", "rnn_tanh|rnn_relu|lstm|gru", "recurrent cell", FIELD(train.model.cell),
     .fallback = "rnn_tanh"},
    {OPTION_INT, "hidden-size", "N", "hidden units per layer and direction",
     FIELD(train.model.hidden_size), .fallback = "256", .min = "1", .max = "65536"},
    {OPTION_INT, "num-layers", "N", "stacked recurrent layers", FIELD(train.model.num_layers),
     .fallback = "1", .min = "1", .max = "16"},
    {OPTION_FLAG, "bidirectional", NULL, "also read each piece of text backward",
     FIELD(train.model.bidirectional),
     .detail = "Such a model sees the characters that it is asked to predict, and a warning says "
               "so."},
    {OPTION_FLOAT, "dropout", "P", "probability to drop an output between two layers",
     FIELD(train.model.dropout), .fallback = "0", .min = "0", .max = "1"},
    {OPTION_TEXT, "init", "MODEL|RUN_DIR",
     "start from the shape and weights of this model instead of a new one", FIELD(init_path),
     .detail =
         "MODEL may also be a state_dict that PyTorch saved as safetensors. The vocabulary is "
         "that of the lyrics: characters that the model knows keep their weights, new ones "
         "begin as in a new model, and the others are dropped. A line on standard error "
         "names all three. The shape is that of the model; an option that contradicts it is "
         "an error, except --dropout.",
     .completes = COMPLETE_MODEL},

    {OPTION_HEADING, .help = "Training:"},
    {OPTION_INT, "num-epochs", "N", "passes over the lyrics; 0: save the untrained model",
     FIELD(train.num_epochs), .fallback = "250", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_INT, "batch-size", "N", "text sequences per batch, read in parallel",
     FIELD(train.batch_size), .fallback = "32", .min = "1", .max = "65536"},
    {OPTION_INT, "num-steps", "N", "time steps per batch, through which gradients reach back",
     FIELD(train.num_steps), .fallback = "35", .min = "1", .max = "8192",
     .detail = "A time step is a character."},
    {OPTION_FLOAT, "lr", "RATE", "learning rate of Adam", FIELD(train.optimizer.learning_rate),
     .fallback = "1e-3", .min = "0", .max = "1e6", .may_change = true},
    {OPTION_FLOAT, "clip-norm", "NORM", "clip gradients to this L2 norm; 0: no clipping",
     FIELD(train.optimizer.clip_norm), .fallback = "1e-2", .min = "0", .max = "1e6",
     .detail = "The norm is that of all gradients together.", .may_change = true},
    {OPTION_CHOICE, "sampling", LYRNN_SAMPLING_WORDS,
     "consecutive: carry the state through the text; random: shuffle pieces; songs: shuffle whole "
     "songs [songs]",
     FIELD(train.sampling),
     .detail = "songs starts each song from the zero state, as generate and eval do, and shuffles "
               "the songs. Short songs are padded, and --batch-size is lowered if fewer songs at a "
               "time take as many batches. consecutive is the tutorial's way: it carries the "
               "hidden state from batch to batch through the whole text. A model that is trained "
               "like that knows the zero state little, and may write nonsense from it. random "
               "starts each piece of --num-steps characters from the zero state, and shuffles the "
               "pieces. A corpus of one song, and any corpus of a bidirectional model, is sampled "
               "consecutively unless this option says otherwise; --songs says what a song is."},
    {OPTION_CHOICE, "offset", "zero|random", "first character of an epoch", FIELD(offset),
     .fallback = "zero",
     .detail = "random leaves out up to --num-steps characters at the start of each epoch, as "
               "later editions of the tutorial do. --sampling songs has no offset.",
     .if_missing = "zero"},
    {OPTION_FLOAT, "val-songs", "SHARE", "hold out this SHARE of the songs for validation; 0: none",
     FIELD(train.val_songs), .fallback = "0", .min = "0", .max = "0.9",
     .detail = "The perplexity of these songs, each read from its start, is printed too, and best "
               "is the checkpoint where it was lowest. A hash of a song's text and of --seed "
               "decides whether it is held out. So the share is met approximately, and adding "
               "or removing a song moves no other one. A line says how much of them the "
               "other songs have too.",
     .if_missing = "0"},
    {OPTION_FLOAT, "val-fraction", "SHARE",
     "hold out the last SHARE of the text for validation; 0: none", FIELD(train.val_fraction),
     .fallback = "0", .min = "0", .max = "0.9",
     .detail = "As --val-songs, but with the end of the text, for texts without songs. It begins "
               "where the training text ends, so validation continues with the state of the "
               "training. If songs are sampled, the last songs are held out instead, and each is "
               "read from its start."},
    {OPTION_FLAG, "drop-leaks", NULL,
     "do not learn lines that share 8 or more characters in a row with the held-out text",
     FIELD(train.drop_leaks)},
    {OPTION_INT, "patience", "N",
     "stop after N epochs without a better validation perplexity; 0: never", FIELD(train.patience),
     .fallback = "0", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_UINT64, "seed", "N", "seed of all random numbers: same seed, same model",
     FIELD(train.seed), .fallback = "1", .min = "0", .max = "9223372036854775807"},

    {OPTION_HEADING, .help = "Sample texts while training:"},
    {OPTION_INT, "pred-period", "N", "generate them every N epochs", FIELD(train.pred_period),
     .fallback = "50", .min = "1", .max = "1000000", .may_change = true},
    {OPTION_INT, "pred-len", "N", "characters to generate after each prefix", FIELD(train.pred_len),
     .fallback = "50", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_TEXTS, "prefix", "TEXT", "begin a sample text with TEXT (\\n: newline); repeatable",
     FIELD(prefixes), .fallback = "分开, 不分开",
     .detail = "In TEXT, \\n is a newline, \\t a tab and \\\\ a backslash.", .may_change = true},

    {OPTION_HEADING, .help = "Results:"},
    {OPTION_TEXT, "resume", "RUN_DIR", "continue this run where it stopped, with its own options",
     FIELD(resume_path),
     .detail =
         "A resumed run ends with the same bytes as one that never stopped, on the same "
         "backend and number of threads. Only options whose text says so may change. The lyrics "
         "are found where they were, or named again; their hash must be that of the run.",
     .completes = COMPLETE_RUN, .may_change = true},
    {OPTION_FLAG, "continue", NULL,
     "begin the run that --out names, or continue it; do nothing if it is complete",
     FIELD(train.is_repeated),
     .detail = "For schedulers, which repeat a command: the same command line begins the run, "
               "begins it again if nothing was saved before a kill, continues it from its latest "
               "checkpoint, and ends with status 0 once it is complete. The other options must be "
               "those that the run began with, as for --resume, and --init is used only when it "
               "begins."},
    {OPTION_TEXT, "out", "DIR", "directory of the run [runs/<date-time>]", FIELD(train.out_path),
     .completes = COMPLETE_DIRECTORY},
    {OPTION_FLAG, "overwrite", NULL, "replace the run that --out names", FIELD(train.overwrite),
     .detail = "The first checkpoint of the new run replaces it. Until then it stays as it was."},
    {OPTION_INT, "checkpoint-every", "N", "save a checkpoint every N epochs and after the last",
     FIELD(train.checkpoint_every), .fallback = "50", .min = "1", .max = "1000000",
     .detail = "The checkpoint with the best validation perplexity is saved in any case, until a "
               "better one replaces it.",
     .may_change = true},
    {OPTION_FLOAT, "checkpoint-minutes", "M",
     "also save one when M minutes have passed since the last; 0: never",
     FIELD(train.checkpoint_minutes), .fallback = "10", .min = "0", .max = "1e6",
     .detail = "Such a checkpoint may be within an epoch; the next one replaces it. It does not "
               "change the training.",
     .may_change = true, .if_missing = "10"},
    {OPTION_INT, "keep", "N", "keep the last N checkpoints and the best one; 0: all",
     FIELD(train.keep), .fallback = "0", .min = "0", .max = "1000000", .may_change = true},

    MACHINE_OPTIONS(train_fields, machine),
};
#undef FIELD

static const option_file files[] = {
    {"runs/NAME/config.json", "every option as it was resolved, the version and the seed"},
    {"runs/NAME/metrics.jsonl",
     "one JSON object per epoch: loss, perplexity, characters per second"},
    {"runs/NAME/checkpoints/epoch-000050/model.safetensors",
     "weights by PyTorch's names, vocabulary and shape"},
    {"runs/NAME/checkpoints/epoch-000050/trainer.safetensors",
     "what --resume needs: Adam's moments, the carried state and counters"},
    {"runs/NAME/latest", "link to the latest checkpoint"},
    {"runs/NAME/best", "link to the checkpoint with the best validation perplexity"},
    {"runs/NAME/lock", "names the process that trains"},
    {"runs/NAME/.new/", "with --overwrite: the new run, until its first checkpoint"},
    {NULL, NULL},
};

static const option_table table = {
    .name = "lyrnn train",
    .summary = "train a model on lyrics",
    .arguments = "[CORPUS...]",
    .doc = "Trains a model on lyrics: files, folders or archives of texts, LRC and JSON (-: "
           "standard input). Without a CORPUS it learns the sample lyrics that come with lyrnn. "
           "Perplexity and sample texts go to standard output, everything else to standard "
           "error.",
    .detail = READING_DETAIL
    " A text from standard input or a pipe must be named again to resume.\n"
    "On Ctrl-C and on SIGTERM, SIGHUP, SIGXCPU and SIGUSR2 the training finishes its "
    "step, saves a checkpoint and ends; --resume and --continue continue there. Signals "
    "that follow within a second count as one. A later one ends it at once, and the last "
    "checkpoint stays as it was. On SIGUSR1 it saves a checkpoint and continues. A signal "
    "that was ignored when the program started, as with nohup, stays ignored.",
    .examples = "lyrnn train --prefix 月光 --out runs/mine my_lyrics.txt\n"
                "lyrnn generate runs/mine --prefix 月光",
    .files = files,
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = INT_MAX,
    .first_argument = COMPLETE_FILE,
    .more_arguments = COMPLETE_FILE,
};

static lyrnn_status refuse_other_shape(const char *option, const char *asked, const char *path,
                                       const char *read)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s %s: the model in %s has %s; leave the option out",
                      option, asked, path, read);
}

static lyrnn_status refuse_other_number(const char *option, double asked, const char *path,
                                        double read)
{
    char asked_text[32], read_text[32];
    snprintf(asked_text, sizeof asked_text, "%g", asked);
    snprintf(read_text, sizeof read_text, "%g", read);
    return refuse_other_shape(option, asked_text, path, read_text);
}

/* Takes the shape of the opened model. An option may repeat it but not contradict it. Dropout is
 * not part of the shape: --dropout replaces that of the file. */
static lyrnn_status take_shape(train_fields *fields, const option_result *result,
                               const lyrnn_start *start)
{
    const char *path = start->model_path;
    lyrnn_rnn_config *asked = &fields->train.model, read = start->checkpoint.config;
    if (options_given(&table, result, "cell") && asked->cell != read.cell)
        return refuse_other_shape("cell", lyrnn_cell_name(asked->cell), path,
                                  lyrnn_cell_name(read.cell));
    if (options_given(&table, result, "hidden-size") && asked->hidden_size != read.hidden_size)
        return refuse_other_number("hidden-size", asked->hidden_size, path, read.hidden_size);
    if (options_given(&table, result, "num-layers") && asked->num_layers != read.num_layers)
        return refuse_other_number("num-layers", asked->num_layers, path, read.num_layers);
    if (asked->bidirectional && !read.bidirectional)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--bidirectional: the model in %s has one direction; leave the option "
                          "out",
                          path);
    if (options_given(&table, result, "dropout"))
        read.dropout = asked->dropout;
    *asked = read;
    return LYRNN_OK;
}

/* What a resumed run owns. */
typedef struct {
    train_fields fields;
    lyrnn_start start;
    json_t *config;
    const char **corpus_paths;
} resumed_run;

static lyrnn_status refuse_together(const char *option, const char *with)
{
    return lyrnn_fail(LYRNN_ERR_USAGE, "--%s: cannot be used with --%s; leave one of them out",
                      option, with);
}

/* --resume names a run that exists, --continue one that may, and --overwrite one that must go. */
static lyrnn_status check_start_options(const train_fields *fields, const option_result *result)
{
    static const char *const pairs[][2] = {{"init", "resume"},
                                           {"out", "resume"},
                                           {"overwrite", "resume"},
                                           {"continue", "resume"},
                                           {"overwrite", "continue"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (options_given(&table, result, pairs[i][0]) &&
            options_given(&table, result, pairs[i][1]))
            return refuse_together(pairs[i][0], pairs[i][1]);
    if (fields->preset != 0 && fields->init_path != NULL)
        return refuse_together("preset", "init");
    if (fields->train.is_repeated && fields->train.out_path == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--continue: does not know which run; name its folder with --out");
    return LYRNN_OK;
}

/* Fills `run` with the options of an existing run; those in `asked` that the user gave must be the
 * same, or replace them. --out and --continue say which run it is. */
static lyrnn_status take_run(train_fields *asked, const option_result *result, resumed_run *run)
{
    option_result given = *result;
    for (size_t i = 0; i < table.num_specs; i++)
        if (specs[i].kind != OPTION_HEADING &&
            (strcmp(specs[i].name, "out") == 0 || strcmp(specs[i].name, "continue") == 0))
            given.given[i] = false;
    const resume_args args = {
        .table = &table, .result = &given, .run_path = run->start.path, .config = run->config};
    LYRNN_TRY(resume_options(&args, asked, &run->fields));
    run->fields.train.is_repeated = asked->train.is_repeated;
    run->fields.train.text.is_plain_text = reading_of_record(run->config).is_plain_text;
    return LYRNN_OK;
}

/* What config.json holds: every option as it was resolved, the version, the device and the corpus.
 * learned: what a resumed run's says of earlier texts; else NULL. NULL: no memory. */
static json_t *config_to_json(const train_fields *fields, lyrnn_backend *backend,
                              const json_t *learned)
{
    char device[256];
    backend->describe(backend, device, sizeof device);
    json_t *config = json_pack(
        "{s:s, s:s, s:s, s:o}", "version", LYRNN_VERSION, "backend", backend->name, "device_name",
        device, "corpus",
        lyrnn_run_corpus_to_json(fields->train.corpus_paths, fields->train.num_corpus_paths));
    json_t *options = options_to_json(&table, fields);
    json_put(&options, "threads", json_integer(backend->num_threads));
    json_object_del(options, "resume");
    json_object_del(options, "continue");
    json_put_all(&config, options);
    if (fields->train.text.is_plain_text)
        json_put(&config, "plain_text", json_true());
    if (learned != NULL)
        json_put(&config, "learned", json_incref((json_t *)learned));
    json_decref(options);
    return config;
}

/* Opens the device and trains. The corpus is named, and the shape or the run's options are
 * taken. */
static lyrnn_status train_on_device(train_fields *fields, const option_result *result,
                                    lyrnn_start *start, const json_t *learned)
{
    lyrnn_train_options options = fields->train;
    options.start = start;
    options.prefixes = fields->prefixes.items;
    options.num_prefixes = fields->prefixes.num;
    /* When a resumed run began, its default prefixes were replaced if the corpus lacked their
     * characters. */
    options.prefixes_are_defaults = !options_given(&table, result, "prefix");
    options.sampling_is_default = start->kind != LYRNN_START_RESUME && fields->preset == 0 &&
                                  !options_given(&table, result, "sampling");
    options.random_offset = fields->offset != 0;
    options.watch_for_requests = interrupt_catch_stops;

    lyrnn_backend backend;
    LYRNN_TRY(machine_open(&fields->machine, &backend));
    json_t *config = config_to_json(fields, &backend, learned);
    options.config = config;
    lyrnn_status status = config != NULL
                              ? lyrnn_train(&options, &backend, stdout, stderr)
                              : lyrnn_out_of_memory("config.json", 0, "close other programs");
    /* Samples that could not be written were worth a warning only. */
    if (status == LYRNN_OK && standard_output_flush() != LYRNN_OK)
        standard_output_forgive();
    json_decref(config);
    lyrnn_backend_close(&backend);
    return status;
}

static void take_arguments(train_fields *fields, const option_result *result)
{
    fields->train.corpus_paths = (const char *const *)result->arguments;
    fields->train.num_corpus_paths = (size_t)result->num_arguments;
    fields->train.text.is_named_by_user = true;
    fields->train.text.log = stderr;
}

static lyrnn_status open_and_train(train_fields *fields, const option_result *result,
                                   lyrnn_start *start)
{
    take_arguments(fields, result);
    if (fields->init_path != NULL) {
        LYRNN_TRY(lyrnn_start_from_model(start, fields->init_path, fields->train.model.cell));
        LYRNN_TRY(take_shape(fields, result, start));
    }
    return train_on_device(fields, result, start, NULL);
}

static lyrnn_status train_new(train_fields *fields, const option_result *result)
{
    lyrnn_start start = {0};
    lyrnn_status status = open_and_train(fields, result, &start);
    lyrnn_start_free(&start);
    return status;
}

/* Names the corpus: by the command line, in case the files were moved, or by config.json. Their
 * hash shows whether they hold the same text. */
static lyrnn_status name_corpus(resumed_run *run, const option_result *result)
{
    lyrnn_train_options *options = &run->fields.train;
    if (result->num_arguments > 0) {
        take_arguments(&run->fields, result);
        return LYRNN_OK;
    }
    lyrnn_status status = lyrnn_run_corpus_paths(run->start.path, run->config, &run->corpus_paths,
                                                 &options->num_corpus_paths);
    options->corpus_paths = run->corpus_paths;
    return status != LYRNN_ERR_CORPUS
               ? status
               : lyrnn_fail(LYRNN_ERR_USAGE, "%s; name its files on the command line",
                            lyrnn_error_text());
}

static lyrnn_status read_and_train(train_fields *asked, const option_result *result,
                                   resumed_run *run)
{
    LYRNN_TRY(lyrnn_run_config_read(run->start.path, &run->config));
    LYRNN_TRY(take_run(asked, result, run));
    LYRNN_TRY(name_corpus(run, result));
    return train_on_device(&run->fields, result, &run->start,
                           json_object_get(run->config, "learned"));
}

/* A file of the run that does not fit the others was changed or damaged after lyrnn wrote it. */
static lyrnn_status train_resumed(train_fields *asked, const option_result *result,
                                  const char *path)
{
    resumed_run run = {.start = {.kind = LYRNN_START_RESUME, .path = path}};
    lyrnn_status status = read_and_train(asked, result, &run);
    lyrnn_start_free(&run.start);
    free(run.corpus_paths);
    options_free(&table, &run.fields);
    json_decref(run.config);
    return status == LYRNN_ERR_MODEL_FILE ? LYRNN_ERR_DAMAGED : status;
}

static lyrnn_status train(train_fields *fields, const option_result *result)
{
    const char *out = fields->train.out_path;
    LYRNN_TRY(check_start_options(fields, result));
    if (fields->preset != 0)
        LYRNN_TRY(options_take_preset(&table, result, tutorial, sizeof tutorial / sizeof *tutorial,
                                      fields));
    if (fields->resume_path != NULL)
        return train_resumed(fields, result, fields->resume_path);
    if (fields->train.is_repeated && lyrnn_run_dir_is_saved(out))
        return train_resumed(fields, result, out);
    return train_new(fields, result);
}

static lyrnn_status command_train(int argc, char **argv)
{
    train_fields fields = {0};
    option_result result;
    lyrnn_status status = options_parse(&table, argc, argv, &fields, &result);
    interrupt_catch_saves();
    if (status == LYRNN_OK && !result.help)
        status = train(&fields, &result);
    options_free(&table, &fields);
    return status;
}

const cli_command train_command = {&table, command_train};
