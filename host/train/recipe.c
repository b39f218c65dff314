/* The recipe: what the options of the model and the optimizer mean together. */
#include "train/job.h"

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

lyrnn_status train_check_recipe(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    bool validates = options->val_songs > 0.0f || options->val_fraction > 0.0f;
    LYRNN_TRY(lyrnn_rnn_config_check(&job->config));
    if (options->optimizer.schedule == LYRNN_SCHEDULE_PLATEAU && !validates)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--schedule plateau: needs a validation perplexity; add --val-songs 0.1, "
                          "or --val-fraction 0.1");
    return check_shards(options);
}

void train_set_optimizer(train_job *job)
{
    job->optimizer = job->options->optimizer;
    job->optimizer.num_steps = (int64_t)job->batches.K * job->options->num_epochs;
}
