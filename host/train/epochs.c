/* Trains epoch by epoch. Reports and saves after each, and within them if that is asked for. A
 * process that is killed loses at most the steps since its last checkpoint; one that is asked to
 * stop (Ctrl-C, SIGTERM) saves first and loses none. Steps, validation and samples all poll for
 * requests, by `obey`. If there are several ranks, only rank 0 reports and saves (agreement.c). */
#include "train/job.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/plain_text.h"

static lyrnn_status diverged(const train_job *job, const char *what, int64_t step, int epoch)
{
    /* One of several is continued by the command of all, and not with the options that diverged. */
    bool has_checkpoint =
        !job->options->is_one_of_several && lyrnn_run_dir_has_checkpoint(&job->run);
    return lyrnn_fail(LYRNN_ERR_DIVERGED, "training: %s at step %lld, in epoch %d; %s%s%s", what,
                      (long long)step, epoch, train_advice(job),
                      has_checkpoint ? "; to continue from the last checkpoint: --resume " : "",
                      has_checkpoint ? job->run.path : "");
}

static bool has_lost_patience(const train_job *job, int epoch)
{
    int patience = job->options->patience;
    return patience > 0 && epoch - job->state.best_epoch >= patience;
}

static bool is_last(const train_job *job, int epoch)
{
    return epoch == job->options->num_epochs || has_lost_patience(job, epoch);
}

/* Reports that the run has another name by now. */
static void report_rename(train_job *job)
{
    if (!job->run.was_renamed)
        return;
    lyrnn_progress_clear(&job->progress);
    lyrnn_print_plain(job->log, "run: has been renamed; it is saved in %s\n", job->run.path);
    job->run.was_renamed = false;
}

static lyrnn_status interrupted(train_job *job)
{
    if (!train_leads(job))
        return lyrnn_fail(LYRNN_INTERRUPTED, "training: interrupted with rank 0");
    LYRNN_TRY(lyrnn_run_dir_locate(&job->run));
    report_rename(job);
    const lyrnn_trainer_state *state = &job->state;
    char batch[64] = "";
    if (state->snapshot.counters.batch == 0 && is_last(job, state->snapshot.epoch))
        return lyrnn_fail(LYRNN_INTERRUPTED,
                          "%s: interrupted in its last samples; the run is complete and saved, to "
                          "generate texts: lyrnn generate %s",
                          job->run.path, job->run.path);
    if (state->snapshot.counters.batch > 0)
        snprintf(batch, sizeof batch, " and %lld of %zu batches",
                 (long long)state->snapshot.counters.batch, job->batches.K);
    return lyrnn_fail(
        LYRNN_INTERRUPTED,
        "%s: interrupted after epoch %d%s, and saved; to continue: lyrnn train --resume %s",
        job->run.path, state->snapshot.epoch, batch, job->run.path);
}

/* Saving */

/* Ends the epoch in the state: its sums are reported, and those of the next epoch begin at zero. */
static void close_epoch(train_job *job, int epoch)
{
    lyrnn_counters *counters = &job->state.snapshot.counters;
    job->state.snapshot.epoch = epoch;
    job->state.is_reported = false;
    counters->batch = 0;
    counters->loss_sum = 0.0;
    counters->loss_count = 0;
    job->state.epoch_seconds = 0.0;
}

static bool are_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* Downloads what a checkpoint holds. The last update may have made a weight infinite or NaN, which
 * no loss shows yet, so that the weights are checked here, and their average. */
static lyrnn_status download_checkpoint(train_job *job)
{
    lyrnn_model_download(lyrnn_trainer_result(&job->trainer), job->params);
    lyrnn_trainer_download(&job->trainer, &job->state.snapshot);
    const lyrnn_counters *counters = &job->state.snapshot.counters;
    if (counters->bad_step != 0)
        return diverged(job, "the loss became NaN or infinite", counters->bad_step,
                        job->state.snapshot.epoch + 1);
    size_t count = job->model.parameters.count;
    const float *raw = job->state.snapshot.raw;
    if (!are_finite(job->params, count) || (raw != NULL && !are_finite(raw, count)))
        return diverged(job, "a weight became NaN or infinite", counters->step,
                        job->state.snapshot.epoch + 1);
    return LYRNN_OK;
}

static lyrnn_status save_downloaded(train_job *job)
{
    LYRNN_TRY(lyrnn_run_dir_save(&job->run, &job->config, &job->vocab, job->params, &job->state));
    job->is_saved = true;
    job->saved_seconds = lyrnn_seconds();
    report_rename(job);
    return LYRNN_OK;
}

/* Saves what is the best so far, and removes the epoch that was the best before, `before`, unless
 * --checkpoint-every asked for that one. `latest` does not name it any more. 0: there is none, or
 * it is within an epoch, where lyrnn_run_dir_prune removes it. */
static lyrnn_status save_best(train_job *job, int before)
{
    LYRNN_TRY(save_downloaded(job));
    if (before != 0 && before % job->options->checkpoint_every != 0)
        lyrnn_run_dir_remove(&job->run, before);
    return LYRNN_OK;
}

static lyrnn_status save_within_epoch(train_job *job)
{
    LYRNN_TRY(download_checkpoint(job));
    if (job->state.snapshot.counters.batch < (int64_t)job->batches.K && !job->is_reporting)
        job->state.epoch_seconds = lyrnn_seconds() - job->epoch_start;
    LYRNN_TRY(save_downloaded(job));
    lyrnn_run_dir_prune(&job->run, job->options->keep);
    return LYRNN_OK;
}

/* Saves an epoch that --checkpoint-every did not ask for. The weights are still those of its
 * end. */
static lyrnn_status save_after_epoch(train_job *job)
{
    int epoch = job->state.snapshot.epoch;
    LYRNN_TRY(download_checkpoint(job));
    close_epoch(job, epoch);
    LYRNN_TRY(save_downloaded(job));
    lyrnn_run_dir_prune(&job->run, job->options->keep);
    return LYRNN_OK;
}

/* Only rank 0 saves. In validation and in samples the others wait already. */
static lyrnn_status save_on_demand(train_job *job, lyrnn_status (*save)(train_job *job))
{
    if (job->agreement.are_waiting)
        return save(job);
    LYRNN_TRY(train_begin_alone(job));
    return train_end_alone(job, train_leads(job) ? save(job) : LYRNN_OK);
}

/* Does what signals and --checkpoint-minutes ask for, at a place where `save` saves the training as
 * it is. */
static lyrnn_status obey(train_job *job, lyrnn_status (*save)(train_job *job))
{
    train_demand demand;
    LYRNN_TRY(train_agree(job, &demand));
    if (demand.stop == 0 && !demand.save)
        return LYRNN_OK;
    if (job->requests != NULL)
        job->requests->save = 0;
    if (!job->is_saved)
        LYRNN_TRY(save_on_demand(job, save));
    return demand.stop != 0 ? interrupted(job) : LYRNN_OK;
}

static lyrnn_status obey_within_epoch(void *context)
{
    return obey((train_job *)context, save_within_epoch);
}

static lyrnn_status obey_in_validation(void *context, size_t done, size_t total)
{
    (void)done, (void)total;
    return obey_within_epoch(context);
}

static lyrnn_status obey_in_samples(void *context)
{
    return obey((train_job *)context, save_after_epoch);
}

/* Reporting */

static lyrnn_status write_sample(void *context, const lyrnn_sample *sample)
{
    const train_job *job = (const train_job *)context;
    fputs(" - ", job->samples);
    lyrnn_vocab_print_line(&job->vocab, sample->ids, sample->length, job->samples,
                           lyrnn_is_terminal(job->samples));
    fputc('\n', job->samples);
    return LYRNN_OK;
}

/* Whether the epoch is saved whatever its validation perplexity is. */
static bool is_due(const train_job *job, int epoch)
{
    return epoch % job->options->checkpoint_every == 0 || is_last(job, epoch);
}

/* Sends the samples off. If they cannot be written (a closed pipe, a full disk), the training
 * continues without them. */
static bool has_readers(train_job *job)
{
    errno = 0;
    if (fflush(job->samples) == 0 && !ferror(job->samples))
        return true;
    fprintf(lyrnn_progress_log(&job->progress),
            "warning: standard output: cannot be written: %s; the training continues without "
            "sample texts\n",
            errno != 0 ? strerror(errno) : "an earlier write failed");
    job->samples = NULL;
    return false;
}

static lyrnn_status write_report(train_job *job, const lyrnn_metrics *metrics)
{
    bool is_within = metrics->batch > 0;
    bool is_wanted = is_within || metrics->epoch % job->options->pred_period == 0 ||
                     is_last(job, metrics->epoch);
    if (job->samples == NULL || !is_wanted)
        return LYRNN_OK;
    lyrnn_progress_clear(&job->progress);
    if (is_within)
        fprintf(job->samples, "step %lld of ", (long long)metrics->step);
    fprintf(job->samples, "epoch %d, perplexity %f, ", metrics->epoch, metrics->perplexity);
    if (metrics->is_validated)
        fprintf(job->samples, "validation %f, ", metrics->validation_perplexity);
    fprintf(job->samples, "time %.2f sec\n", metrics->seconds);
    if (!has_readers(job))
        return LYRNN_OK;
    const lyrnn_listener listener = {.sample = write_sample,
                                     .poll = is_within ? obey_within_epoch : obey_in_samples,
                                     .context = job};
    for (size_t i = 0; i < job->num_prompts; i++)
        LYRNN_TRY(lyrnn_generate(&job->generator, &job->prompts[i], (size_t)job->options->pred_len,
                                 &listener));
    has_readers(job);
    return LYRNN_OK;
}

/* Notes the best validation so far. Returns whether it is this one. */
static bool take_best(train_job *job, const lyrnn_metrics *metrics)
{
    lyrnn_trainer_state *state = &job->state;
    double nats = metrics->validation_nats_per_char;
    bool is_best = metrics->is_validated && isfinite(metrics->validation_perplexity) &&
                   (state->best_epoch == 0 || nats < state->best_nats_per_char);
    if (is_best) {
        state->best_epoch = metrics->epoch;
        state->best_batch = metrics->batch;
        state->best_nats_per_char = nats;
    }
    return is_best;
}

/* Saves what is due or the best so far, after an epoch or within it. The order lets a killed run
 * continue: the line in metrics.jsonl comes before its checkpoint, because resuming cuts off a line
 * without a checkpoint but could not add a missing line. The report comes last, because it may take
 * long. */
static lyrnn_status finish_report(train_job *job, const lyrnn_metrics *metrics)
{
    int epoch = metrics->epoch, before = job->state.best_batch == 0 ? job->state.best_epoch : 0;
    bool is_within = metrics->batch > 0, is_best = take_best(job, metrics);
    if (!is_within)
        train_follow_plateau(job, epoch);
    bool is_to_be_saved = is_best || (!is_within && is_due(job, epoch));
    if (is_to_be_saved)
        LYRNN_TRY(download_checkpoint(job));
    if (is_within)
        job->state.is_reported = true;
    else
        close_epoch(job, epoch);
    job->is_saved = false;
    LYRNN_TRY(lyrnn_run_dir_append_metrics(&job->run, metrics));
    if (is_to_be_saved) {
        LYRNN_TRY(is_best ? save_best(job, before) : save_downloaded(job));
        lyrnn_run_dir_prune(&job->run, job->options->keep);
    }
    return write_report(job, metrics);
}

/* What the epoch's steps computed so far. */
static lyrnn_metrics measure_epoch(const train_job *job, int epoch, const lyrnn_counters *counters)
{
    int64_t timed_chars = counters->loss_count - job->untimed_chars;
    double nats_per_char = counters->loss_sum / (double)counters->loss_count;
    double seconds = job->state.epoch_seconds;
    return (lyrnn_metrics){
        .epoch = epoch,
        .step = counters->step,
        .nats_per_char = nats_per_char,
        .perplexity = exp(nats_per_char),
        .chars_per_second = timed_chars > 0 ? (double)timed_chars / seconds : (double)NAN,
        .seconds = seconds,
        .learning_rate = (float)lyrnn_learning_rate(&job->optimizer, job->trainer.num_halvings,
                                                    counters->step - 1),
        .gradient_norm = timed_chars > 0 ? counters->gradient_norm : (double)NAN,
    };
}

/* The loss is read only when the progress is shown, because that waits for the device. */
static void show_progress(train_job *job, int epoch, int64_t step)
{
    lyrnn_progress *progress = &job->progress;
    if (!train_leads(job) || !lyrnn_progress_is_due(progress, step))
        return;
    if (lyrnn_progress_needs_loss(progress)) {
        lyrnn_counters counters = lyrnn_trainer_counters(&job->trainer);
        progress->nats_per_char = counters.loss_sum / (double)counters.loss_count;
    }
    lyrnn_progress_show(progress, epoch, step);
}

/* The trainer in whose state running text begins, because at an epoch's end its last stream has
 * just read the text before. Within an epoch it has read something else, and the characters that
 * the evaluator reads without a score must wash that out. NULL: the zero state. */
static const lyrnn_trainer *trainer_before_validation(const train_job *job)
{
    bool is_before = job->sampling == LYRNN_SAMPLING_CONSECUTIVE && !train_validates_songs(job);
    return is_before ? &job->trainer : NULL;
}

static lyrnn_status validate(train_job *job, lyrnn_metrics *metrics)
{
    const lyrnn_watcher watcher = {obey_in_validation, job};
    if (job->num_validation == 0)
        return LYRNN_OK;
    metrics->is_validated = true;
    LYRNN_TRY(lyrnn_evaluate(&job->evaluator, trainer_before_validation(job), &watcher,
                             &metrics->validation_nats_per_char));
    metrics->validation_perplexity = exp(metrics->validation_nats_per_char);
    return LYRNN_OK;
}

/* Waits for the steps so far, whose time ends here, and returns what they counted. */
static lyrnn_status finish_steps(train_job *job, int epoch, lyrnn_counters *counters)
{
    *counters = lyrnn_trainer_counters(&job->trainer);
    job->state.epoch_seconds = lyrnn_seconds() - job->epoch_start;
    LYRNN_TRY(lyrnn_trainer_check(&job->trainer));
    /* The counters are those of all ranks. Rank 0 knows how to continue, so it reports. */
    if (counters->bad_step != 0 && train_leads(job))
        return diverged(job, "the loss became NaN or infinite", counters->bad_step, epoch);
    return LYRNN_OK;
}

/* Completes the metrics, and reports and saves. */
static lyrnn_status report_alone(train_job *job, lyrnn_metrics *metrics)
{
    LYRNN_TRY(validate(job, metrics));
    if (metrics->batch == 0)
        train_warn_of_epoch(job, metrics);
    return finish_report(job, metrics);
}

/* What another rank than 0 does after a report. */
static void follow_report(train_job *job, const lyrnn_metrics *metrics)
{
    if (metrics->batch > 0) {
        job->state.is_reported = true;
        return;
    }
    train_follow_plateau(job, metrics->epoch);
    close_epoch(job, metrics->epoch);
}

static lyrnn_status report(train_job *job, lyrnn_metrics *metrics)
{
    LYRNN_TRY(train_compare_weights(job));
    LYRNN_TRY(train_begin_alone(job));
    LYRNN_TRY(train_end_alone(job, train_leads(job) ? report_alone(job, metrics) : LYRNN_OK));
    if (!train_leads(job))
        follow_report(job, metrics);
    return LYRNN_OK;
}

/* Reports the epoch so far. */
static lyrnn_status report_within_epoch(train_job *job, int epoch)
{
    lyrnn_counters counters;
    LYRNN_TRY(finish_steps(job, epoch, &counters));
    double start = lyrnn_seconds();
    lyrnn_metrics metrics = measure_epoch(job, epoch, &counters);
    metrics.batch = counters.batch;
    job->is_reporting = true;
    LYRNN_TRY(report(job, &metrics));
    job->is_reporting = false;
    job->epoch_start += lyrnn_seconds() - start; /* the time is that of the steps */
    return LYRNN_OK;
}

/* Makes the report that is due after a batch within an epoch, unless a checkpoint says that it is
 * made. */
static lyrnn_status report_if_due(train_job *job, int epoch, size_t batch)
{
    int64_t every = job->options->report_every, K = (int64_t)job->batches.K;
    int64_t step = K * (epoch - 1) + (int64_t)batch;
    bool is_wanted = every > 0 && batch > 0 && (int64_t)batch < K && step % every == 0;
    return is_wanted && !job->state.is_reported ? report_within_epoch(job, epoch) : LYRNN_OK;
}

/* Trains all steps of an epoch, or those that are left if the run was resumed within it. Loss,
 * time and speed are those of the whole epoch. */
static lyrnn_status run_epoch(train_job *job, int epoch)
{
    size_t K = job->batches.K, first = (size_t)job->state.snapshot.counters.batch;
    /* A checkpoint of an older lyrnn does not know how long its part of the epoch took. */
    bool is_timed = first == 0 || job->state.epoch_seconds > 0.0;
    job->untimed_chars = is_timed ? 0 : job->state.snapshot.counters.loss_count;
    job->epoch_start = lyrnn_seconds() - job->state.epoch_seconds;
    if (first == 0)
        LYRNN_TRY(lyrnn_trainer_begin_epoch(&job->trainer, (uint64_t)epoch));
    LYRNN_TRY(report_if_due(job, epoch, first));
    for (size_t k = first; k < K; k++) {
        lyrnn_trainer_step(&job->trainer);
        LYRNN_TRY(lyrnn_trainer_check(&job->trainer));
        job->is_saved = job->state.is_reported = false;
        show_progress(job, epoch, (int64_t)K * (epoch - 1) + (int64_t)k + 1);
        LYRNN_TRY(report_if_due(job, epoch, k + 1));
        if (k + 1 < K)
            LYRNN_TRY(obey(job, save_within_epoch));
    }
    lyrnn_counters counters;
    LYRNN_TRY(finish_steps(job, epoch, &counters));
    lyrnn_metrics metrics = measure_epoch(job, epoch, &counters);
    return report(job, &metrics);
}

static lyrnn_status save_untrained(train_job *job)
{
    LYRNN_TRY(download_checkpoint(job));
    return save_downloaded(job);
}

static void log_best(train_job *job)
{
    const lyrnn_trainer_state *state = &job->state;
    int64_t K = (int64_t)job->batches.K;
    char step[48] = "";
    if (state->best_batch > 0)
        snprintf(step, sizeof step, "step %lld of ",
                 (long long)(K * (state->best_epoch - 1) + state->best_batch));
    lyrnn_print_plain(lyrnn_progress_log(&job->progress),
                      "best: validation perplexity %f at %sepoch %d, in %s/best\n",
                      exp(state->best_nats_per_char), step, state->best_epoch, job->run.path);
}

lyrnn_status train_epochs(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const lyrnn_trainer_state *state = &job->state;
    if (options->num_epochs == 0)
        return train_leads(job) ? save_untrained(job) : LYRNN_OK;
    job->saved_seconds = lyrnn_seconds();
    int64_t K = (int64_t)job->batches.K;
    lyrnn_progress_init(&job->progress, job->log, options->num_epochs,
                        K * state->snapshot.epoch + state->snapshot.counters.batch,
                        K * options->num_epochs, (double)job->batches.num_targets / (double)K);
    for (int epoch = state->snapshot.epoch + 1; epoch <= options->num_epochs; epoch++) {
        LYRNN_TRY(run_epoch(job, epoch));
        if (has_lost_patience(job, epoch)) {
            lyrnn_print_plain(lyrnn_progress_log(&job->progress),
                              "stopped: no better validation perplexity for %d epoch%s\n",
                              options->patience, options->patience == 1 ? "" : "s");
            break;
        }
        if (epoch == options->num_epochs)
            break;
        LYRNN_TRY(obey(job, save_after_epoch));
    }
    if (state->best_epoch != 0 && train_leads(job))
        log_best(job);
    return train_check_last_epoch(job);
}
