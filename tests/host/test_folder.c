/* Listing a folder: which of its files are texts, in which order, and what a folder that is odd or
 * that changes meanwhile does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "corpus/archive.h"
#include "corpus/file_names.h"
#include "corpus/folder.h"
#include "temp_dir.h"

static void plant(const char *path)
{
    assert_true(write_file(path, path, strlen(path)));
}

/* Lists FOLDER, which must succeed, and compares its paths, which `expected` separates by '|'. */
static void assert_lists(const char *folder, const char *expected, const char *logged)
{
    folder_names names;
    char paths[4096] = "", *log = NULL;
    size_t length = 0, log_size;
    FILE *stream = open_memstream(&log, &log_size);
    assert_int_equal(folder_list(folder, stream, &names), LYRNN_OK);
    fclose(stream);
    for (size_t i = 0; i < names.num; i++)
        length += (size_t)snprintf(paths + length, sizeof paths - length, "%s%s", i > 0 ? "|" : "",
                                   names.paths[i]);
    assert_string_equal(paths, expected);
    assert_string_equal(log, logged);
    free(log);
    folder_free(&names);
}

static void assert_refuses(const char *folder, lyrnn_status status, const char *error_text)
{
    folder_names names;
    assert_int_equal(folder_list(folder, NULL, &names), status);
    assert_string_equal(lyrnn_error_text(), error_text);
    folder_free(&names);
}

static void texts_are_listed_by_the_code_points_of_their_paths(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    mkdir("songs/b", 0777);
    mkdir("songs/b/z", 0777);
    plant("songs/b.txt");
    plant("songs/b/z/1.txt");
    plant("songs/b/a.lrc");
    plant("songs/\xEF\xBC\xA1.txt");     /* U+FF21 */
    plant("songs/\xF0\x9F\x8E\xB5.txt"); /* U+1F3B5, which UTF-16 puts before it */
    plant("songs/B.TXT");
    plant("songs/a.json");
    plant("songs/c.JsonL");
    const char *expected = "songs/B.TXT|songs/a.json|songs/b.txt|songs/b/a.lrc|songs/b/z/1.txt|"
                           "songs/c.JsonL|songs/\xEF\xBC\xA1.txt|songs/\xF0\x9F\x8E\xB5.txt";
    assert_lists("songs", expected, "");
}

static void a_slash_at_the_end_is_not_doubled(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    plant("songs/a.txt");
    assert_lists("songs/", "songs/a.txt", "");
    assert_lists(".", "./songs/a.txt", "");
}

static void what_is_no_text_is_left_out_and_named(void **state)
{
    (void)state;
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "songs/s.txt"};
    mkdir("songs", 0777);
    mkdir("songs/.git", 0777);
    plant("songs/.git/config.txt");
    plant("songs/.hidden.txt");
    plant("songs/a.txt");
    plant("songs/cover.jpg");
    plant("songs/txt");
    plant("songs/.txt");
    mkdir("songs/folder.txt", 0777);
    assert_int_equal(symlink("a.txt", "songs/link.txt"), 0);
    assert_int_equal(mkfifo("songs/pipe.txt", 0666), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    folder_names names;
    char *log = NULL;
    size_t size;
    FILE *stream = open_memstream(&log, &size);
    assert_int_equal(folder_list("songs", stream, &names), LYRNN_OK);
    fclose(stream);
    assert_int_equal(names.num, 1);
    assert_non_null(strstr(log, "songs: read 1 file, skipped 3 hidden files ("));
    assert_non_null(strstr(log, ", 1 link (link.txt), 2 pipes or devices ("));
    assert_non_null(strstr(log, ", 2 other files ("));
    assert_null(strstr(log, "config.txt"));
    free(log);
    folder_free(&names);
}

static void a_loop_of_links_ends(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    plant("songs/a.txt");
    assert_int_equal(symlink(".", "songs/loop"), 0);
    assert_int_equal(symlink("/", "songs/root"), 0);
    folder_names names;
    assert_int_equal(folder_list("songs", NULL, &names), LYRNN_OK);
    assert_int_equal(names.num, 1);
    folder_free(&names);
}

static void a_folder_that_the_user_names_by_a_link_is_read(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    plant("songs/a.txt");
    assert_int_equal(symlink("songs", "named"), 0);
    assert_true(folder_is("named"));
    assert_lists("named", "named/a.txt", "");
}

static void a_folder_without_texts_says_what_it_holds(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "(%s%s%s)", FILE_TEXT_NAMES,
             archive_is_supported() ? ", archives " : "",
             archive_is_supported() ? FILE_ARCHIVE_NAMES : "");
    char error[512];
    snprintf(error, sizeof error,
             "songs: holds no file that lyrnn reads %s; name a folder of texts", wanted);
    assert_refuses("songs", LYRNN_ERR_CORPUS, error);
    plant("songs/a.mp3");
    snprintf(error, sizeof error,
             "songs: holds no file that lyrnn reads %s, but 1 other file (a.mp3); name a folder of "
             "texts",
             wanted);
    assert_refuses("songs", LYRNN_ERR_CORPUS, error);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    assert_false(folder_is("songs"));
    assert_refuses("songs", LYRNN_ERR_IO,
                   "songs: cannot open: No such file or directory; check the path");
    if (geteuid() == 0)
        return;
    mkdir("songs", 0777);
    plant("songs/a.txt");
    mkdir("songs/private", 0);
    assert_refuses("songs", LYRNN_ERR_IO,
                   "songs: cannot read 1 of its folders (private): Permission denied; change the "
                   "permissions, or choose another place");
}

/* A tree deeper than any path may be long, and than a recursion may be deep. */
static void a_deep_folder_is_refused(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    int home = open(".", O_DIRECTORY | O_RDONLY);
    assert_int_equal(chdir("songs"), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(mkdir("deep", 0777) == 0 && chdir("deep") == 0);
    assert_int_equal(fchdir(home), 0);
    assert_refuses("songs", LYRNN_ERR_IO,
                   "songs: has subfolders more than 64 folders deep; move their files up");
    assert_int_equal(chdir("songs"), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(chdir("deep"), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(chdir("..") == 0 && rmdir("deep") == 0);
    assert_int_equal(fchdir(home), 0);
    close(home);
}

/* Many more folders than a process may have open files. */
static void many_folders_take_few_descriptors(void **state)
{
    (void)state;
    char path[64];
    struct rlimit before;
    mkdir("songs", 0777);
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "songs/%02d", i);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "songs/%02d/a.txt", i);
        plant(path);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {16, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    folder_names names;
    assert_int_equal(folder_list("songs", NULL, &names), LYRNN_OK);
    assert_int_equal(names.num, 100);
    for (size_t i = 0; i < names.num; i++) {
        lyrnn_bytes bytes;
        assert_int_equal(folder_read(&names, i, 100, &bytes), LYRNN_OK);
        assert_string_equal(bytes.data, names.paths[i]);
        free(bytes.data);
    }
    folder_free(&names);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void reading_follows_no_link_that_came_later(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    mkdir("songs/sub", 0777);
    mkdir("elsewhere", 0777);
    plant("songs/a.txt");
    plant("songs/sub/b.txt");
    plant("elsewhere/b.txt");
    folder_names names;
    lyrnn_bytes bytes;
    assert_int_equal(folder_list("songs", NULL, &names), LYRNN_OK);
    assert_true(remove("songs/a.txt") == 0 && symlink("../elsewhere/b.txt", "songs/a.txt") == 0);
    assert_true(rename("songs/sub", "moved") == 0 && symlink("../elsewhere", "songs/sub") == 0);
    assert_int_equal(folder_read(&names, 0, 100, &bytes), LYRNN_ERR_IO);
    assert_string_equal(lyrnn_error_text(), "songs/a.txt: cannot open: Too many levels of symbolic "
                                            "links; correct the symbolic links");
    assert_int_equal(folder_read(&names, 1, 100, &bytes), LYRNN_ERR_IO);
    assert_int_equal(strncmp(lyrnn_error_text(), "songs/sub/b.txt: cannot open: ", 30), 0);
    folder_free(&names);
}

static void reading_keeps_the_limit_of_bytes(void **state)
{
    (void)state;
    mkdir("songs", 0777);
    plant("songs/a.txt");
    folder_names names;
    lyrnn_bytes bytes;
    assert_int_equal(folder_list("songs", NULL, &names), LYRNN_OK);
    assert_int_equal(folder_read(&names, 0, 10, &bytes), LYRNN_ERR_IO);
    free(bytes.data);
    folder_free(&names);
}

static void hidden_is_by_any_part_of_a_path(void **state)
{
    (void)state;
    static const char *const hidden[] = {".a",  "a/.b/c.txt",        "a/.b", "__MACOSX/a.txt",
                                         "...", "a/__MACOSX/._b.txt"};
    static const char *const shown[] = {"a", "./a.txt", "../a.txt",         "a/../b", "a.b/c",
                                        "",  ".",       "my__MACOSX/a.txt", "/a"};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        assert_true(file_is_hidden(hidden[i]));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        assert_false(file_is_hidden(shown[i]));
}

static void a_list_names_the_first_and_counts_the_rest(void **state)
{
    (void)state;
    file_name_list list = {0};
    char text[FILE_NAME_LIST_SIZE], name[200];
    file_name_list_add(&list, "a");
    file_name_list_add(&list, "b");
    file_name_list_print(&list, text);
    assert_string_equal(text, "a, b");
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    file_name_list_add(&list, name);
    file_name_list_add(&list, "c");
    file_name_list_print(&list, text);
    assert_string_equal(text, "a, b and 2 more");
}

#define IN_TEMP_DIR(test) cmocka_unit_test_setup_teardown(test, temp_dir_enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TEMP_DIR(texts_are_listed_by_the_code_points_of_their_paths),
        IN_TEMP_DIR(a_slash_at_the_end_is_not_doubled),
        IN_TEMP_DIR(what_is_no_text_is_left_out_and_named),
        IN_TEMP_DIR(a_loop_of_links_ends),
        IN_TEMP_DIR(a_folder_that_the_user_names_by_a_link_is_read),
        IN_TEMP_DIR(a_folder_without_texts_says_what_it_holds),
        IN_TEMP_DIR(what_cannot_be_read_is_an_error),
        IN_TEMP_DIR(a_deep_folder_is_refused),
        IN_TEMP_DIR(many_folders_take_few_descriptors),
        IN_TEMP_DIR(reading_follows_no_link_that_came_later),
        IN_TEMP_DIR(reading_keeps_the_limit_of_bytes),
        cmocka_unit_test(hidden_is_by_any_part_of_a_path),
        cmocka_unit_test(a_list_names_the_first_and_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
