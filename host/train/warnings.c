/* Warnings about a training that goes wrong without failing: a perplexity that is not finite, a
 * loss that stays above that of guessing, and a text that is learned by heart. A loss that is NaN
 * or infinite itself ends the training (epochs.c). */
#include <math.h>

#include "base/plain_text.h"
#include "train/job.h"

/* Whether a step of weight decay turns the weights over instead of making them smaller. */
static bool decays_too_much(const train_job *job)
{
    const lyrnn_optimizer_config *optimizer = &job->options->optimizer;
    return optimizer->learning_rate * optimizer->weight_decay >= 1.0f;
}

const char *train_advice(const train_job *job)
{
    if (decays_too_much(job))
        return "lower --weight-decay or --lr, so that their product is below 1";
    return job->options->optimizer.clip_norm > 0.0f
               ? "lower --lr or --clip-norm"
               : "lower --lr, or clip gradients with --clip-norm 0.01";
}

static void warn_if_not_finite(train_job *job, const lyrnn_metrics *metrics)
{
    const char *before = job->warnings.infinite;
    job->warnings.infinite = NULL;
    if (metrics->is_validated && !isfinite(metrics->validation_perplexity))
        job->warnings.infinite = "validation perplexity";
    if (!isfinite(metrics->perplexity))
        job->warnings.infinite = "perplexity";
    if (job->warnings.infinite != NULL && before == NULL)
        fprintf(lyrnn_progress_log(&job->progress), "warning: epoch %d: the %s is not finite; %s\n",
                metrics->epoch, job->warnings.infinite, train_advice(job));
}

/* What to do against a loss that stays above that of guessing. Just above it, a model has not begun
 * to learn; far above it, its updates are too large, or --init gave it weights of another text. */
static const char *advice_against_guessing(const train_job *job, double excess)
{
    const double little = 0.25;
    if (excess < little && !decays_too_much(job))
        return "train longer, or raise --lr";
    if (job->start->kind == LYRNN_START_INIT && !decays_too_much(job))
        return "lower --lr, or check that the model of --init learned a text like this one";
    return train_advice(job);
}

static void warn_if_worse_than_guessing(train_job *job, const lyrnn_metrics *metrics)
{
    enum { EPOCHS = 3 };
    double guessing = log((double)job->vocab.V);
    train_warnings *warnings = &job->warnings;
    warnings->num_worse = metrics->nats_per_char > guessing ? warnings->num_worse + 1 : 0;
    if (warnings->num_worse < EPOCHS || warnings->has_named_guessing)
        return;
    warnings->has_named_guessing = true;
    fprintf(lyrnn_progress_log(&job->progress),
            "warning: epoch %d: the loss is %.2f nats per character, for %d epochs above %.2f, "
            "that of guessing; %s\n",
            metrics->epoch, metrics->nats_per_char, EPOCHS, guessing,
            advice_against_guessing(job, metrics->nats_per_char - guessing));
}

/* The model gets worse on what it does not learn, and far worse than on what it learns. With
 * --patience it stops by itself. */
static void warn_if_by_heart(train_job *job, const lyrnn_metrics *metrics)
{
    enum { TIMES = 10, EPOCHS = 3 };
    int best = job->state.best_epoch;
    if (job->warnings.has_named_gap || job->options->patience > 0 || !metrics->is_validated ||
        best == 0 || metrics->epoch - best < EPOCHS ||
        !(metrics->validation_perplexity > TIMES * metrics->perplexity))
        return;
    job->warnings.has_named_gap = true;
    lyrnn_print_plain(lyrnn_progress_log(&job->progress),
                      "warning: epoch %d: the validation perplexity is more than %d times that of "
                      "training; the model learns the text by heart: use %s/best, or stop with "
                      "--patience\n",
                      metrics->epoch, TIMES, job->run.path);
}

void train_warn_of_epoch(train_job *job, const lyrnn_metrics *metrics)
{
    warn_if_not_finite(job, metrics);
    warn_if_worse_than_guessing(job, metrics);
    warn_if_by_heart(job, metrics);
}

lyrnn_status train_check_last_epoch(const train_job *job)
{
    return job->warnings.infinite == NULL
               ? LYRNN_OK
               : lyrnn_fail(
                     LYRNN_ERR_DIVERGED,
                     "%s: is saved, but the %s of its last epoch is not finite; %s, and train "
                     "again",
                     job->run.path, job->warnings.infinite, train_advice(job));
}
