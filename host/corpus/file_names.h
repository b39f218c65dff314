/* What the names in a folder or an archive say, and which of its files were left out. */
#ifndef LYRNN_FILE_NAMES_H
#define LYRNN_FILE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { FILE_TEXT, FILE_LRC, FILE_JSON, FILE_JSONL, FILE_ARCHIVE, FILE_OTHER } file_kind;

/* By the end of the name, in letters of either case. */
file_kind file_kind_of_name(const char *name);

/* Whether a folder or an archive gives the file: a text, LRC, JSON or JSONL. */
bool file_is_readable(file_kind kind);

/* Whether the name is that of an office document or of a book. These are zip archives. */
bool file_is_document(const char *name);

/* Whether a part of a path begins with a dot ("." and ".." do not count), or is the folder
 * __MACOSX, where macOS keeps what is no text. */
bool file_is_hidden(const char *path);

/* The names for errors: "*.txt, *.lrc, ...". */
extern const char FILE_TEXT_NAMES[], FILE_ARCHIVE_NAMES[];

/* Names the first few files of one kind, and counts all. A zeroed list is empty. */
typedef struct {
    char text[120];
    size_t length, num, num_named;
} file_name_list;

void file_name_list_add(file_name_list *list, const char *name);

/* Writes "a.mp3, b.mp3 and 3 more". */
enum { FILE_NAME_LIST_SIZE = 160 };
void file_name_list_print(const file_name_list *list, char text[FILE_NAME_LIST_SIZE]);

/* The files that a reader leaves out, by reason. */
typedef struct {
    file_name_list hidden, links, special, archives, runs, other;
} skipped_files;

/* Writes "2 hidden files (.a, .b), 1 symbolic link (c)"; "" if nothing was left out. */
enum { SKIPPED_FILES_SIZE = 1400 };
void skipped_files_print(const skipped_files *skipped, char text[SKIPPED_FILES_SIZE]);

#endif
