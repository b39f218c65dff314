/* Which checkpoint `latest` and `best` name. Each is a symbolic link to checkpoints/NAME, or where
 * links cannot be made a file with that text. A copy of a run may have followed the links or lost
 * what they name, and anyone may have changed them. So nothing else is believed: a link that leads
 * anywhere else counts as missing, and then the newest whole checkpoint is the latest. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/run_dir.h"
#include "run/run_dir_files.h"

/* The kinds of checkpoints, from their names */

static bool take_text(const char **name, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(*name, text, length) != 0)
        return false;
    *name += length;
    return true;
}

static bool take_digits(const char **name)
{
    size_t length = strspn(*name, "0123456789");
    *name += length;
    return length > 0;
}

checkpoint_kind run_dir_kind(const char *name)
{
    bool is_hidden = take_text(&name, "."), is_within = false;
    if (!take_text(&name, "epoch-") || !take_digits(&name))
        return NOT_OURS;
    if (take_text(&name, "-batch-")) {
        is_within = true;
        if (!take_digits(&name))
            return NOT_OURS;
    }
    if (is_hidden)
        return strcmp(name, ".tmp") == 0 || strcmp(name, ".old") == 0 ? UNFINISHED : NOT_OURS;
    return strcmp(name, "") != 0 ? NOT_OURS : is_within ? WITHIN_EPOCH : AT_EPOCH;
}

static bool is_finished(const char *name)
{
    checkpoint_kind kind = run_dir_kind(name);
    return (kind == AT_EPOCH || kind == WITHIN_EPOCH) && strlen(name) < sizeof(checkpoint_name);
}

/* The batch of a checkpoint within an epoch. Its digits grow in number from a million on. */
static long long batch_of(const char *name)
{
    return atoll(strstr(name, "-batch-") + strlen("-batch-"));
}

/* Whether one finished checkpoint was made after another. epoch-000051-batch-000017 comes before
 * epoch-000051. */
static bool is_newer(const char *name, const char *other)
{
    long long left = atoll(name + strlen("epoch-")), right = atoll(other + strlen("epoch-"));
    if (left != right)
        return left > right;
    return run_dir_kind(name) == AT_EPOCH ||
           (run_dir_kind(other) != AT_EPOCH && batch_of(name) > batch_of(other));
}

/* Reading */

/* A file that may not be asked about counts as there: opening it gives the reason. */
static bool has_file(int fd, const char *folder, const char *name)
{
    char path[sizeof "checkpoints/" + sizeof(checkpoint_name) + sizeof "/trainer.safetensors"];
    struct stat info;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return false;
    return fstatat(fd, path, &info, 0) == 0 ? S_ISREG(info.st_mode) : errno == EACCES;
}

static bool has_model(int fd, const char *name)
{
    char folder[sizeof "checkpoints/" + sizeof(checkpoint_name)];
    snprintf(folder, sizeof folder, "checkpoints/%s", name);
    return has_file(fd, folder, "model.safetensors");
}

/* Reads the text of a link, or of the file in its place. */
static ssize_t read_target(int fd, const char *link, char *target, size_t size)
{
    ssize_t length = readlinkat(fd, link, target, size);
    if (length >= 0 || errno != EINVAL)
        return length;
    int file = openat(fd, link, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return -1;
    length = read(file, target, size);
    close(file);
    if (length > 0 && target[length - 1] == '\n')
        length--;
    return length;
}

void run_dir_read_name(int fd, const char *link, checkpoint_name name)
{
    char target[sizeof "checkpoints/" + sizeof(checkpoint_name)];
    const char *text = target;
    ssize_t length = read_target(fd, link, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    bool is_ours = (size_t)strlen(target) == (size_t)(length > 0 ? length : 0) &&
                   take_text(&text, "checkpoints/") && is_finished(text);
    snprintf(name, sizeof(checkpoint_name), "%s", is_ours ? text : "");
}

void run_dir_read_link(int fd, const char *link, checkpoint_name name)
{
    run_dir_read_name(fd, link, name);
    if (name[0] != '\0' && !has_model(fd, name))
        name[0] = '\0';
}

void run_dir_find_newest(int fd, checkpoint_name newest)
{
    bool is_whole = false;
    folder_reader reader;
    newest[0] = '\0';
    if (!folder_open(&reader, fd, "checkpoints"))
        return;
    for (const char *name; (name = folder_next(&reader)) != NULL;) {
        if (!is_finished(name) || !has_file(reader.fd, name, "model.safetensors"))
            continue;
        bool has_both = has_file(reader.fd, name, "trainer.safetensors");
        if (newest[0] == '\0' || has_both > is_whole ||
            (has_both == is_whole && is_newer(name, newest)))
            snprintf(newest, sizeof(checkpoint_name), "%s", name);
        is_whole = is_whole || has_both;
    }
    folder_close(&reader);
}

bool run_dir_has_checkpoint(int fd)
{
    checkpoint_name name;
    folder_reader reader;
    /* A folder that cannot be read may have one, and must not be replaced. */
    if (!folder_open(&reader, fd, "checkpoints"))
        return errno != ENOENT && errno != ENOTDIR;
    folder_close(&reader);
    run_dir_find_newest(fd, name);
    return name[0] != '\0';
}

bool run_dir_has_model(int fd)
{
    return run_dir_has_checkpoint(fd) || has_file(fd, "latest", "model.safetensors") ||
           has_file(fd, "best", "model.safetensors");
}

/* Setting */

/* Whether symlink failed because the file system, or the service behind it, has no links. */
static bool has_no_links(int error)
{
    return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL ||
           error == EACCES;
}

lyrnn_status run_dir_set_link(int fd, const char *path, const char *link, const char *name)
{
    char target[sizeof "checkpoints/\n" + sizeof(checkpoint_name)], temporary[16], verb[32];
    snprintf(target, sizeof target, "checkpoints/%s", name);
    snprintf(temporary, sizeof temporary, ".%s", link);
    snprintf(verb, sizeof verb, "replace %s", link);
    unlinkat(fd, temporary, 0);
    if (symlinkat(target, fd, temporary) != 0) {
        if (!has_no_links(errno))
            return run_dir_cannot(verb, path);
        snprintf(target, sizeof target, "checkpoints/%s\n", name);
        return run_dir_replace_file(fd, path, temporary, link, target);
    }
    if (renameat(fd, temporary, fd, link) != 0) {
        lyrnn_status status = run_dir_cannot(verb, path);
        unlinkat(fd, temporary, 0);
        return status;
    }
    return run_dir_flush(fd) == 0 ? LYRNN_OK : run_dir_cannot("flush", path);
}

/* Healing */

static bool has_same_bytes(int left_fd, int right_fd)
{
    enum { BLOCK = 16384 };
    char left[BLOCK], right[BLOCK];
    for (off_t at = 0;; at += BLOCK) {
        ssize_t n = pread(left_fd, left, BLOCK, at);
        if (n < 0 || pread(right_fd, right, BLOCK, at) != n || memcmp(left, right, (size_t)n) != 0)
            return false;
        if (n < BLOCK)
            return true;
    }
}

static bool is_same_model(int copy_fd, int checkpoints_fd, const char *name)
{
    char path[sizeof(checkpoint_name) + sizeof "/model.safetensors"];
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    int left = openat(copy_fd, "model.safetensors", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int right = openat(checkpoints_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_same = left >= 0 && right >= 0 && has_same_bytes(left, right);
    if (left >= 0)
        close(left);
    if (right >= 0)
        close(right);
    return is_same;
}

/* Finds the checkpoint that the folder run/link repeats; "" if there is none. */
static void find_original(int fd, const char *link, checkpoint_name name)
{
    name[0] = '\0';
    int copy = openat(fd, link, OPEN_DIR | O_NOFOLLOW);
    folder_reader reader;
    if (copy >= 0 && folder_open(&reader, fd, "checkpoints")) {
        for (const char *other; (other = folder_next(&reader)) != NULL;)
            if (is_finished(other) && is_same_model(copy, reader.fd, other))
                snprintf(name, sizeof(checkpoint_name), "%s", other);
        folder_close(&reader);
    }
    if (copy >= 0)
        close(copy);
}

/* A copy that followed the links has a folder in the place of each. It is removed only if the
 * checkpoint that it repeats is there. */
static lyrnn_status replace_copy(int fd, const char *path, const char *link)
{
    struct stat info;
    checkpoint_name name;
    if (fstatat(fd, link, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode))
        return LYRNN_OK;
    find_original(fd, link, name);
    if (name[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s/%s: is a folder whose model no checkpoint has; move it away", path,
                          link);
    run_dir_remove_checkpoint(fd, link);
    return run_dir_set_link(fd, path, link, name);
}

lyrnn_status run_dir_restore_links(int fd, const char *path)
{
    checkpoint_name name;
    LYRNN_TRY(replace_copy(fd, path, "latest"));
    LYRNN_TRY(replace_copy(fd, path, "best"));
    run_dir_read_link(fd, "latest", name);
    if (name[0] != '\0')
        return LYRNN_OK;
    run_dir_find_newest(fd, name);
    return name[0] != '\0' ? run_dir_set_link(fd, path, "latest", name) : LYRNN_OK;
}

/* Finding a model */

static bool is_link(int fd, const char *name)
{
    struct stat info;
    return fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

static void find_in_folder(int fd, char *inside, size_t size)
{
    checkpoint_name name;
    if (run_dir_find_staged(fd, name)) {
        snprintf(inside, size, "%s/%s/model.safetensors",
                 has_model(fd, name) ? "checkpoints" : STAGE "/checkpoints", name);
        return;
    }
    run_dir_read_link(fd, "latest", name);
    if (name[0] != '\0' && is_link(fd, "latest")) {
        snprintf(inside, size, "latest/model.safetensors");
        return;
    }
    if (name[0] == '\0')
        run_dir_find_newest(fd, name);
    if (name[0] != '\0')
        snprintf(inside, size, "checkpoints/%s/model.safetensors", name);
    else if (!is_link(fd, "latest") && has_file(fd, "latest", "model.safetensors"))
        snprintf(inside, size, "latest/model.safetensors");
    else
        snprintf(inside, size, "%s",
                 has_file(fd, ".", "model.safetensors") ? "model.safetensors" : "");
}

/* Splits RUN/latest or RUN/best, if it is a file or leads nowhere: *run becomes RUN. */
static bool names_link(const char *path, char run[PATH_MAX], const char **link)
{
    const char *slash = strrchr(path, '/');
    *link = slash == NULL ? path : slash + 1;
    if (strcmp(*link, "latest") != 0 && strcmp(*link, "best") != 0)
        return false;
    if (slash == NULL)
        return snprintf(run, PATH_MAX, ".") > 0;
    return (size_t)snprintf(run, PATH_MAX, "%.*s", (int)(slash - path + 1), path) < PATH_MAX;
}

/* Finds the model of RUN/latest or RUN/best where it is no folder. */
static bool find_of_link(const char *path, char *model_path, size_t size, bool *fits)
{
    path_text run;
    const char *link;
    checkpoint_name name;
    int fd = names_link(path, run, &link) ? open(run, OPEN_DIR) : -1;
    if (fd < 0)
        return false;
    run_dir_read_link(fd, link, name);
    if (name[0] == '\0' && strcmp(link, "latest") == 0)
        run_dir_find_newest(fd, name);
    close(fd);
    *fits = (size_t)snprintf(model_path, size, "%.*scheckpoints/%s/model.safetensors",
                             (int)(link - path), path, name) < size;
    return name[0] != '\0';
}

static lyrnn_status check_fits(bool fits, const char *path)
{
    return fits ? LYRNN_OK
                : lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; choose a shorter one", path);
}

lyrnn_status lyrnn_run_dir_find_model(const char *path, char *model_path, size_t size)
{
    struct stat info;
    char inside[128];
    bool fits;
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO,
                          "model: the name is empty; name a model.safetensors or a run");
    bool is_there = stat(path, &info) == 0;
    int error = errno;
    if ((!is_there || !S_ISDIR(info.st_mode)) && find_of_link(path, model_path, size, &fits))
        return check_fits(fits, path);
    errno = error;
    if (!is_there && error != ENOENT)
        return run_dir_cannot("open", path);
    if (!is_there)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: %s; name a model.safetensors or a run", path,
                          strerror(error));
    if (!S_ISDIR(info.st_mode))
        return check_fits((size_t)snprintf(model_path, size, "%s", path) < size, path);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return run_dir_cannot("open", path);
    find_in_folder(fd, inside, sizeof inside);
    close(fd);
    if (inside[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: has no checkpoint; name a model.safetensors or a run that has one",
                          path);
    return check_fits((size_t)snprintf(model_path, size, "%s/%s", path, inside) < size, path);
}
