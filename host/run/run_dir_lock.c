/* Only one process at a time trains in a run. It holds RUN/lock with flock, which the system
 * releases when the process ends, in whatever way. The file itself therefore means nothing and
 * stays; its text, "PID HOST", only names the holder to a process that is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "run/run_dir_files.h"

enum { MAX_HOST_NAME = 64 };

/* The text of the file names the holder, but anyone may have written it. */
static lyrnn_status refuse_held(int fd, const char *path)
{
    char text[128], host[MAX_HOST_NAME + 1], holder[128] = "";
    long pid;
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    if (sscanf(text, "%ld %64s", &pid, host) == 2)
        snprintf(holder, sizeof holder, " (process %ld on %s)", pid, host);
    return lyrnn_fail(LYRNN_ERR_LOCKED,
                      "%s: another lyrnn is training there%s; wait until it ends, or stop it", path,
                      holder);
}

static lyrnn_status lock_or_refuse(int fd, const char *path, int operation)
{
    if (flock(fd, operation | LOCK_NB) == 0)
        return LYRNN_OK;
    return errno == EWOULDBLOCK ? refuse_held(fd, path) : run_dir_cannot("lock it", path);
}

/* Reports no error: on a full disk the lock holds without its holder's name. */
static void write_holder(FILE *lock)
{
    char host[MAX_HOST_NAME + 1] = "";
    gethostname(host, sizeof host - 1);
    if (ftruncate(fileno(lock), 0) == 0) {
        fprintf(lock, "%ld %s\n", (long)getpid(), host);
        fflush(lock);
    }
}

lyrnn_status run_dir_lock(int run_fd, const char *path, FILE **lock)
{
    *lock = NULL;
    int fd = openat(run_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return run_dir_cannot("open lock", path);
    lyrnn_status status = lock_or_refuse(fd, path, LOCK_EX);
    if (status == LYRNN_OK && (*lock = fdopen(fd, "r+")) == NULL)
        status = run_dir_cannot("open lock", path);
    if (status == LYRNN_OK)
        write_holder(*lock);
    else
        close(fd);
    return status;
}

lyrnn_status run_dir_check_lock(const char *path)
{
    path_text name;
    LYRNN_TRY(run_dir_format(name, "%s/lock", path));
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? LYRNN_OK : run_dir_cannot("open lock", path);
    lyrnn_status status = lock_or_refuse(fd, path, LOCK_SH);
    close(fd);
    return status;
}
