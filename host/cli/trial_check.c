/* Checks a trial before the first training: whether lyrnn would train it, whether its run is that
 * of its line, and whether it compares with the others. Options are compared as they were resolved,
 * because a preset or a default may differ where no line does. Read next: trials.c. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plain_text.h"
#include "cli/trials.h"
#include "run/config.h"
#include "run/run_dir.h"

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* The folder, what the command does with it, and who trains. */
static bool is_of_command(const option_spec *spec)
{
    static const char *const names[] = {"resume", "continue",           "out", "overwrite", "trial",
                                        "ranks",  "rendezvous-timeout", NULL};
    return is_one_of(spec->name, names);
}

static bool is_reading(const option_spec *spec)
{
    size_t text = offsetof(train_fields, train.text);
    return spec->offset >= text && spec->offset < text + sizeof(lyrnn_corpus_rules);
}

/* What is read and what is held out of it. Perplexities of different texts do not compare, nor do
 * those of songs and of running text. */
static bool decides_text(const option_spec *spec)
{
    static const char *const names[] = {"val-songs", "val-fraction", "sampling", NULL};
    return spec->kind != OPTION_HEADING && (is_reading(spec) || is_one_of(spec->name, names));
}

lyrnn_status trial_check_fixed(const json_t *line)
{
    if (json_object_get(line, "corpus") != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "\"corpus\" cannot vary: all trials learn the lyrics of "
                                           "the command line");
    for (size_t i = 0; i < train_table.num_specs; i++) {
        const option_spec *spec = &train_table.specs[i];
        if (options_get(spec, line) != NULL && (is_of_command(spec) || decides_text(spec)))
            return lyrnn_fail(LYRNN_ERR_USAGE, "--%s cannot vary: it is an option of all trials",
                              spec->name);
    }
    return LYRNN_OK;
}

/* The run of a trial */

/* Whether another value would have trained another model up to now. What may be continued, and what
 * concerns only samples, checkpoints or the machine, would not. */
static bool decides_weights(const option_spec *spec)
{
    static const char *const names[] = {"lr", "clip-norm", NULL};
    return spec->kind != OPTION_HEADING && !is_of_command(spec) &&
           (!spec->may_change || is_one_of(spec->name, names));
}

/* Whether the run says with which value it was trained, and the options now say another one or may
 * do so. The corpus chooses a sampling that nobody chose. */
static bool is_comparable(const trial *item, const train_fields *fields, const json_t *config,
                          size_t i)
{
    const option_spec *spec = &train_table.specs[i];
    if (!decides_weights(spec))
        return false;
    if (strcmp(spec->name, "sampling") == 0 && !train_is_chosen(fields, &item->result, "sampling"))
        return false;
    return options_get(spec, config) != NULL || item->result.given[i];
}

static lyrnn_status refuse_change(const trial *item, const option_spec *spec, const json_t *now,
                                  const json_t *was)
{
    option_key key;
    options_key(spec, key);
    char *now_text = options_value_text(now), *was_text = options_value_text(was);
    lyrnn_status status =
        now_text != NULL && was_text != NULL
            ? lyrnn_fail(LYRNN_ERR_USAGE,
                         "%s is %s, but %s was trained with %s; restore the line, or name another "
                         "--out",
                         key, now_text, item->out, was_text)
            : LYRNN_ERR_MEMORY;
    free(now_text);
    free(was_text);
    return status;
}

/* Refuses options that the run of a trial was not trained with. */
static lyrnn_status compare_with_run(const trial *item, const train_fields *fields,
                                     const json_t *config, const train_fields *run)
{
    lyrnn_status status = LYRNN_OK;
    for (size_t i = 0; i < train_table.num_specs && status == LYRNN_OK; i++) {
        const option_spec *spec = &train_table.specs[i];
        if (!is_comparable(item, fields, config, i))
            continue;
        json_t *now = options_value_to_json(spec, fields), *was = options_value_to_json(spec, run);
        if (now == NULL || was == NULL)
            status = LYRNN_ERR_MEMORY;
        else if (!json_equal(now, was))
            status = refuse_change(item, spec, now, was);
        json_decref(now);
        json_decref(was);
    }
    return status;
}

/* Resolves the options of a trial that has a run, whose shape it keeps. The model of --init may be
 * gone by now. */
static lyrnn_status resolve_old(const trial *item, const json_t *config, train_fields *fields,
                                train_fields *run)
{
    lyrnn_status status = options_from_json(&train_table, config, run);
    if (status == LYRNN_ERR_MEMORY)
        return status;
    if (status != LYRNN_OK)
        return lyrnn_fail(LYRNN_ERR_DAMAGED, "%s/config.json: %s; correct the file", item->out,
                          lyrnn_error_text());
    lyrnn_start start = {.kind = LYRNN_START_RESUME, .path = item->out};
    start.checkpoint.config = run->train.model;
    snprintf(start.model_path, sizeof start.model_path, "%s", item->out);
    LYRNN_TRY(train_resolve(fields, &item->result, &start));
    LYRNN_TRY(compare_with_run(item, fields, config, run));
    return train_check_resolved(fields, &item->result, &start);
}

static lyrnn_status check_old(const trial *item, train_fields *fields)
{
    train_fields run = {0};
    json_t *config;
    LYRNN_TRY(lyrnn_run_config_read(item->out, &config));
    lyrnn_status status = resolve_old(item, config, fields, &run);
    options_free(&train_table, &run);
    json_decref(config);
    return status == LYRNN_ERR_MODEL_FILE ? LYRNN_ERR_DAMAGED : status;
}

/* A new trial */

static lyrnn_status check_new(const trial *item, train_fields *fields)
{
    lyrnn_start start = {0};
    if (!fields->train.is_repeated && access(item->out, F_OK) == 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: exists; add --continue to continue it, or name another --out",
                          item->out);
    if (fields->init_path != NULL && fields->init_path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--init: the name is empty; name a model.safetensors or a run");
    lyrnn_status status = train_resolve(fields, &item->result, &start);
    if (status == LYRNN_OK)
        status = train_check_resolved(fields, &item->result, &start);
    lyrnn_start_free(&start);
    return status;
}

static bool is_same_machine(const machine_options *a, const machine_options *b)
{
    return strcmp(a->device, b->device) == 0 && a->precision == b->precision &&
           a->threads == b->threads;
}

/* Opens the device of a trial once, unless it is that of the trial before. */
static lyrnn_status check_machine(const trial_list *list)
{
    const trial *item = &list->items[list->num - 1];
    lyrnn_backend backend;
    if (list->num > 1 && is_same_machine(&item->fields.machine, &item[-1].fields.machine))
        return LYRNN_OK;
    LYRNN_TRY(machine_open(&item->fields.machine, &backend));
    lyrnn_backend_close(&backend);
    return LYRNN_OK;
}

/* The sampling that nobody chose is that of several songs, as far as it decides what is held
 * out. */
static void take_sampling(const trial *item, train_fields *fields)
{
    if (train_is_chosen(fields, &item->result, "sampling"))
        return;
    fields->train.sampling = fields->train.model.bidirectional && fields->train.val_fraction > 0.0f
                                 ? LYRNN_SAMPLING_CONSECUTIVE
                                 : LYRNN_SAMPLING_SONGS;
}

/* Sets what the options of a trial stand for. Resolving uses up the fields, so it gets its own. */
static lyrnn_status resolve(trial *item)
{
    train_fields fields = {.is_check = true};
    lyrnn_status status = options_from_json(&train_table, item->options, &fields);
    fields.train.out_path = item->out;
    bool is_old = fields.train.is_repeated && lyrnn_run_dir_is_saved(item->out);
    if (status == LYRNN_OK)
        status = train_check_start_options(&fields, &item->result);
    if (status == LYRNN_OK)
        status = is_old ? check_old(item, &fields) : check_new(item, &fields);
    if (status == LYRNN_OK) {
        take_sampling(item, &fields);
        item->resolved = options_to_json(&train_table, &fields);
        status = item->resolved != NULL ? LYRNN_OK : LYRNN_ERR_MEMORY;
    }
    options_free(&train_table, &fields);
    return status;
}

/* Comparing the trials */

static lyrnn_status refuse_other_text(const trial_list *list, const option_spec *spec)
{
    const trial *first = &list->items[0], *item = &list->items[list->num - 1];
    char *here = options_value_text(options_get(spec, item->resolved));
    char *there = options_value_text(options_get(spec, first->resolved));
    lyrnn_status status =
        here != NULL && there != NULL
            ? lyrnn_fail(LYRNN_ERR_USAGE,
                         "--%s is %s here and %s in line %zu, but all trials must %s the same; "
                         "give --%s on the command line",
                         spec->name, here, there, first->number,
                         is_reading(spec) ? "read" : "hold out", spec->name)
            : LYRNN_ERR_MEMORY;
    free(here);
    free(there);
    return status;
}

lyrnn_status trial_check(const trial_list *list)
{
    const trial *first = &list->items[0];
    trial *item = &list->items[list->num - 1];
    LYRNN_TRY(resolve(item));
    for (size_t i = 0; i < train_table.num_specs; i++) {
        const option_spec *spec = &train_table.specs[i];
        if (decides_text(spec) &&
            !json_equal(options_get(spec, item->resolved), options_get(spec, first->resolved)))
            return refuse_other_text(list, spec);
    }
    return check_machine(list);
}

void trials_warn_of_seeds(const trial_list *list)
{
    const json_t *first = list->items[0].resolved, *seed = json_object_get(first, "seed");
    if (json_number_value(json_object_get(first, "val_songs")) <= 0.0)
        return;
    for (size_t i = 1; i < list->num; i++)
        if (!json_equal(seed, json_object_get(list->items[i].resolved, "seed"))) {
            lyrnn_print_plain(stderr,
                              "warning: %s: seed varies, and --val-songs holds out other songs for "
                              "each seed; use --val-fraction, which holds out the same end of the "
                              "text for all of them\n",
                              list->path);
            return;
        }
}
