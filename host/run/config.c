/* config.json, written from a json_t and read into one. Anyone may have changed the file, so the
 * reader checks its size and counts its brackets before it takes memory for them
 * (base/untrusted_json.h). */
#include "run/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "base/untrusted_json.h"
#include "files/plain_json.h"
#include "run/run_dir_files.h"

/* Has room for tens of thousands of prefixes and files of the corpus. */
enum { MAX_CONFIG_BYTES = 16 << 20 };

lyrnn_status lyrnn_run_config_write(int run_fd, const char *run_path, const json_t *config)
{
    char *text = json_dumps_plain(config, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (text == NULL)
        return lyrnn_out_of_memory("config.json", 0, "close other programs");
    lyrnn_status status =
        run_dir_replace_file(run_fd, run_path, ".config.json", "config.json", text);
    free(text);
    return status;
}

static lyrnn_status bad_config(const char *path, const char *problem)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: %s; correct the file", path, problem);
}

/* An absent file has its own errors, which say what a run is and what may have become of it. */
static lyrnn_status read_text(const char *run_path, const char *path, lyrnn_bytes *text)
{
    const lyrnn_input input = {
        .path = path, .max_bytes = MAX_CONFIG_BYTES, .remedy = "name the folder of a run"};
    struct stat info;
    int reason = stat(path, &info) != 0 ? errno : 0;
    if ((reason == ENOENT || reason == ENOTDIR) && run_dir_is_empty(run_path))
        return run_dir_nothing_saved(run_path);
    if (reason == ENOENT)
        return lyrnn_fail(LYRNN_ERR_NOTHING, "%s: cannot open: %s; %s", path, strerror(reason),
                          input.remedy);
    return lyrnn_input_read(&input, text);
}

static lyrnn_status parse_config(const char *path, const char *text, size_t num_bytes,
                                 json_t **config)
{
    untrusted_json_error error;
    *config = untrusted_json_parse(text, num_bytes, &error);
    if (json_is_object(*config))
        return LYRNN_OK;
    bool is_parsed = *config != NULL;
    json_decref(*config);
    *config = NULL;
    if (!is_parsed && error.problem == NULL)
        return lyrnn_out_of_memory(path, 0, "close other programs");
    return bad_config(path, is_parsed ? "is not a JSON object" : error.problem);
}

/* Whether a process was killed while a new run took the place of an earlier one, and before it had
 * moved this file. */
static bool is_in_stage(const char *run_path)
{
    checkpoint_name name;
    int fd = open(run_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_staged = run_dir_find_staged(fd, name) &&
                     faccessat(fd, STAGE "/config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    close(fd);
    return is_staged;
}

lyrnn_status lyrnn_run_config_read(const char *run_path, json_t **config)
{
    path_text path;
    lyrnn_bytes text = {0};
    *config = NULL;
    if (run_path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "run: the name is empty; name the folder of a run");
    LYRNN_TRY(
        run_dir_format(path, "%s/%sconfig.json", run_path, is_in_stage(run_path) ? STAGE "/" : ""));
    lyrnn_status status = read_text(run_path, path, &text);
    if (status == LYRNN_OK)
        status = parse_config(path, text.data, text.num, config);
    free(text.data);
    return status;
}
