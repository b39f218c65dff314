/* config.json read back. Anyone may have changed it, so that its size and its brackets are looked at before
 * memory is taken for them. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "files/untrusted_json.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static lyrnn_status bad_config(const char *path, const char *problem)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: %s; put it right", path, problem);
}

static lyrnn_status read_text(int fd, const char *path, char **text, size_t *num_bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return run_dir_cannot("read", path);
    *num_bytes = (size_t)info.st_size;
    *text = malloc(*num_bytes + 1);
    if (*text == NULL)
        return lyrnn_out_of_memory(path, *num_bytes, "check that it is the config.json of a run");
    ssize_t length = pread(fd, *text, *num_bytes, 0);
    if (length < 0)
        return run_dir_cannot("read", path);
    *num_bytes = (size_t)length;
    (*text)[length] = '\0';
    return LYRNN_OK;
}

static lyrnn_status check_text(const char *path, const char *text, size_t num_bytes)
{
    untrusted_json_error error;
    json_t *json = untrusted_json_parse(text, num_bytes, &error);
    bool is_object = json_is_object(json), is_parsed = json != NULL;
    json_decref(json);
    if (is_object)
        return LYRNN_OK;
    if (!is_parsed && error.problem == NULL)
        return lyrnn_out_of_memory(path, 0, "close other programs");
    return bad_config(path, is_parsed ? "is not a JSON object" : error.problem);
}

lyrnn_status lyrnn_run_dir_read_config(const char *run_path, char **text)
{
    path_text path;
    size_t num_bytes = 0;
    *text = NULL;
    if (run_path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "run: its name is empty; give the directory of a run");
    LYRNN_TRY(run_dir_format(path, "%s/config.json", run_path));
    int fd;
    lyrnn_status status = lyrnn_open_file(path, &fd);
    if (status != LYRNN_OK && errno == ENOENT && run_dir_is_empty(run_path))
        return run_dir_nothing_saved(run_path);
    LYRNN_TRY(status);
    status = read_text(fd, path, text, &num_bytes);
    if (status == LYRNN_OK)
        status = check_text(path, *text, num_bytes);
    if (status != LYRNN_OK) {
        free(*text);
        *text = NULL;
    }
    close(fd);
    return status;
}
