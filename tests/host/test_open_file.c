/* lyrnn_open_file opens regular files and nothing else: a pipe or a device is refused without
 * waiting. lyrnn_input_read reads a file whole, up to a limit, and a pipe only if the user named
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/open_file.h"
#include "base/remedy.h"
#include "temp_dir.h"

static void a_regular_file_is_open_for_reading(void **state)
{
    (void)state;
    char bytes[4] = "";
    int fd = -1;
    assert_true(write_file("file", "abc", 3));
    assert_int_equal(lyrnn_open_file("file", &fd), LYRNN_OK);
    assert_int_equal(read(fd, bytes, sizeof bytes), 3);
    assert_string_equal(bytes, "abc");
    assert_int_equal(write(fd, "d", 1), -1);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
}

static void a_failure_names_the_reason_and_keeps_errno(void **state)
{
    (void)state;
    int fd = 0;
    errno = 0;
    assert_int_equal(lyrnn_open_file("absent", &fd), LYRNN_ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fd, -1);
    assert_string_equal(lyrnn_error_text(),
                        "absent: cannot open: No such file or directory; check the path");
}

/* The alarm ends the test if open waits for the other end of the pipe. */
static void other_kinds_of_files_are_refused_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"folder", "pipe", "/dev/zero"};
    static const char *const kinds[] = {"a directory", "a pipe", "a device"};
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    alarm(10);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char expected[100];
        int fd = 0;
        snprintf(expected, sizeof expected,
                 "%s: is %s, not a regular file; move it away, or name another", names[i],
                 kinds[i]);
        errno = ENOENT;
        assert_int_equal(lyrnn_open_file(names[i], &fd), LYRNN_ERR_IO);
        assert_int_equal(errno, 0);
        assert_string_equal(lyrnn_error_text(), expected);
        assert_int_equal(fd, -1);
    }
    alarm(0);
}

static void a_file_in_an_open_folder_is_created(void **state)
{
    (void)state;
    int folder = open(".", O_RDONLY | O_DIRECTORY), fd = -1;
    struct stat info;
    assert_int_equal(lyrnn_open_file_at(folder, "new", O_WRONLY | O_CREAT | O_EXCL, "run/new", &fd),
                     LYRNN_OK);
    close(fd);
    assert_int_equal(stat("new", &info), 0);
    assert_int_equal(lyrnn_open_file_at(folder, "new", O_WRONLY | O_CREAT | O_EXCL, "run/new", &fd),
                     LYRNN_ERR_IO);
    assert_string_equal(lyrnn_error_text(),
                        "run/new: cannot open: File exists; move it away, or choose another name");
    close(folder);
}

/* Reading whole inputs */

static lyrnn_input file_of_config(const char *path)
{
    return (lyrnn_input){.path = path, .max_bytes = 1000, .remedy = "name a text file"};
}

static lyrnn_input file_of_user(const char *path)
{
    return (lyrnn_input){
        .path = path, .is_named_by_user = true, .max_bytes = 1000, .remedy = "name a text file"};
}

static void assert_reads(lyrnn_input input, const char *expected)
{
    lyrnn_bytes bytes;
    assert_int_equal(lyrnn_input_read(&input, &bytes), LYRNN_OK);
    assert_int_equal(bytes.num, strlen(expected));
    assert_string_equal(bytes.data, expected);
    free(bytes.data);
}

static void assert_refuses(lyrnn_input input, const char *expected)
{
    lyrnn_bytes bytes;
    alarm(10);
    assert_int_equal(lyrnn_input_read(&input, &bytes), LYRNN_ERR_IO);
    alarm(0);
    assert_string_equal(lyrnn_error_text(), expected);
    free(bytes.data);
}

static void a_regular_file_is_read_whole(void **state)
{
    (void)state;
    assert_true(write_file("text", "abc", 3));
    assert_true(write_file("nothing", "", 0));
    assert_reads(file_of_config("text"), "abc");
    assert_reads(file_of_user("text"), "abc");
    assert_reads(file_of_user("nothing"), "");
}

static void a_pipe_is_read_only_if_the_user_names_it(void **state)
{
    (void)state;
    int ends[2];
    char name[32];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    char expected[100];
    snprintf(expected, sizeof expected, "%s: is a pipe, not a regular file; name a text file",
             name);
    assert_refuses(file_of_config(name), expected);
    assert_reads(file_of_user(name), "abc");
    close(ends[0]);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_refuses(file_of_config("fifo"), "fifo: is a pipe, not a regular file; name a text file");
}

static void what_never_ends_is_refused(void **state)
{
    (void)state;
    char bytes[1001];
    memset(bytes, 'a', sizeof bytes);
    assert_true(write_file("fits", bytes, 1000));
    assert_true(write_file("large", bytes, 1001));
    lyrnn_bytes read_bytes;
    const lyrnn_input fits = file_of_config("fits");
    assert_int_equal(lyrnn_input_read(&fits, &read_bytes), LYRNN_OK);
    free(read_bytes.data);
    assert_refuses(file_of_config("large"),
                   "large: has more than 1000 bytes, the maximum; give a smaller one");
    int ends[2];
    char name[32], expected[100];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, 1001), 1001);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    snprintf(expected, sizeof expected,
             "%s: has more than 1000 bytes, the maximum; give a smaller one", name);
    assert_refuses(file_of_user(name), expected);
    close(ends[0]);
    close(ends[1]);
    assert_refuses(file_of_user("/dev/zero"),
                   "/dev/zero: is a device, not a regular file or a pipe; name a text file");
    assert_refuses(file_of_user("/proc/self/status"),
                   "/proc/self/status: claims to be empty but is not, like the files of /proc; "
                   "copy it to a file, and name that");
}

static void a_socket_and_a_directory_are_named(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_refuses(file_of_user("socket"),
                   "socket: is a socket, not a regular file or a pipe; name a text file");
    assert_refuses(file_of_config("socket"),
                   "socket: is a socket, not a regular file; name a text file");
    assert_refuses(file_of_user("/"),
                   "/: is a directory, not a regular file or a pipe; name a text file");
    assert_refuses(file_of_user(""), "file: its name is empty; name a text file");
    assert_refuses(file_of_config("-"),
                   "-: cannot open: No such file or directory; name a text file");
    close(fd);
}

static void every_usual_reason_has_its_remedy(void **state)
{
    (void)state;
    static const int reasons[] = {
        ENOSPC,       EDQUOT, EFBIG,  EMFILE, ENFILE,     ENOMEM,  EIO,    ENXIO,   ENODEV,
        ESTALE,       EACCES, EPERM,  EROFS,  EBUSY,      ETXTBSY, EAGAIN, ELOOP,   EINVAL,
        ENAMETOOLONG, EILSEQ, ENOSYS, EEXIST, EOPNOTSUPP, EISDIR,  ENOENT, ENOTDIR, ENOTCONN};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        assert_string_not_equal(lyrnn_remedy(reasons[i]), "fix the cause");
    assert_string_equal(lyrnn_remedy(EROFS),
                        "make the file system writable, or choose another place");
    assert_string_equal(lyrnn_remedy(ENAMETOOLONG), "choose a shorter name");
    assert_string_equal(lyrnn_remedy(ELOOP), "correct the symbolic links");
    assert_string_equal(lyrnn_remedy(EDOM), "fix the cause");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usual_reason_has_its_remedy),
        cmocka_unit_test(a_regular_file_is_open_for_reading),
        cmocka_unit_test(a_failure_names_the_reason_and_keeps_errno),
        cmocka_unit_test(other_kinds_of_files_are_refused_at_once),
        cmocka_unit_test(a_file_in_an_open_folder_is_created),
        cmocka_unit_test(a_regular_file_is_read_whole),
        cmocka_unit_test(a_pipe_is_read_only_if_the_user_names_it),
        cmocka_unit_test(what_never_ends_is_refused),
        cmocka_unit_test(a_socket_and_a_directory_are_named),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
