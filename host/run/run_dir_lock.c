/* Only one process at a time trains in a run. It locks the run's folder, which keeps its lock when
 * it is renamed or loses files, and the file `lock` in it, with flock. The system releases both
 * when the process ends, in whatever way. The file therefore means nothing and stays; its text,
 * "PID HOST", only names the holder to a process that is refused.
 *
 * Some network file systems lock no folders, or have fcntl's locks only; the file then holds the
 * lock. A file system without any locks gets the file `owner`, whose existence is the lock. It
 * names the process and when it started, so that a process on the same host can take over from one
 * that has died. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run/run_dir.h"
#include "run/run_dir_files.h"

enum { MAX_HOST_NAME = 64 };
typedef char owner_text[160];

/* The text of the file names the holder, but anyone may have written it. */
static lyrnn_status refuse_held(int fd, const char *name, const char *path)
{
    owner_text text;
    char host[MAX_HOST_NAME + 1], holder[128] = "";
    long pid;
    int file = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    if (file >= 0)
        close(file);
    if (sscanf(text, "%ld %64s", &pid, host) == 2)
        snprintf(holder, sizeof holder, " (process %ld on %s)", pid, host);
    return lyrnn_fail(LYRNN_ERR_LOCKED,
                      "%s: another lyrnn is training there%s; wait until it ends, or stop it", path,
                      holder);
}

/* Locks of the system */

typedef enum { LOCKED, BUSY, NO_LOCKS, FAILED } lock_result;

static bool has_no_locks(int error)
{
    return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == EINVAL ||
           error == EBADF;
}

static lock_result result_of(int error)
{
    if (error == EWOULDBLOCK || error == EACCES)
        return BUSY;
    return has_no_locks(error) ? NO_LOCKS : FAILED;
}

static lock_result lock_whole(int fd, bool is_shared)
{
    if (flock(fd, (is_shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
        return LOCKED;
    return result_of(errno);
}

/* Locks a file; with fcntl if there is no flock. Like that, the lock belongs to this descriptor. */
static lock_result lock_file(int fd, bool is_shared)
{
    struct flock lock = {.l_type = is_shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    lock_result result = lock_whole(fd, is_shared);
    if (result != NO_LOCKS)
        return result;
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? LOCKED : result_of(errno);
}

/* The file `owner` */

/* When the process started, in clock ticks since the host did; 0 if there is no such process. */
static unsigned long long start_of(long pid)
{
    char path[64], text[1024];
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    if (fd >= 0)
        close(fd);
    /* The name in parentheses may hold anything. The start is the 20th field after it. */
    char *field = strrchr(text, ')');
    for (int i = 0; i < 20 && field != NULL; i++)
        field = strchr(field + 1, ' ');
    if (field != NULL)
        start = strtoull(field, NULL, 10);
    return start;
}

static void describe_self(owner_text text)
{
    char host[MAX_HOST_NAME + 1] = "";
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof(owner_text), "%ld %s %llu\n", (long)getpid(), host, start_of(getpid()));
}

/* "" if there is no such file. */
static void read_owner(int fd, const char *name, owner_text text)
{
    int file = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = file < 0 ? -1 : pread(file, text, sizeof(owner_text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    if (file >= 0)
        close(file);
}

/* Whether the process that wrote the file is known to have ended: it ran on this host, and no
 * process with its number started when it did. A file without a text was just made, unless that was
 * long ago. */
static bool is_dead(int fd, const owner_text text)
{
    enum { LONG_AGO = 60 };
    char host[MAX_HOST_NAME + 1], here[MAX_HOST_NAME + 1] = "";
    long pid;
    unsigned long long start;
    struct stat info;
    if (sscanf(text, "%ld %64s %llu", &pid, host, &start) != 3)
        return fstatat(fd, "owner", &info, AT_SYMLINK_NOFOLLOW) == 0 &&
               time(NULL) - info.st_mtime > LONG_AGO;
    gethostname(here, sizeof here - 1);
    return strcmp(host, here) == 0 && start_of(pid) != start;
}

/* Removes the file of a dead owner. Two processes may do so at once: each first takes the file away
 * under a name of its own, and puts it back if it is another's by now. */
static void remove_dead(int fd, const owner_text dead)
{
    owner_text found;
    char taken[32];
    snprintf(taken, sizeof taken, ".owner-%ld", (long)getpid());
    if (renameat(fd, "owner", fd, taken) != 0)
        return;
    read_owner(fd, taken, found);
    if (strcmp(found, dead) == 0)
        unlinkat(fd, taken, 0);
    else
        renameat(fd, taken, fd, "owner");
}

static lyrnn_status write_owner(int file, const char *path)
{
    owner_text text;
    describe_self(text);
    bool is_written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    lyrnn_status status = is_written ? LYRNN_OK : run_dir_cannot("write owner", path);
    close(file);
    return status;
}

static lyrnn_status take_owner(int fd, const char *path)
{
    for (int tries = 0; tries < 2; tries++) {
        owner_text text;
        int file = openat(fd, "owner", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0)
            return write_owner(file, path);
        if (errno != EEXIST)
            return run_dir_cannot("make owner", path);
        read_owner(fd, "owner", text);
        if (!is_dead(fd, text))
            break;
        remove_dead(fd, text);
    }
    return refuse_held(fd, "owner", path);
}

static bool is_owner(int fd)
{
    owner_text own, found;
    describe_self(own);
    read_owner(fd, "owner", found);
    return strcmp(own, found) == 0;
}

static bool has_living_owner(int fd)
{
    owner_text text;
    if (faccessat(fd, "owner", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    read_owner(fd, "owner", text);
    return !is_dead(fd, text);
}

/* A run */

/* Reports no error: on a full disk the lock holds without its holder's name. */
static void write_holder(int lock_fd)
{
    owner_text text;
    describe_self(text);
    *strrchr(text, ' ') = '\n';
    size_t length = (size_t)(strchr(text, '\n') - text) + 1;
    if (ftruncate(lock_fd, 0) == 0 && write(lock_fd, text, length) < 0)
        return;
}

/* Locks the file `lock`, or makes `owner` where that cannot be. */
static lyrnn_status lock_in_folder(lyrnn_run_dir *run)
{
    run->lock_fd =
        openat(run->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (run->lock_fd < 0) {
        run->lock_fd = 0;
        return run_dir_cannot("open lock", run->path);
    }
    switch (lock_file(run->lock_fd, false)) {
    case LOCKED:
        break;
    case BUSY:
        return refuse_held(run->fd, "lock", run->path);
    case NO_LOCKS:
        LYRNN_TRY(take_owner(run->fd, run->path));
        run->has_owner = true;
        break;
    case FAILED:
        return run_dir_cannot("lock it", run->path);
    }
    write_holder(run->lock_fd);
    return LYRNN_OK;
}

lyrnn_status run_dir_lock(lyrnn_run_dir *run)
{
    lock_result folder = lock_whole(run->fd, false);
    if (folder == BUSY)
        return refuse_held(run->fd, "lock", run->path);
    run->has_folder_lock = folder == LOCKED;
    return lock_in_folder(run);
}

void run_dir_unlock(lyrnn_run_dir *run)
{
    if (run->has_owner && is_owner(run->fd))
        unlinkat(run->fd, "owner", 0);
    if (run->lock_fd > 0)
        close(run->lock_fd);
    run->lock_fd = 0;
    run->has_owner = run->has_folder_lock = false;
}

static bool is_in_folder(const lyrnn_run_dir *run)
{
    struct stat held, found;
    if (run->has_owner)
        return is_owner(run->fd);
    return fstat(run->lock_fd, &held) == 0 &&
           fstatat(run->fd, "lock", &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

lyrnn_status run_dir_keep_lock(lyrnn_run_dir *run)
{
    if (run->has_folder_lock || is_in_folder(run))
        return LYRNN_OK;
    run_dir_unlock(run);
    return lock_in_folder(run);
}

static lyrnn_status check_file(int fd, const char *path)
{
    int file = openat(fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT ? LYRNN_OK : run_dir_cannot("open lock", path);
    lock_result result = lock_file(file, true);
    lyrnn_status status = LYRNN_OK;
    if (result == BUSY)
        status = refuse_held(fd, "lock", path);
    else if (result == NO_LOCKS && has_living_owner(fd))
        status = refuse_held(fd, "owner", path);
    else if (result == FAILED)
        status = run_dir_cannot("lock it", path);
    close(file);
    return status;
}

lyrnn_status run_dir_check_lock(const char *path)
{
    int fd = open(path, OPEN_DIR);
    if (fd < 0)
        return run_dir_cannot("open", path);
    lyrnn_status status =
        lock_whole(fd, true) == BUSY ? refuse_held(fd, "lock", path) : check_file(fd, path);
    close(fd);
    return status;
}
