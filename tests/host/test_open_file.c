/* lyrnn_open_file opens regular files and nothing else: a pipe or a device is refused without
 * waiting. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/open_file.h"
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
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    alarm(10);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char expected[100];
        int fd = 0;
        snprintf(expected, sizeof expected,
                 "%s: is not a regular file; move it away, or name another", names[i]);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_regular_file_is_open_for_reading),
        cmocka_unit_test(a_failure_names_the_reason_and_keeps_errno),
        cmocka_unit_test(other_kinds_of_files_are_refused_at_once),
        cmocka_unit_test(a_file_in_an_open_folder_is_created),
    };
    return cmocka_run_group_tests(tests, temp_dir_enter, temp_dir_leave);
}
