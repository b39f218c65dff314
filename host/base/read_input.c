/* Reads an input whole. What a name may be depends on who gave it: a pipe that the user names has a
 * writer, while a pipe that config.json names may have none and would wait forever. Every input has
 * a limit, because a pipe has no size that could be checked before. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file_kind.h"
#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/open_file.h"
#include "base/remedy.h"

static bool is_standard_input(const lyrnn_input *input)
{
    return input->is_named_by_user && strcmp(input->path, "-") == 0;
}

const char *lyrnn_input_name(const lyrnn_input *input)
{
    return is_standard_input(input) ? "standard input" : input->path;
}

static lyrnn_status cannot(const lyrnn_input *input, const char *verb)
{
    int error = errno;
    bool is_forbidden = error == EACCES || error == EPERM;
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s; %s", lyrnn_input_name(input), verb,
                      strerror(error), is_forbidden ? lyrnn_remedy(error) : input->remedy);
}

static lyrnn_status refuse_kind(const lyrnn_input *input, mode_t mode)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: is %s, not a regular file%s; %s", lyrnn_input_name(input),
                      lyrnn_file_kind(mode), input->is_named_by_user ? " or a pipe" : "",
                      input->remedy);
}

/* Whatever standard input is, someone connected it. Only a device that never ends is refused. A
 * stream that was closed is /dev/null here. */
static bool is_allowed(const lyrnn_input *input, int fd, const struct stat *info)
{
    if (S_ISREG(info->st_mode) || (input->is_named_by_user && S_ISFIFO(info->st_mode)))
        return true;
    if (!is_standard_input(input))
        return false;
    return S_ISSOCK(info->st_mode) ||
           (S_ISCHR(info->st_mode) && (isatty(fd) == 1 || info->st_rdev == makedev(1, 3)));
}

/* A pipe that the user names is opened as cat opens it: a named pipe waits for its writer. */
static int open_path(const lyrnn_input *input)
{
    struct stat info;
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
    bool is_pipe =
        input->is_named_by_user && stat(input->path, &info) == 0 && S_ISFIFO(info.st_mode);
    return open(input->path, is_pipe ? flags : flags | O_NONBLOCK);
}

static lyrnn_status open_input(const lyrnn_input *input, int *fd)
{
    struct stat info;
    if (is_standard_input(input)) {
        *fd = STDIN_FILENO;
        return LYRNN_OK;
    }
    if (input->path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "file: its name is empty; %s", input->remedy);
    *fd = open_path(input);
    if (*fd >= 0)
        return LYRNN_OK;
    /* Opening a socket fails with a reason that nobody understands. */
    int error = errno;
    if (stat(input->path, &info) == 0 && S_ISSOCK(info.st_mode))
        return refuse_kind(input, info.st_mode);
    errno = error;
    return cannot(input, "open");
}

static lyrnn_status grow(const lyrnn_input *input, lyrnn_bytes *bytes, size_t *capacity,
                         size_t wanted)
{
    size_t limit = input->max_bytes + 1;
    *capacity = wanted < limit ? wanted : limit;
    LYRNN_TRY(lyrnn_require_memory(lyrnn_input_name(input), *capacity + 1 - bytes->num,
                                   "close other programs, or give a smaller file"));
    char *data = realloc(bytes->data, *capacity + 1);
    if (data == NULL)
        return lyrnn_out_of_memory(lyrnn_input_name(input), *capacity + 1, "close other programs");
    bytes->data = data;
    return LYRNN_OK;
}

/* Reads at least one byte, unless the end is reached: *num is then 0. */
static lyrnn_status read_some(const lyrnn_input *input, int fd, char *data, size_t capacity,
                              size_t *num)
{
    ssize_t length;
    while ((length = read(fd, data, capacity)) < 0) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        /* Another program may have made standard input one that does not wait. */
        if (errno == EAGAIN && is_standard_input(input))
            poll(&readable, 1, -1);
        else if (errno != EINTR)
            return cannot(input, "read");
    }
    *num = (size_t)length;
    return LYRNN_OK;
}

static lyrnn_status refuse_size(const lyrnn_input *input)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: has more than %zu bytes, the maximum; give a smaller one",
                      lyrnn_input_name(input), input->max_bytes);
}

/* Files of /proc claim to be empty. Some of them wait, and some never end. */
static lyrnn_status read_to_end(const lyrnn_input *input, int fd, const struct stat *info,
                                lyrnn_bytes *bytes)
{
    enum { USUAL_BYTES = 65536 };
    bool is_regular = S_ISREG(info->st_mode);
    size_t capacity, num = 0, size = is_regular ? (size_t)info->st_size : 0;
    LYRNN_TRY(grow(input, bytes, &capacity, size > 0 ? size + 1 : USUAL_BYTES));
    do {
        LYRNN_TRY(read_some(input, fd, bytes->data + bytes->num, capacity - bytes->num, &num));
        bytes->num += num;
        if (is_regular && size == 0 && num > 0)
            return lyrnn_fail(LYRNN_ERR_IO,
                              "%s: claims to be empty but is not, like the files of /proc; copy it "
                              "to a file, and name that",
                              lyrnn_input_name(input));
        if (bytes->num > input->max_bytes)
            return refuse_size(input);
        if (bytes->num == capacity)
            LYRNN_TRY(grow(input, bytes, &capacity, 2 * capacity));
    } while (num > 0);
    bytes->data[bytes->num] = '\0';
    return LYRNN_OK;
}

lyrnn_status lyrnn_input_read_open(const lyrnn_input *input, int fd, lyrnn_bytes *bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return cannot(input, "read");
    if (!is_allowed(input, fd, &info))
        return refuse_kind(input, info.st_mode);
    if (S_ISREG(info.st_mode) && (size_t)info.st_size > input->max_bytes)
        return refuse_size(input);
    if (input->log != NULL && isatty(fd) == 1)
        fprintf(input->log, "reading a text from the terminal; end it with Ctrl-D\n");
    return read_to_end(input, fd, &info, bytes);
}

lyrnn_status lyrnn_input_read(const lyrnn_input *input, lyrnn_bytes *bytes)
{
    int fd = -1;
    *bytes = (lyrnn_bytes){0};
    LYRNN_TRY(open_input(input, &fd));
    lyrnn_status status = lyrnn_input_read_open(input, fd, bytes);
    if (fd != STDIN_FILENO)
        close(fd);
    return status;
}
