/* What a training will do and how much memory it takes, reported before anything runs. */
#include <string.h>

#include "base/memory_limit.h"
#include "base/plain_text.h"
#include "model/device_memory.h"
#include "train/job.h"

size_t train_sample_length(const train_job *job)
{
    size_t longest = 1;
    for (size_t i = 0; i < job->num_prompts; i++)
        if (job->prompts[i].length > longest)
            longest = job->prompts[i].length;
    return longest + (size_t)job->options->pred_len;
}

/* Memory of the whole job, in bytes. */
typedef struct {
    lyrnn_training_memory training;
    size_t validation, samples, device_total; /* on the device */
    size_t checkpoints;                       /* on the host, where a checkpoint is put together */
    size_t text;                              /* on the host: characters and their ids */
} job_memory;

static job_memory count_memory(const train_job *job)
{
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    const lyrnn_backend *backend = job->backend;
    job_memory memory = {
        .training = lyrnn_training_memory_of(backend, &job->config, &job->optimizer, &job->batches),
        .text = job->corpus.N * (sizeof *job->corpus.chars + sizeof *job->ids),
    };
    memory.device_total = memory.training.total_bytes;
    memory.checkpoints = memory.training.parameters_bytes;
    if (!train_leads(job))
        return memory;
    memory.samples =
        lyrnn_generator_bytes(backend, &job->config, &greedy, train_sample_length(job));
    memory.checkpoints += lyrnn_trainer_state_bytes(&job->config, job->batches.B,
                                                    job->options->optimizer.average_decay > 0.0);
    const lyrnn_evaluation_text text = train_validation_text(job);
    if (job->num_validation > 0)
        memory.validation =
            lyrnn_evaluator_bytes(backend, &job->config, &text, job->batches.B, job->batches.T);
    memory.device_total += memory.validation + memory.samples;
    return memory;
}

static void log_memory(const train_job *job)
{
    const double mib = 1024.0 * 1024.0;
    job_memory memory = count_memory(job);
    const lyrnn_training_memory *training = &memory.training;
    size_t total = memory.device_total + job->backend->own_bytes;
    size_t host = memory.checkpoints + memory.text;
    char average[32] = "";
    if (training->average_bytes > 0)
        snprintf(average, sizeof average, "average %.1f, ", (double)training->average_bytes / mib);
    lyrnn_print_plain(
        job->log,
        "memory: %.1f MiB: parameters %.1f, gradients %.1f, moments %.1f, %sactivations %.1f, "
        "corpus %.1f, validation %.1f, samples %.1f, ",
        (double)(total + (job->backend->shares_host_memory ? host : 0)) / mib,
        (double)training->parameters_bytes / mib, (double)training->gradients_bytes / mib,
        (double)training->moments_bytes / mib, average, (double)training->activations_bytes / mib,
        (double)training->corpus_bytes / mib, (double)memory.validation / mib,
        (double)memory.samples / mib);
    if (!job->backend->shares_host_memory)
        lyrnn_print_plain(job->log,
                          "libraries %.1f; on the host: ", (double)job->backend->own_bytes / mib);
    lyrnn_print_plain(job->log, "checkpoints %.1f, text %.1f\n", (double)memory.checkpoints / mib,
                      (double)memory.text / mib);
}

static const char *corpus_name(const lyrnn_train_options *options)
{
    if (options->num_corpus_paths == 0)
        return "the sample lyrics that come with lyrnn";
    if (options->num_corpus_paths > 1)
        return "several files";
    const char *path = options->corpus_paths[0];
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static size_t longest_song(const lyrnn_batches *batches)
{
    size_t longest = 0;
    for (size_t i = 0; i < batches->num_pieces; i++)
        if (batches->pieces[i].num_targets > longest)
            longest = batches->pieces[i].num_targets;
    return longest;
}

/* Songs of different lengths leave padding at the end of their last chunks and of the streams. */
static void log_song_batches(const train_job *job)
{
    const lyrnn_batches *batches = &job->batches;
    double slots = (double)batches->K * batches->B * batches->T;
    lyrnn_print_plain(job->log,
                      "batches: %zu per epoch, each of %d song%s at a time in pieces of %d "
                      "characters; %.0f %% is padding\n",
                      batches->K, batches->B, batches->B == 1 ? "" : "s", batches->T,
                      100.0 * (1.0 - (double)batches->num_targets / slots));
    if (batches->B < job->options->batch_size)
        lyrnn_print_plain(
            job->log, "batches: --batch-size %d is lowered to %d, which takes as many batches\n",
            job->options->batch_size, batches->B);
    size_t longest = longest_song(batches);
    if ((size_t)batches->T > longest)
        lyrnn_print_plain(job->log,
                          "warning: --num-steps %d is longer than the longest song, of %zu "
                          "characters, and costs time and memory for padding; lower it\n",
                          batches->T, longest);
    if (batches->num_cut > 0)
        lyrnn_print_plain(
            job->log,
            "batches: %zu song%s longer than %lld characters (%d * --num-steps); each "
            "piece of that length is read as a song\n",
            batches->num_cut, batches->num_cut == 1 ? " is" : "s are",
            (long long)LYRNN_MAX_SONG_CHUNKS * batches->T, LYRNN_MAX_SONG_CHUNKS);
}

/* A corpus of up to half or twice the size is near enough. */
static void log_fit(const train_job *job)
{
    const lyrnn_corpus_fit *fit = &job->options->fit;
    size_t N = job->corpus.N;
    bool is_small = 2 * N < fit->min_chars;
    bool is_large = fit->max_chars > 0 && N > 2 * fit->max_chars;
    if (is_small || is_large)
        lyrnn_print_plain(job->log,
                          "notice: --preset %s is for corpora of %s %zu characters; --preset %s "
                          "suits this one better\n",
                          fit->preset, is_small ? "at least" : "at most",
                          is_small ? fit->min_chars : fit->max_chars,
                          is_small ? fit->smaller : fit->larger);
}

void train_log_plan(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const char *path = job->start->path;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &job->config);
    char device[256];
    job->backend->describe(job->backend, device, sizeof device);
    lyrnn_print_plain(job->log, "corpus: %s, %zu characters, %d in the vocabulary\n",
                      corpus_name(options), job->corpus.N, job->vocab.V);
    lyrnn_corpus read = job->corpus;
    read.num_songs -= job->has_cut_song;
    lyrnn_corpus_log_songs(&read, job->log);
    log_fit(job);
    char embedding[64] = "";
    if (job->config.embedding_size > 0)
        snprintf(embedding, sizeof embedding, ", embedding of %d%s", job->config.embedding_size,
                 job->config.tied ? ", tied" : "");
    lyrnn_print_plain(job->log,
                      "model: %s, %d layer%s of %d hidden units%s%s, %zu parameters%s%s\n",
                      lyrnn_cell_name(job->config.cell), job->config.num_layers,
                      job->config.num_layers == 1 ? "" : "s", job->config.hidden_size,
                      job->config.bidirectional ? " in both directions" : "", embedding,
                      lyrnn_parameters_total(&parameters), path == NULL ? "" : " from ",
                      path == NULL ? "" : path);
    if (job->config.bidirectional)
        lyrnn_print_plain(job->log, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    train_log_recipe(job);
    if (job->sampling == LYRNN_SAMPLING_SONGS)
        log_song_batches(job);
    else
        lyrnn_print_plain(job->log,
                          "batches: %zu per epoch, each of %d text sequences of %d characters\n",
                          job->batches.K, job->batches.B, job->batches.T);
    if (job->num_validation > 0)
        leaks_log(&job->leaked, job->log);
    else if (options->val_songs > 0.0f)
        lyrnn_print_plain(job->log,
                          "notice: --val-songs %g holds out nothing, because the corpus has only "
                          "one song; --val-fraction 0.1 holds out its end\n",
                          (double)options->val_songs);
    if (job->options->drop_leaks)
        leaks_log_dropped(&job->dropped_leaks, job->log);
    lyrnn_print_plain(job->log, "device: %s (%s)\n", job->backend->name, device);
    if (job->backend->why_not_cuda[0] != '\0')
        lyrnn_print_plain(job->log, "device: no CUDA: %s\n", job->backend->why_not_cuda);
    train_log_ranks(job);
    train_log_precision(job);
    log_memory(job);
}

lyrnn_status train_check_plan(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    lyrnn_rnn_config network = train_network(options);
    const lyrnn_recurrence_shape shape = {.cell = network.cell,
                                          .T = options->num_steps,
                                          .B = options->batch_size,
                                          .H = network.hidden_size};
    plan_pair given;
    LYRNN_TRY(plan_pair_parse(options->plan, &given));
    return options->plan_is_of_run ? LYRNN_OK : tuning_check_given(job->backend, &shape, &given);
}

lyrnn_status train_choose_plan(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    tuning_request request = {.mode = options->tune,
                              .is_of_run = options->plan_is_of_run,
                              .max_seconds = TUNING_MAX_SECONDS,
                              .log = job->log};
    LYRNN_TRY(plan_pair_parse(options->plan, &request.given));
    LYRNN_TRY(tuning_run(&job->trainer, &request, &job->tuning));
    tuning_log(&job->tuning, job->log);
    return LYRNN_OK;
}

/* Writes what makes a training smaller. Shards help if activations take most of its memory. */
static void write_remedy(const train_job *job, const job_memory *bytes, char *text, size_t size)
{
    bool helps_to_shard = job->optimizer.num_shards < job->batches.B &&
                          bytes->training.activations_bytes > bytes->device_total / 2;
    snprintf(text, size, "lower %s--hidden-size, --batch-size or --num-steps%s",
             job->config.embedding_size > 0 ? "--embedding-size, " : "",
             helps_to_shard ? ", or raise --shards" : "");
}

/* The text is in memory already, and so is the checkpoint of a resumed run. */
lyrnn_status train_check_memory(const train_job *job)
{
    char remedy[128];
    lyrnn_backend *backend = job->backend;
    job_memory bytes = count_memory(job);
    write_remedy(job, &bytes, remedy, sizeof remedy);
    size_t checkpoints = job->start->kind != LYRNN_START_RESUME ? bytes.checkpoints : 0;
    if (!backend->shares_host_memory)
        LYRNN_TRY(lyrnn_require_memory("memory: checkpoints", checkpoints, remedy));
    size_t total = bytes.device_total + (backend->shares_host_memory ? checkpoints : 0);
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(backend, total, "this training in all", remedy, &memory));
    backend->memory_free(backend, memory);
    return LYRNN_OK;
}
