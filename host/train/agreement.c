/* How the ranks of a training act as one. A signal comes to any of them at any time, but all have
 * to stop and to save after the same step, because each step needs all of them. So they agree on it
 * after steps that rank 0 names, about INTERVAL_SECONDS apart. In between no rank waits for
 * another's request. What only rank 0 does, such as validation, begins and ends here too. */
#include "base/clock.h"
#include "train/job.h"

enum { MAX_STEPS_BETWEEN = 64 };
static const double INTERVAL_SECONDS = 0.25;

/* What the ranks agree on. */
typedef struct {
    train_demand demand;
    int64_t next_step;
} agreed;

/* What rank 0 shares about work that only it has done. */
typedef struct {
    int stop;
    bool is_saved;
    int best_epoch;
    int64_t best_batch;
    double best_nats_per_char;
} outcome;

/* Only rank 0 has a clock. */
static train_demand own_demand(const train_job *job)
{
    const lyrnn_train_requests *requests = job->requests;
    double minutes = (double)job->options->checkpoint_minutes;
    train_demand demand = {0};
    if (requests != NULL)
        demand = (train_demand){.stop = requests->stop, .save = requests->save != 0};
    if (train_leads(job) && minutes > 0.0 && lyrnn_seconds() - job->saved_seconds >= 60.0 * minutes)
        demand.save = true;
    return demand;
}

/* The number of steps until the next agreement, if steps take as long as since the last one. */
static int64_t steps_between(const train_agreement *agreement, int64_t num_steps)
{
    double seconds = lyrnn_seconds() - agreement->start_seconds;
    double steps = (double)(num_steps - agreement->steps) * INTERVAL_SECONDS;
    if (steps >= MAX_STEPS_BETWEEN * seconds)
        return MAX_STEPS_BETWEEN;
    return steps > seconds ? (int64_t)(steps / seconds) : 1;
}

static void restart_clock(train_job *job)
{
    job->agreement.steps = job->trainer.num_steps;
    job->agreement.start_seconds = lyrnn_seconds();
}

/* Rank 0 takes what any rank asks for, and sends it to all. */
static lyrnn_status agree(train_job *job, lyrnn_comm *comm, agreed *result)
{
    train_demand mine = own_demand(job), all[LYRNN_MAX_SHARDS];
    LYRNN_TRY(comm->gather(comm, &mine, sizeof mine, all));
    for (int rank = 0; comm->rank == 0 && rank < comm->size; rank++) {
        if (result->demand.stop == 0)
            result->demand.stop = all[rank].stop;
        result->demand.save = result->demand.save || all[rank].save;
    }
    if (comm->rank == 0)
        result->next_step =
            job->trainer.num_steps + steps_between(&job->agreement, job->trainer.num_steps);
    return comm->broadcast(comm, result, sizeof *result);
}

/* The signal that stops one rank is the reason why all stop. */
static void note_stop(train_job *job, int stop)
{
    if (stop != 0 && job->requests != NULL)
        job->requests->stop = stop;
}

lyrnn_status train_agree(train_job *job, train_demand *demand)
{
    lyrnn_comm *comm = job->backend->comm;
    agreed result = {.demand = {0}};
    if (comm == NULL || job->agreement.are_waiting) {
        *demand = own_demand(job);
        return lyrnn_trainer_check(&job->trainer);
    }
    *demand = (train_demand){0};
    if (job->trainer.num_steps < job->agreement.next_step)
        return LYRNN_OK;
    LYRNN_TRY(agree(job, comm, &result));
    job->agreement.next_step = result.next_step;
    restart_clock(job);
    note_stop(job, result.demand.stop);
    *demand = result.demand;
    return LYRNN_OK;
}

lyrnn_status train_begin_alone(train_job *job)
{
    if (job->backend->comm == NULL)
        return LYRNN_OK;
    LYRNN_TRY(lyrnn_trainer_gather_state(&job->trainer));
    job->agreement.are_waiting = true;
    return LYRNN_OK;
}

lyrnn_status train_end_alone(train_job *job, lyrnn_status status)
{
    lyrnn_comm *comm = job->backend->comm;
    lyrnn_trainer_state *state = &job->state;
    if (comm == NULL || (status != LYRNN_OK && status != LYRNN_INTERRUPTED))
        return status;
    outcome result = {.stop = status == LYRNN_INTERRUPTED ? job->requests->stop : 0,
                      .is_saved = job->is_saved,
                      .best_epoch = state->best_epoch,
                      .best_batch = state->best_batch,
                      .best_nats_per_char = state->best_nats_per_char};
    job->agreement.are_waiting = false;
    restart_clock(job);
    LYRNN_TRY(comm->broadcast(comm, &result, sizeof result));
    job->is_saved = result.is_saved;
    state->best_epoch = result.best_epoch;
    state->best_batch = result.best_batch;
    state->best_nats_per_char = result.best_nats_per_char;
    note_stop(job, result.stop);
    if (status == LYRNN_OK && result.stop != 0)
        return lyrnn_fail(LYRNN_INTERRUPTED, "training: interrupted with rank 0");
    return status;
}
