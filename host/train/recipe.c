/* The recipe: the optimizer that the options stand for, the schedule over the epochs, and the lines
 * of the plan about model and optimizer. */
#include "base/plain_text.h"
#include "train/job.h"

void train_set_optimizer(train_job *job)
{
    static const double beta2_of_adam = 0.999;
    job->optimizer = job->options->optimizer;
    job->optimizer.num_shards = train_num_shards(job);
    if (job->optimizer.beta2 == beta2_of_adam)
        job->optimizer.beta2 = 0.0; /* which means the same */
    job->optimizer.num_steps = (int64_t)job->batches.K * job->options->num_epochs;
}

void train_follow_plateau(train_job *job, int epoch)
{
    if (job->optimizer.schedule != LYRNN_SCHEDULE_PLATEAU ||
        !lyrnn_is_plateau(epoch, job->state.best_epoch, job->state.halved_epoch))
        return;
    lyrnn_trainer_halve_rate(&job->trainer);
    job->state.halved_epoch = epoch;
    fprintf(lyrnn_progress_log(&job->progress),
            "plateau: no better validation perplexity for %d epochs; the learning rate is halved "
            "to %g after epoch %d\n",
            LYRNN_PLATEAU_EPOCHS,
            lyrnn_learning_rate(&job->optimizer, job->trainer.num_halvings,
                                job->optimizer.warmup_steps),
            epoch);
}

/* The plan */

/* A part of a line, which is a list. The first part also begins the line with its name. */
typedef struct {
    FILE *log;
    const char *name;
    bool has_begun;
} plan_line;

static void log_part(plan_line *line, const char *before, double value, const char *after)
{
    enum { EXACT_BELOW = 1000000 };
    fputs(line->has_begun ? ", " : line->name, line->log);
    fprintf(line->log, value < EXACT_BELOW ? "%s%g%s" : "%s%.0f%s", before, value, after);
    line->has_begun = true;
}

static void end_line(const plan_line *line)
{
    if (line->has_begun)
        fputc('\n', line->log);
}

static void warn_of_dropout(const train_job *job, float probability, const char *name,
                            const char *what)
{
    if (probability == 1.0f)
        lyrnn_print_plain(job->log, "warning: --%s 1 drops %s in every step; lower it\n", name,
                          what);
}

static void warn_of_dropouts(const train_job *job)
{
    const lyrnn_rnn_config *config = &job->config;
    if (config->dropout > 0.0f && config->num_layers == 1)
        lyrnn_print_plain(job->log,
                          "warning: --dropout acts between layers, and this model has only one\n");
    else
        warn_of_dropout(job, config->dropout, "dropout", "all outputs between the layers");
    warn_of_dropout(job, config->dropout_input, "dropout-input", "the whole embedding");
    warn_of_dropout(job, config->dropout_output, "dropout-output", "all outputs of the last layer");
    warn_of_dropout(job, config->dropout_weight, "dropout-weight", "all recurrent weights");
}

static void log_dropouts(const train_job *job)
{
    const lyrnn_rnn_config *config = &job->config;
    plan_line line = {.log = job->log, .name = "dropout: "};
    if (config->dropout > 0.0f)
        log_part(&line, "", (double)config->dropout, " between layers");
    if (config->dropout_input > 0.0f)
        log_part(&line, "", (double)config->dropout_input, " of the embedding");
    if (config->dropout_output > 0.0f)
        log_part(&line, "", (double)config->dropout_output, " of the output");
    if (config->dropout_weight > 0.0f)
        log_part(&line, "", (double)config->dropout_weight, " of the recurrent weights");
    end_line(&line);
    warn_of_dropouts(job);
}

static void log_schedule(const lyrnn_optimizer_config *optimizer, plan_line *line)
{
    if (optimizer->warmup_steps > 0)
        log_part(line, "warm-up over ", (double)optimizer->warmup_steps, " steps");
    if (optimizer->schedule == LYRNN_SCHEDULE_COSINE)
        log_part(line, "cosine to 0 at step ", (double)optimizer->num_steps, "");
    if (optimizer->schedule == LYRNN_SCHEDULE_PLATEAU)
        log_part(line, "learning rate halved after ", LYRNN_PLATEAU_EPOCHS,
                 " epochs without a better validation");
}

static void log_optimizer(const train_job *job)
{
    const lyrnn_optimizer_config *optimizer = &job->optimizer;
    plan_line line = {.log = job->log, .name = "optimizer: "};
    log_schedule(optimizer, &line);
    if (optimizer->weight_decay > 0.0f)
        log_part(&line, "weight decay ", (double)optimizer->weight_decay, "");
    if (optimizer->beta2 > 0.0)
        log_part(&line, "beta2 ", optimizer->beta2, "");
    if (optimizer->average_decay > 0.0)
        log_part(&line, "average of the weights with decay ", optimizer->average_decay, "");
    if (optimizer->num_shards > 1)
        log_part(&line, "", optimizer->num_shards, " shards per batch");
    end_line(&line);
    if (optimizer->num_steps > 0 && optimizer->warmup_steps > optimizer->num_steps)
        lyrnn_print_plain(job->log,
                          "warning: --warmup %lld is longer than the training, of %lld steps; "
                          "lower it, or raise --num-epochs\n",
                          (long long)optimizer->warmup_steps, (long long)optimizer->num_steps);
}

void train_log_recipe(const train_job *job)
{
    log_dropouts(job);
    log_optimizer(job);
    if (job->config.embedding_size > 0)
        lyrnn_print_plain(job->log, "model: has an embedding, so the tutorial's RNNModel cannot "
                                    "load it\n");
}
