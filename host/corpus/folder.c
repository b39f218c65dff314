/* Lists a folder without recursion: subfolders that are still to be read wait in a list. So only
 * one is open at a time, and a deep tree takes no stack. Every path is opened part by part from
 * the folder, without following links, so that a folder that changes meanwhile leads nowhere else.
 */
#include "corpus/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "base/remedy.h"
#include "corpus/archive.h"
#include "corpus/file_names.h"

enum { MAX_FILES = 1000000, MAX_DEPTH = 64 };

/* A growing array of paths. */
typedef struct {
    char **paths;
    size_t num, capacity;
} path_list;

typedef struct {
    const char *path;
    int fd;
    path_list files, subfolders; /* the second: still to be read, and begin with FOLDER/ too */
    size_t name_offset;
    skipped_files skipped;
    file_name_list unreadable; /* subfolders */
    int error;                 /* errno of the first of them */
} walk;

static void free_paths(path_list *list)
{
    for (size_t i = 0; i < list->num; i++)
        free(list->paths[i]);
    free(list->paths);
}

/* Appends FOLDER/NAME. */
static lyrnn_status add_path(const walk *state, path_list *list, const char *folder,
                             const char *name)
{
    if (state->files.num + state->subfolders.num >= MAX_FILES)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: holds more than %d texts and folders, the maximum; name a smaller "
                          "folder",
                          state->path, MAX_FILES);
    if (list->num == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        char **paths = realloc(list->paths, capacity * sizeof *paths);
        if (paths == NULL)
            return lyrnn_out_of_memory(state->path, capacity * sizeof *paths,
                                       "name a smaller folder");
        list->paths = paths;
        list->capacity = capacity;
    }
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    if (asprintf(&list->paths[list->num], "%s%s%s", folder, slash, name) < 0)
        return lyrnn_out_of_memory(state->path, length + strlen(name) + 2, "name a smaller folder");
    list->num++;
    return LYRNN_OK;
}

/* Opens the folder of a path below `fd`: all of its parts but the last one, or all if is_folder.
 * Returns -1, and errno keeps the reason. */
static int open_folder(int fd, const char *path, bool is_folder)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int now = openat(fd, ".", flags);
    for (const char *part = path; now >= 0 && part[0] != '\0';) {
        char name[NAME_MAX + 1];
        size_t length = strcspn(part, "/");
        if (part[length] == '\0' && !is_folder)
            break;
        int next = -1;
        errno = ENAMETOOLONG;
        if (length <= NAME_MAX) {
            memcpy(name, part, length);
            name[length] = '\0';
            next = openat(now, name, flags);
        }
        int error = errno;
        close(now);
        errno = error;
        now = next;
        part += length + (part[length] == '/');
    }
    return now;
}

static unsigned char type_of(int folder, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN ||
        fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return entry->d_type;
    return (unsigned char)IFTODT(info.st_mode);
}

/* Adds one entry of a folder to the list that it belongs to. */
static lyrnn_status sort_entry(walk *state, const char *folder, const char *name,
                               unsigned char type)
{
    char *path;
    file_kind kind = file_kind_of_name(name);
    if (asprintf(&path, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name) < 0)
        return lyrnn_out_of_memory(state->path, strlen(name), "name a smaller folder");
    lyrnn_status status = LYRNN_OK;
    if (file_is_hidden(name))
        file_name_list_add(&state->skipped.hidden, path);
    else if (type == DT_LNK)
        file_name_list_add(&state->skipped.links, path);
    else if (type == DT_DIR)
        status = add_path(state, &state->subfolders, state->path, path);
    else if (type != DT_REG)
        file_name_list_add(&state->skipped.special, path);
    else if (file_is_readable(kind) || (kind == FILE_ARCHIVE && archive_is_supported()))
        status = add_path(state, &state->files, state->path, path);
    else
        file_name_list_add(kind == FILE_ARCHIVE ? &state->skipped.archives : &state->skipped.other,
                           path);
    free(path);
    return status;
}

static lyrnn_status read_entries(walk *state, const char *folder, DIR *dir)
{
    const struct dirent *entry;
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            LYRNN_TRY(sort_entry(state, folder, name, type_of(dirfd(dir), entry)));
    }
    return LYRNN_OK;
}

static size_t depth_of(const char *name)
{
    size_t depth = 0;
    for (; *name != '\0'; name++)
        depth += *name == '/';
    return depth;
}

/* Whether a folder is that of a training. Its JSON files are no lyrics, and they change. */
static bool is_run(int fd)
{
    return faccessat(fd, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           faccessat(fd, "metrics.jsonl", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           (faccessat(fd, "checkpoints", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
            faccessat(fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Reads one subfolder, whose name is relative. One that is gone, or is no folder any more, counts
 * as if it had never been there. */
static lyrnn_status read_folder(walk *state, const char *name)
{
    lyrnn_status status = LYRNN_OK;
    int fd = -1, error = ENAMETOOLONG;
    if (depth_of(name) < MAX_DEPTH) {
        fd = open_folder(state->fd, name, true);
        error = errno;
    }
    if (fd >= 0 && name[0] != '\0' && is_run(fd)) {
        file_name_list_add(&state->skipped.runs, name);
        close(fd);
        return LYRNN_OK;
    }
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir != NULL) {
        status = read_entries(state, name, dir);
        error = errno;
        closedir(dir);
    } else if (fd >= 0) {
        error = errno;
        close(fd);
    }
    if (status != LYRNN_OK || error == 0 || error == ENOENT || error == ELOOP || error == ENOTDIR)
        return status;
    file_name_list_add(&state->unreadable, name[0] != '\0' ? name : ".");
    if (state->unreadable.num == 1)
        state->error = error;
    return LYRNN_OK;
}

static lyrnn_status read_all(walk *state)
{
    LYRNN_TRY(read_folder(state, ""));
    while (state->subfolders.num > 0) {
        char *path = state->subfolders.paths[--state->subfolders.num];
        lyrnn_status status = read_folder(state, path + state->name_offset);
        free(path);
        LYRNN_TRY(status);
    }
    return LYRNN_OK;
}

static lyrnn_status refuse_unreadable(const walk *state)
{
    char names[FILE_NAME_LIST_SIZE];
    file_name_list_print(&state->unreadable, names);
    if (state->error == ENAMETOOLONG)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: has subfolders more than %d folders deep; move their files up",
                          state->path, MAX_DEPTH);
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot read %zu of its folders (%s): %s; %s", state->path,
                      state->unreadable.num, names, strerror(state->error),
                      lyrnn_remedy(state->error));
}

static lyrnn_status refuse_empty(const walk *state, const char *skipped)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: holds no file that lyrnn reads (%s%s%s)%s%s; name a folder of texts",
                      state->path, FILE_TEXT_NAMES, archive_is_supported() ? ", archives " : "",
                      archive_is_supported() ? FILE_ARCHIVE_NAMES : "",
                      skipped[0] != '\0' ? ", but " : "", skipped);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static lyrnn_status conclude(walk *state, FILE *log)
{
    char skipped[SKIPPED_FILES_SIZE];
    if (state->unreadable.num > 0)
        return refuse_unreadable(state);
    skipped_files_print(&state->skipped, skipped);
    if (state->files.num == 0)
        return refuse_empty(state, skipped);
    /* The order of UTF-8's bytes is the order of code points. */
    qsort(state->files.paths, state->files.num, sizeof *state->files.paths, compare_paths);
    if (skipped[0] != '\0' && log != NULL)
        lyrnn_print_plain(log, "%s: read %zu file%s, skipped %s\n", state->path, state->files.num,
                          state->files.num == 1 ? "" : "s", skipped);
    return LYRNN_OK;
}

bool folder_is(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

lyrnn_status folder_list(const char *path, FILE *log, folder_names *names)
{
    size_t length = strlen(path);
    walk state = {.path = path,
                  .name_offset = length + (length > 0 && path[length - 1] == '/' ? 0 : 1)};
    *names = (folder_names){0};
    state.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state.fd < 0) {
        int error = errno;
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s; %s", path, strerror(error),
                          lyrnn_remedy(error));
    }
    lyrnn_status status = read_all(&state);
    if (status == LYRNN_OK)
        status = conclude(&state, log);
    free_paths(&state.subfolders);
    if (status == LYRNN_OK) {
        *names = (folder_names){state.files.paths, state.files.num, state.name_offset, state.fd};
        return LYRNN_OK;
    }
    free_paths(&state.files);
    close(state.fd);
    return status;
}

lyrnn_status folder_read(const folder_names *names, size_t i, size_t max_bytes, lyrnn_bytes *bytes)
{
    const char *path = names->paths[i], *name = path + names->name_offset;
    const lyrnn_input input = {
        .path = path, .max_bytes = max_bytes, .remedy = "leave it out, or correct it"};
    *bytes = (lyrnn_bytes){0};
    int fd, folder = open_folder(names->fd, name, false);
    if (folder < 0) {
        int error = errno;
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s; %s", path, strerror(error),
                          lyrnn_remedy(error));
    }
    const char *slash = strrchr(name, '/');
    lyrnn_status status = lyrnn_open_file_at(folder, slash != NULL ? slash + 1 : name,
                                             O_RDONLY | O_NOFOLLOW, path, &fd);
    close(folder);
    LYRNN_TRY(status);
    status = lyrnn_input_read_open(&input, fd, bytes);
    close(fd);
    return status;
}

void folder_free(folder_names *names)
{
    path_list list = {.paths = names->paths, .num = names->num};
    if (names->num > 0)
        close(names->fd);
    free_paths(&list);
    *names = (folder_names){0};
}
