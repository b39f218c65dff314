/* Collects what is known about a model: from model.safetensors, and for a run also from
 * config.json, metrics.jsonl and the folder itself. It reads each file separately, so that a
 * damaged file does not hide the others. */
#include "cli/card.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/build_info.h"
#include "corpus/archive.h"
#include "corpus/script.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/version.h"
#include "run/config.h"
#include "run/metrics.h"
#include "run/run_dir.h"

typedef char card_path[4096];

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static lyrnn_status card_out_of_memory(void)
{
    return lyrnn_out_of_memory("info", 0, "close other programs");
}

/* NULL: no memory. */
static json_t *card_of_device(const char *device)
{
    lyrnn_backend backend;
    char text[256];
    lyrnn_status status = lyrnn_backend_open(device, 0, LYRNN_FP32, &backend);
    if (status == LYRNN_ERR_MEMORY)
        return NULL;
    if (status != LYRNN_OK) {
        const char *reason = strstr(lyrnn_error_text(), ": ");
        return json_pack("{s:s, s:o}", "name", device, "unavailable",
                         json_string_or_null(reason != NULL ? reason + 2 : lyrnn_error_text()));
    }
    backend.describe(&backend, text, sizeof text);
    lyrnn_backend_close(&backend);
    return json_pack("{s:s, s:o}", "name", device, "description", json_string_or_null(text));
}

lyrnn_status card_of_program(json_t **card)
{
    card_path folder, runs;
    snprintf(runs, sizeof runs, "%.4000s/runs",
             getcwd(folder, sizeof folder) != NULL ? folder : ".");
    *card = json_pack("{s:s, s:s, s:[o,o], s:s?, s:s?, s:o}", "version", LYRNN_VERSION, "build",
                      BUILD_COMPILER, "devices", card_of_device("cpu"), card_of_device("cuda"),
                      "archives", archive_library(), "scripts",
                      script_is_supported() ? "OpenCC" : NULL, "runs", json_string_or_null(runs));
    return *card != NULL ? LYRNN_OK : card_out_of_memory();
}

/* Returns up to 32 characters, spread evenly over the vocabulary, without control characters. */
static json_t *sample_of_vocab(const lyrnn_vocab *vocab)
{
    enum { SAMPLE = 32 };
    char text[SAMPLE * LYRNN_UTF8_MAX];
    size_t length = 0;
    for (int id = 0; id < vocab->V; id += vocab->V / SAMPLE + 1) {
        uint32_t c = vocab->chars[id];
        if (c != ' ' && lyrnn_is_plain(c))
            length += lyrnn_utf8_encode(c, text + length);
    }
    return json_stringn(text, length);
}

static json_t *list_tensors(const lyrnn_parameters *parameters)
{
    json_t *list = json_array();
    for (int i = 0; i < parameters->num; i++) {
        const lyrnn_parameter *p = &parameters->items[i];
        json_t *shape =
            p->cols == 0 ? json_pack("[i]", p->rows) : json_pack("[i,i]", p->rows, p->cols);
        json_add(&list, json_pack("{s:s, s:o}", "name", p->name, "shape", shape));
    }
    return list;
}

static void add_dropouts(json_t **model, const lyrnn_rnn_config *config)
{
    json_put(model, "dropout", json_real((double)config->dropout));
    json_put(model, "dropout_input", json_real((double)config->dropout_input));
    json_put(model, "dropout_output", json_real((double)config->dropout_output));
    json_put(model, "dropout_weight", json_real((double)config->dropout_weight));
}

static lyrnn_status add_model(json_t **card, const char *path)
{
    lyrnn_checkpoint checkpoint;
    lyrnn_parameters parameters;
    struct stat info;
    LYRNN_TRY(lyrnn_checkpoint_read_state_dict(&checkpoint, path));
    const lyrnn_rnn_config *config = &checkpoint.config;
    lyrnn_parameters_of_model(&parameters, config);
    json_t *model = json_pack(
        "{s:o, s:I, s:s, s:i, s:i, s:b, s:i, s:I, s:o}", "model", json_string_or_null(path),
        "model_bytes", stat(path, &info) == 0 ? (json_int_t)info.st_size : (json_int_t)0, "cell",
        checkpoint.is_tanh_or_relu ? "rnn_tanh or rnn_relu" : lyrnn_cell_name(config->cell),
        "hidden_size", config->hidden_size, "num_layers", config->num_layers, "bidirectional",
        (int)config->bidirectional, "vocab_size", config->input_size, "num_parameters",
        (json_int_t)lyrnn_parameters_total(&parameters), "tensors", list_tensors(&parameters));
    add_dropouts(&model, config);
    if (config->embedding_size > 0) {
        json_put(&model, "embedding_size", json_integer(config->embedding_size));
        json_put(&model, "tied", json_boolean(config->tied));
    }
    if (checkpoint.vocab.V > 0)
        json_put(&model, "vocab_sample", sample_of_vocab(&checkpoint.vocab));
    json_put(&model, "dtype", json_string(checkpoint.dtype));
    lyrnn_checkpoint_free(&checkpoint);
    json_put_all(card, model);
    json_decref(model);
    return LYRNN_OK;
}

static lyrnn_status add_config(json_t **card, const char *run_path)
{
    static const char *const keys[] = {"version",   "backend", "device_name", "threads",
                                       "precision", "seed",    "corpus",      "corpus_xxh128"};
    json_t *config;
    LYRNN_TRY(lyrnn_run_config_read(run_path, &config));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(config, keys[i]) != NULL)
            json_put(card, keys[i], json_incref(json_object_get(config, keys[i])));
    json_decref(config);
    return LYRNN_OK;
}

static lyrnn_status add_metrics(json_t **card, const char *run_path)
{
    json_t *last, *best;
    lyrnn_status status = lyrnn_metrics_read(run_path, &last, &best, NULL);
    if (last != NULL) {
        bool is_within = json_integer_value(json_object_get(last, "batch")) > 0;
        json_int_t epoch = json_integer_value(json_object_get(last, "epoch"));
        json_put(card, "epochs", json_integer(epoch - is_within));
        if (json_object_get(last, "step") != NULL)
            json_put(card, "steps", json_incref(json_object_get(last, "step")));
        json_put(card, "last", last);
        json_put(card, "best", best != NULL ? best : json_null());
    }
    return status;
}

/* Adds the bytes of the files in the folder that folder_fd opened and closes it. A part that cannot
 * be read counts nothing, but a lack of memory returns false. MAX_DEPTH ends the recursion.
 * NOLINTNEXTLINE(misc-no-recursion) */
static bool add_bytes(int folder_fd, int depth, json_int_t *total)
{
    enum { MAX_DEPTH = 8 };
    DIR *folder = folder_fd < 0 ? NULL : fdopendir(folder_fd);
    bool is_complete = folder != NULL || errno != ENOMEM;
    if (folder == NULL && folder_fd >= 0)
        close(folder_fd);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        struct stat info;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(info.st_mode))
            *total += info.st_size;
        else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH && is_complete)
            is_complete = add_bytes(openat(folder_fd, name, OPEN_FOLDER), depth + 1, total);
    }
    if (folder != NULL)
        closedir(folder);
    return is_complete;
}

/* Counts the bytes of all files below a folder. NULL: no memory. */
static json_t *count_bytes(const char *path)
{
    json_int_t total = 0;
    return add_bytes(open(path, OPEN_FOLDER & ~O_NOFOLLOW), 0, &total) ? json_integer(total) : NULL;
}

static bool find_in_run(const char *run, const char *name, card_path path)
{
    struct stat info;
    return (size_t)snprintf(path, sizeof(card_path), "%s/%s", run, name) < sizeof(card_path) &&
           lstat(path, &info) == 0;
}

/* Turns the failure of a part into an entry of the problems, so that the other parts are shown. A
 * lack of memory stays a failure: what it leaves out is not a problem of the run. */
static lyrnn_status note_problem(json_t **problems, lyrnn_status status)
{
    if (status == LYRNN_OK || status == LYRNN_ERR_MEMORY)
        return status;
    json_add(problems, json_string_or_null(lyrnn_error_text()));
    return LYRNN_OK;
}

static lyrnn_status add_run(json_t **card, json_t **problems, const char *path)
{
    json_put(card, "run", json_string_or_null(path));
    json_put(card, "run_bytes", count_bytes(path));
    LYRNN_TRY(note_problem(problems, add_metrics(card, path)));
    LYRNN_TRY(note_problem(problems, add_config(card, path)));
    if (json_array_size(*problems) > 0)
        json_put(card, "problems", json_incref(*problems));
    return *card != NULL && *problems != NULL ? LYRNN_OK : card_out_of_memory();
}

static lyrnn_status fill_card(json_t **card, json_t **problems, const char *path)
{
    card_path model_path, config_path, metrics_path;
    bool is_run = find_in_run(path, "config.json", config_path);
    is_run = find_in_run(path, "metrics.jsonl", metrics_path) || is_run;
    lyrnn_status status = lyrnn_run_dir_find_model(path, model_path, sizeof model_path);
    if (status == LYRNN_OK)
        status = add_model(card, model_path);
    if (is_run) {
        LYRNN_TRY(note_problem(problems, status));
        return add_run(card, problems, path);
    }
    return status == LYRNN_OK && *card == NULL ? card_out_of_memory() : status;
}

lyrnn_status card_of_model(const char *path, json_t **card)
{
    json_t *problems = json_array();
    *card = json_object();
    lyrnn_status status = fill_card(card, &problems, path);
    json_decref(problems);
    if (status != LYRNN_OK) {
        json_decref(*card);
        *card = NULL;
    }
    return status;
}
