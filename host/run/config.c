/* config.json, written from a json_t and read into one. Anyone may have changed the file, so the
 * reader checks its size and counts its brackets before it takes memory for them
 * (files/untrusted_json.h). */
#include "run/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "files/plain_json.h"
#include "files/untrusted_json.h"
#include "run/run_dir_files.h"

lyrnn_status lyrnn_run_config_write(int run_fd, const char *run_path, const json_t *config)
{
    char *text = json_dumps_plain(config, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
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

static lyrnn_status open_config(const char *run_path, const char *path, int *fd)
{
    lyrnn_status status = lyrnn_open_file(path, fd);
    int reason = errno;
    if (status == LYRNN_OK || (reason != ENOENT && reason != ENOTDIR))
        return status;
    if (run_dir_is_empty(run_path))
        return run_dir_nothing_saved(run_path);
    return lyrnn_fail(reason == ENOENT ? LYRNN_ERR_NOTHING : LYRNN_ERR_IO,
                      "%s: cannot open: %s; name the folder of a run", path, strerror(reason));
}

static lyrnn_status read_text(int fd, const char *path, char **text, size_t *num_bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return run_dir_cannot("read", path);
    *num_bytes = (size_t)info.st_size;
    *text = malloc(*num_bytes + 1);
    if (*text == NULL)
        return lyrnn_out_of_memory(path, *num_bytes, "close other programs");
    ssize_t length = pread(fd, *text, *num_bytes, 0);
    if (length < 0)
        return run_dir_cannot("read", path);
    *num_bytes = (size_t)length;
    (*text)[length] = '\0';
    return LYRNN_OK;
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

lyrnn_status lyrnn_run_config_read(const char *run_path, json_t **config)
{
    path_text path;
    char *text = NULL;
    size_t num_bytes = 0;
    int fd;
    *config = NULL;
    if (run_path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "run: the name is empty; name the folder of a run");
    LYRNN_TRY(run_dir_format(path, "%s/config.json", run_path));
    LYRNN_TRY(open_config(run_path, path, &fd));
    lyrnn_status status = read_text(fd, path, &text, &num_bytes);
    if (status == LYRNN_OK)
        status = parse_config(path, text, num_bytes, config);
    free(text);
    close(fd);
    return status;
}
