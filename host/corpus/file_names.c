/* Folders and archives follow the same rules, so that packing a folder does not change what is read
 * from it. */
#include "corpus/file_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char FILE_TEXT_NAMES[] = "*.txt, *.lrc, *.json, *.jsonl and *.ndjson";
const char FILE_ARCHIVE_NAMES[] = "*.zip, *.tar, *.tar.gz, *.tgz and *.7z";

static const struct {
    const char *end;
    file_kind kind;
} text_ends[] = {{".txt", FILE_TEXT},
                 {".lrc", FILE_LRC},
                 {".json", FILE_JSON},
                 {".jsonl", FILE_JSONL},
                 {".ndjson", FILE_JSONL}};
static const char *const archive_ends[] = {".zip",     ".7z",      ".tar",  ".tar.gz", ".tgz",
                                           ".tar.bz2", ".tbz",     ".tbz2", ".tb2",    ".tar.xz",
                                           ".txz",     ".tar.zst", ".tzst", ".tar.lz4"};

static const char *const document_ends[] = {".docx", ".odt", ".epub", ".pptx",
                                            ".xlsx", ".odp", ".ods"};

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), end_length = strlen(end);
    return length > end_length && strcasecmp(name + length - end_length, end) == 0;
}

static bool ends_in_one(const char *name, const char *const *ends, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (ends_in(name, ends[i]))
            return true;
    return false;
}

file_kind file_kind_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof text_ends / sizeof *text_ends; i++)
        if (ends_in(name, text_ends[i].end))
            return text_ends[i].kind;
    return ends_in_one(name, archive_ends, sizeof archive_ends / sizeof *archive_ends)
               ? FILE_ARCHIVE
               : FILE_OTHER;
}

bool file_is_readable(file_kind kind)
{
    return kind != FILE_ARCHIVE && kind != FILE_OTHER;
}

bool file_is_document(const char *name)
{
    return ends_in_one(name, document_ends, sizeof document_ends / sizeof *document_ends);
}

bool file_is_hidden(const char *path)
{
    static const char macos[] = "__MACOSX/";
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += part[0] == '/';
        size_t length = strcspn(part, "/");
        bool is_dots = length <= 2 && strspn(part, ".") >= length;
        if ((part[0] == '.' && !is_dots) || strncmp(part, macos, sizeof macos - 1) == 0)
            return true;
    }
    return false;
}

void file_name_list_add(file_name_list *list, const char *name)
{
    list->num++;
    size_t length = strlen(name), comma = list->length > 0 ? 2 : 0;
    if (list->num > list->num_named + 1 || length + comma >= sizeof list->text - list->length)
        return;
    list->num_named++;
    list->length += (size_t)snprintf(list->text + list->length, sizeof list->text - list->length,
                                     "%s%s", comma > 0 ? ", " : "", name);
}

void file_name_list_print(const file_name_list *list, char text[FILE_NAME_LIST_SIZE])
{
    size_t num_more = list->num - list->num_named;
    if (num_more == 0)
        snprintf(text, FILE_NAME_LIST_SIZE, "%s", list->text);
    else if (list->num_named == 0)
        snprintf(text, FILE_NAME_LIST_SIZE, "with a long name");
    else
        snprintf(text, FILE_NAME_LIST_SIZE, "%s and %zu more", list->text, num_more);
}

void skipped_files_print(const skipped_files *skipped, char text[SKIPPED_FILES_SIZE])
{
    const struct {
        const file_name_list *list;
        const char *one, *many;
    } kinds[] = {
        {&skipped->hidden, "hidden file", "hidden files"},
        {&skipped->runs, "run of lyrnn", "runs of lyrnn"},
        {&skipped->links, "link", "links"},
        {&skipped->special, "pipe or device", "pipes or devices"},
        {&skipped->archives, "archive, which this build cannot read",
         "archives, which this build cannot read"},
        {&skipped->other, "other file", "other files"},
    };
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char names[FILE_NAME_LIST_SIZE];
        const file_name_list *list = kinds[i].list;
        if (list->num == 0)
            continue;
        file_name_list_print(list, names);
        length += (size_t)snprintf(text + length, SKIPPED_FILES_SIZE - length, "%s%zu %s (%s)",
                                   length > 0 ? ", " : "", list->num,
                                   list->num == 1 ? kinds[i].one : kinds[i].many, names);
    }
}
