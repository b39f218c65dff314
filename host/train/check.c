/* What can be refused before a text is read: options that contradict each other, prefixes that no
 * vocabulary has, and a folder that the run cannot have. A caller that trains several times checks
 * all of them first. Read next: job.c. */
#include <limits.h>

#include "train/job.h"

static bool validates(const lyrnn_train_options *options)
{
    return options->val_songs > 0.0f || options->val_fraction > 0.0f;
}

static lyrnn_status check_validation(const lyrnn_train_options *options)
{
    if (options->val_songs > 0.0f && options->val_fraction > 0.0f)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--val-songs %g: cannot be used with --val-fraction; "
                          "leave one of them out",
                          (double)options->val_songs);
    if (options->patience > 0 && !validates(options))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--patience %d: needs a validation perplexity; add --val-songs 0.1, or "
                          "--val-fraction 0.1",
                          options->patience);
    if (options->drop_leaks && !validates(options))
        return lyrnn_fail(LYRNN_ERR_USAGE, "--drop-leaks: needs a validation text; add --val-songs "
                                           "0.1, or --val-fraction 0.1");
    if (options->drop_leaks && options->text.newlines == LYRNN_NEWLINES_SPACE)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--drop-leaks: finds no lines with --newlines space; "
                                           "leave one of them out");
    return LYRNN_OK;
}

lyrnn_status train_check_sampling(const lyrnn_train_options *options, lyrnn_sampling sampling)
{
    if (sampling != LYRNN_SAMPLING_SONGS)
        return LYRNN_OK;
    if (options->model.bidirectional)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--sampling songs: a bidirectional model reads the padding after a song "
                          "before its last line; choose --sampling consecutive");
    if (options->random_offset)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--offset random: --sampling songs has no offset; leave "
                                           "it out, or add --sampling consecutive");
    return LYRNN_OK;
}

static lyrnn_status check_shards(const lyrnn_train_options *options)
{
    int shards = options->optimizer.num_shards, next = shards;
    if (shards <= 1 || options->batch_size % shards == 0)
        return LYRNN_OK;
    while (next < options->batch_size && options->batch_size % next != 0)
        next++;
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--shards %d: does not divide --batch-size %d; use --shards %d, or another "
                      "--batch-size",
                      shards, options->batch_size,
                      next < options->batch_size ? next : options->batch_size);
}

/* The network has one input as long as the corpus has not given it others. */
static lyrnn_status check_recipe(const lyrnn_train_options *options)
{
    lyrnn_rnn_config network = train_network(options);
    network.input_size = 1;
    LYRNN_TRY(lyrnn_rnn_config_check(&network));
    if (options->optimizer.schedule == LYRNN_SCHEDULE_PLATEAU && !validates(options))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--schedule plateau: needs a validation perplexity; add --val-songs 0.1, "
                          "or --val-fraction 0.1");
    return check_shards(options);
}

static lyrnn_status check_prefixes(const lyrnn_train_options *options)
{
    for (size_t i = 0; i < options->num_prefixes; i++)
        LYRNN_TRY(lyrnn_prompt_check_option("--prefix", options->prefixes[i]));
    return LYRNN_OK;
}

/* Refuses a model and texts that a run at out_path would replace. Its other files stay. */
static lyrnn_status check_inputs(const lyrnn_train_options *options)
{
    const lyrnn_start *start = options->start;
    const char *out = options->out_path;
    char inside[PATH_MAX];
    if (out == NULL || train_what_may_exist(options) == LYRNN_EXISTING_KEEP)
        return LYRNN_OK;
    if (start != NULL && start->kind == LYRNN_START_INIT &&
        lyrnn_run_dir_contains(out, start->model_path, inside))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--init %s: is in %s, which the new run replaces; choose another --out",
                          start->path, out);
    for (size_t i = 0; i < options->num_corpus_paths; i++)
        if (lyrnn_run_dir_contains(out, options->corpus_paths[i], inside) &&
            (inside[0] == '\0' || lyrnn_run_dir_owns(inside)))
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "%s: is %s %s, which the new run replaces; choose another --out",
                              options->corpus_paths[i],
                              inside[0] == '\0' ? "the folder" : "a file of the run in", out);
    return LYRNN_OK;
}

static lyrnn_status check_plan(const lyrnn_train_options *options)
{
    plan_pair pair;
    lyrnn_status status = plan_pair_parse(options->plan, &pair);
    if (status == LYRNN_OK || !options->plan_is_of_run)
        return status;
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s/config.json: %s; correct the file",
                      options->start->path, lyrnn_error_text());
}

lyrnn_status train_check_values(const lyrnn_train_options *options)
{
    if (!options->sampling_is_default)
        LYRNN_TRY(train_check_sampling(options, options->sampling));
    LYRNN_TRY(check_validation(options));
    LYRNN_TRY(check_recipe(options));
    LYRNN_TRY(check_plan(options));
    return check_prefixes(options);
}

lyrnn_status lyrnn_train_check_options(const lyrnn_train_options *options)
{
    LYRNN_TRY(train_check_values(options));
    if (options->start != NULL && options->start->kind == LYRNN_START_RESUME)
        return LYRNN_OK;
    LYRNN_TRY(check_inputs(options));
    return lyrnn_run_dir_check(options->out_path, train_what_may_exist(options));
}
