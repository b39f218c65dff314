/* lyrnn train. A new training takes the shape of its model from the options, --init from the opened
 * model file, and --resume every option from the run. --continue is one of the three. train/start.c
 * does the rest of that difference. train_options.c has the options, and train_ranks.c what several
 * ranks share. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/interrupt.h"
#include "cli/reading.h"
#include "cli/resume_options.h"
#include "cli/standard_output.h"
#include "cli/train_presets.h"
#include "cli/train_ranks.h"
#include "cli/trials.h"
#include "files/json_build.h"
#include "lyrnn/version.h"
#include "run/config.h"
#include "run/reading_record.h"
#include "run/run_corpus.h"
#include "run/run_dir.h"

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

/* An embedding is part of the shape. */
static lyrnn_status check_embedding(const lyrnn_rnn_config *asked, const option_result *result,
                                    const lyrnn_start *start)
{
    const lyrnn_rnn_config *read = &start->checkpoint.config;
    const char *path = start->model_path;
    if (options_given(&train_table, result, "embedding-size") &&
        asked->embedding_size != read->embedding_size)
        return refuse_other_number("embedding-size", asked->embedding_size, path,
                                   read->embedding_size);
    return !asked->tied || read->tied
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_USAGE,
                            "--tie: the model in %s has an output layer of its own; leave the "
                            "option out",
                            path);
}

bool train_is_chosen(const train_fields *fields, const option_result *result, const char *name)
{
    return options_given(&train_table, result, name) || train_preset_has(fields, name);
}

/* Dropouts are not part of the shape: those that were chosen replace those of the file. */
static void take_dropouts(const train_fields *fields, const option_result *result,
                          lyrnn_rnn_config *read)
{
    const lyrnn_rnn_config *asked = &fields->train.model;
    if (train_is_chosen(fields, result, "dropout"))
        read->dropout = asked->dropout;
    if (train_is_chosen(fields, result, "dropout-input"))
        read->dropout_input = asked->dropout_input;
    if (train_is_chosen(fields, result, "dropout-output"))
        read->dropout_output = asked->dropout_output;
    if (train_is_chosen(fields, result, "dropout-weight"))
        read->dropout_weight = asked->dropout_weight;
}

/* Takes the shape of the opened model. An option may repeat it but not contradict it. */
static lyrnn_status take_shape(train_fields *fields, const option_result *result,
                               const lyrnn_start *start)
{
    const char *path = start->model_path;
    lyrnn_rnn_config *asked = &fields->train.model, read = start->checkpoint.config;
    if (options_given(&train_table, result, "cell") && asked->cell != read.cell)
        return refuse_other_shape("cell", lyrnn_cell_name(asked->cell), path,
                                  lyrnn_cell_name(read.cell));
    if (options_given(&train_table, result, "hidden-size") &&
        asked->hidden_size != read.hidden_size)
        return refuse_other_number("hidden-size", asked->hidden_size, path, read.hidden_size);
    if (options_given(&train_table, result, "num-layers") && asked->num_layers != read.num_layers)
        return refuse_other_number("num-layers", asked->num_layers, path, read.num_layers);
    if (asked->bidirectional && !read.bidirectional)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--bidirectional: the model in %s has one direction; leave the option "
                          "out",
                          path);
    LYRNN_TRY(check_embedding(asked, result, start));
    take_dropouts(fields, result, &read);
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
lyrnn_status train_check_start_options(const train_fields *fields, const option_result *result)
{
    static const char *const pairs[][2] = {{"init", "resume"},       {"out", "resume"},
                                           {"overwrite", "resume"},  {"trial", "resume"},
                                           {"trial", "overwrite"},   {"continue", "resume"},
                                           {"overwrite", "continue"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (options_given(&train_table, result, pairs[i][0]) &&
            options_given(&train_table, result, pairs[i][1]))
            return refuse_together(pairs[i][0], pairs[i][1]);
    if (fields->preset == PRESET_IS_TUTORIAL && fields->init_path != NULL)
        return refuse_together("preset tutorial", "init");
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
    for (size_t i = 0; i < train_table.num_specs; i++)
        if (train_table.specs[i].kind != OPTION_HEADING &&
            (strcmp(train_table.specs[i].name, "out") == 0 ||
             strcmp(train_table.specs[i].name, "continue") == 0))
            given.given[i] = false;
    const resume_args args = {.table = &train_table,
                              .result = &given,
                              .run_path = run->start.path,
                              .config = run->config};
    LYRNN_TRY(resume_options(&args, asked, &run->fields));
    run->fields.train.is_repeated = asked->train.is_repeated;
    run->fields.is_trial = asked->is_trial;
    run->fields.comm = asked->comm;
    run->fields.silence = asked->silence;
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
    json_t *options = options_to_json(&train_table, fields);
    json_put(&options, "threads", json_integer(backend->num_threads));
    json_object_del(options, "resume");
    json_object_del(options, "continue");
    json_object_del(options, "trial");
    json_object_del(options, "ranks");
    json_object_del(options, "rendezvous_timeout");
    json_put_all(&config, options);
    if (fields->train.text.is_plain_text)
        json_put(&config, "plain_text", json_true());
    if (fields->comm != NULL)
        json_put(&config, "ranks", json_integer(fields->comm->size));
    if (learned != NULL)
        json_put(&config, "learned", json_incref((json_t *)learned));
    json_decref(options);
    return config;
}

static void take_arguments(train_fields *fields, const option_result *result)
{
    fields->train.corpus_paths = (const char *const *)result->arguments;
    fields->train.num_corpus_paths = (size_t)result->num_arguments;
    fields->train.text.is_named_by_user = true;
    fields->train.text.log = train_log(fields);
}

/* The resolved options for lyrnn_train, without config.json. */
static lyrnn_train_options options_of(const train_fields *fields, const option_result *result,
                                      lyrnn_start *start)
{
    lyrnn_train_options options = fields->train;
    options.start = start;
    options.prefixes = fields->prefixes.items;
    options.num_prefixes = fields->prefixes.num;
    /* When a resumed run began, its default prefixes were replaced if the corpus lacked their
     * characters. */
    options.prefixes_are_defaults = !options_given(&train_table, result, "prefix");
    options.sampling_is_default =
        start->kind != LYRNN_START_RESUME && !train_is_chosen(fields, result, "sampling");
    options.random_offset = fields->offset != 0;
    options.plan_is_of_run =
        start->kind == LYRNN_START_RESUME && !options_given(&train_table, result, "plan");
    options.is_one_of_several = fields->is_trial;
    options.watch_for_requests = interrupt_catch_stops;
    return options;
}

/* Trains on an open device. */
static lyrnn_status train_on(lyrnn_backend *backend, train_fields *fields,
                             lyrnn_train_options *options, const json_t *learned)
{
    FILE *log = train_log(fields);
    LYRNN_TRY(rank_command_join(fields->comm, backend));
    json_t *config = config_to_json(fields, backend, learned);
    if (config == NULL)
        return lyrnn_out_of_memory("config.json", 0, "close other programs");
    options->config = config;
    bool has_output = train_is_leader(fields) && !fields->is_trial;
    lyrnn_status status = lyrnn_train(options, backend, has_output ? stdout : log, log);
    json_decref(config);
    /* Samples that could not be written were worth a warning only. */
    if (status == LYRNN_OK && standard_output_flush() != LYRNN_OK)
        standard_output_forgive();
    return status;
}

static lyrnn_status open_and_train(train_fields *fields, const option_result *result,
                                   lyrnn_start *start, const json_t *learned)
{
    lyrnn_train_options options = options_of(fields, result, start);
    lyrnn_backend backend;
    LYRNN_TRY(machine_open_rank(&fields->machine, fields->comm, &backend));
    const lyrnn_status status = train_on(&backend, fields, &options, learned);
    return rank_command_leave(fields->comm, &backend, status);
}

/* Opens the model of --init, which rank 0 reads for all. */
static lyrnn_status open_model(const train_fields *fields, lyrnn_start *start)
{
    *start = (lyrnn_start){.kind = LYRNN_START_INIT, .path = fields->init_path};
    if (train_is_leader(fields))
        LYRNN_TRY(lyrnn_start_from_model(start, fields->init_path, fields->train.model.cell));
    return lyrnn_start_share(start, fields->comm);
}

/* Unless it was chosen, a batch has one shard per rank. */
static void take_shards(train_fields *fields, const option_result *result)
{
    if (fields->comm != NULL && !train_is_chosen(fields, result, "shards"))
        fields->train.optimizer.num_shards = fields->comm->size;
}

lyrnn_status train_resolve(train_fields *fields, const option_result *result, lyrnn_start *start)
{
    take_arguments(fields, result);
    take_shards(fields, result);
    if (fields->init_path == NULL)
        return train_take_preset(fields, result, NULL);
    if (start->kind == LYRNN_START_NEW)
        LYRNN_TRY(open_model(fields, start));
    LYRNN_TRY(train_take_preset(fields, result, &start->checkpoint.config));
    return take_shape(fields, result, start);
}

lyrnn_status train_check_resolved(const train_fields *fields, const option_result *result,
                                  lyrnn_start *start)
{
    const lyrnn_train_options options = options_of(fields, result, start);
    return lyrnn_train_check_options(&options);
}

static lyrnn_status resolve_and_train(train_fields *fields, const option_result *result,
                                      lyrnn_start *start)
{
    LYRNN_TRY(train_resolve(fields, result, start));
    return open_and_train(fields, result, start, NULL);
}

static lyrnn_status train_new(train_fields *fields, const option_result *result)
{
    lyrnn_start start = {0};
    lyrnn_status status = resolve_and_train(fields, result, &start);
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
    if (train_is_leader(asked))
        LYRNN_TRY(lyrnn_run_config_read(run->start.path, &run->config));
    LYRNN_TRY(train_share_json(asked->comm, &run->config));
    LYRNN_TRY(take_run(asked, result, run));
    LYRNN_TRY(name_corpus(run, result));
    return open_and_train(&run->fields, result, &run->start,
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
    options_free(&train_table, &run.fields);
    json_decref(run.config);
    return status == LYRNN_ERR_MODEL_FILE ? LYRNN_ERR_DAMAGED : status;
}

lyrnn_status train_by_options(train_fields *fields, const option_result *result)
{
    const char *out = fields->train.out_path;
    LYRNN_TRY(train_check_start_options(fields, result));
    if (fields->resume_path != NULL)
        return train_resumed(fields, result, fields->resume_path);
    bool is_begun =
        train_is_leader(fields) && fields->train.is_repeated && lyrnn_run_dir_is_saved(out);
    LYRNN_TRY(train_share_bytes(fields->comm, &is_begun, sizeof is_begun));
    return is_begun ? train_resumed(fields, result, out) : train_new(fields, result);
}

static lyrnn_status train_or_try(train_fields *fields, const option_result *result)
{
    return fields->trial_path != NULL ? train_trials(fields, result)
                                      : train_by_options(fields, result);
}

typedef struct {
    train_fields *fields;
    const option_result *result;
} train_command_line;

static lyrnn_status train_at(void *context, const rank_place *place)
{
    const train_command_line *line = (const train_command_line *)context;
    LYRNN_TRY(train_take_place(line->fields, line->result, place));
    return train_or_try(line->fields, line->result);
}

static lyrnn_status command_train(int argc, char **argv)
{
    train_fields fields = {0};
    option_result result;
    train_command_line line = {&fields, &result};
    lyrnn_status status = options_parse(&train_table, argc, argv, &fields, &result);
    interrupt_catch_saves();
    if (status != LYRNN_OK || !result.help)
        status = rank_command_run(&(rank_command){.table = &train_table,
                                                  .fields = &fields,
                                                  .result = &result,
                                                  .num_ranks = fields.num_ranks,
                                                  .timeout_seconds = fields.rendezvous_timeout,
                                                  .work = train_at,
                                                  .context = &line},
                                  status);
    options_free(&train_table, &fields);
    return status;
}

const cli_command train_command = {&train_table, command_train};
