/* What the ranks of a training must have in common, and numbers that they can share equally. */
#include <limits.h>
#include <stdio.h>

#include "base/plain_text.h"
#include "base/xxh128.h"
#include "lyrnn/ranks.h"
#include "train/job.h"

/* A line names at most two other numbers of ranks. */
typedef char ranks_text[48];

/* Writes the numbers of ranks next to N that divide `number`: "2 or 4 ranks". */
static void write_divisors(int number, int N, ranks_text text)
{
    int fewer = N - 1, more = N + 1;
    while (fewer > 0 && number % fewer != 0)
        fewer--;
    while (more < number && number % more != 0)
        more++;
    if (more <= number)
        snprintf(text, sizeof(ranks_text), "%d or %d ranks", fewer, more);
    else
        snprintf(text, sizeof(ranks_text), "%d rank%s", fewer, fewer == 1 ? "" : "s");
}

/* The smallest number of shards from `first` on that divides B and that N ranks can share. */
static int next_shards(int first, int B, int N)
{
    int shards = (first + N - 1) / N * N;
    while (shards < B && B % shards != 0)
        shards += N;
    return shards < B ? shards : B;
}

static lyrnn_status refuse_run(const train_job *job, int S, int N)
{
    ranks_text divisors;
    write_divisors(S, N, divisors);
    return lyrnn_fail(
        LYRNN_ERR_USAGE,
        "%s: has --shards %d, which %d ranks cannot share equally; start %s, or a new "
        "run from its weights: --init %s",
        job->start->path, S, N, divisors, job->start->path);
}

int train_num_shards(const train_job *job)
{
    const lyrnn_comm *comm = job->backend->comm;
    int given = job->options->optimizer.num_shards;
    return given == 0 && comm != NULL ? comm->size : given;
}

lyrnn_status train_check_shards(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const lyrnn_comm *comm = job->backend->comm;
    if (comm == NULL)
        return LYRNN_OK;
    int N = comm->size, B = options->batch_size, S = train_num_shards(job);
    ranks_text divisors;
    if (S % N != 0 && job->start->kind == LYRNN_START_RESUME)
        return refuse_run(job, S, N);
    write_divisors(B, N, divisors);
    int step = S % N == 0 ? S : N;
    if (B % N != 0)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--batch-size %d: %d ranks cannot share it equally; use --batch-size %d, or %s", B, N,
            (B / step + 1) * step, divisors);
    if (B % S != 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--shards %d: does not divide --batch-size %d; use --shards %d", S, B,
                          next_shards(S, B, N));
    write_divisors(S, N, divisors);
    if (S % N != 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--shards %d: %d ranks cannot share them equally; use --shards %d, or %s",
                          S, N, next_shards(S, B, N), divisors);
    return LYRNN_OK;
}

/* lyrnn_comm_compare, with another status than that of a wrong option. */
static lyrnn_status compare(const train_job *job, const char *what, const char *text,
                            const char *remedy, lyrnn_status failure)
{
    lyrnn_status status = lyrnn_comm_compare(job->backend->comm, what, text, remedy);
    return status == LYRNN_ERR_USAGE ? lyrnn_fail(failure, "%s", lyrnn_error_text()) : status;
}

lyrnn_status train_compare_corpus(const train_job *job)
{
    static const char remedy[] = "give the same lyrics to all ranks";
    char text[64 + LYRNN_CORPUS_HASH_SIZE];
    if (job->backend->comm == NULL)
        return LYRNN_OK;
    snprintf(text, sizeof text, "%zu characters with XXH128 %s", job->corpus.N, job->corpus_xxh128);
    LYRNN_TRY(compare(job, "the corpus", text, remedy, LYRNN_ERR_CORPUS));
    snprintf(text, sizeof text, "%zu with XXH128 %s", job->corpus.num_songs, job->songs_xxh128);
    return compare(job, "the number of songs", text, remedy, LYRNN_ERR_CORPUS);
}

lyrnn_status train_compare_weights(train_job *job)
{
    char digits[LYRNN_XXH128_DIGITS + 1], what[64], remedy[PATH_MAX + 96];
    if (job->backend->comm == NULL)
        return LYRNN_OK;
    lyrnn_model_download(&job->model, job->params);
    LYRNN_TRY(lyrnn_trainer_check(&job->trainer));
    const lyrnn_byte_range range = {job->params, job->model.parameters.count * sizeof(float)};
    lyrnn_xxh128(&range, 1, digits);
    snprintf(what, sizeof what, "XXH128 of the weights after step %lld",
             (long long)job->trainer.num_steps);
    bool is_saved = train_leads(job) && lyrnn_run_dir_has_checkpoint(&job->run);
    snprintf(remedy, sizeof remedy, "test the memory of both machines%s%s",
             is_saved ? ", then continue: lyrnn train --resume " : "",
             is_saved ? job->run.path : "");
    return compare(job, what, digits, remedy, LYRNN_ERR_DIVERGED);
}

void train_log_ranks(const train_job *job)
{
    const lyrnn_comm *comm = job->backend->comm;
    int S = job->optimizer.num_shards;
    if (comm == NULL)
        return;
    int N = comm->size, own = S / N;
    lyrnn_print_plain(job->log,
                      "ranks: each of %d computes %d of the %d shards of a batch, with %d text "
                      "sequence%s per shard\n",
                      N, own, S, job->batches.B / S, job->batches.B == S ? "" : "s");
    if ((own & (own - 1)) != 0)
        lyrnn_print_plain(
            job->log,
            "ranks: %d shards per rank are no power of two, so that the results match "
            "those of other numbers of ranks to rounding only\n",
            own);
}
