/* The texts in an archive: zip, 7z, and tar, compressed or not. Nothing is written to the disk. A
 * build without libarchive reads none, and says so. */
#ifndef LYRNN_ARCHIVE_H
#define LYRNN_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/open_file.h"
#include "lyrnn/status.h"

/* Whether this build reads archives. */
bool archive_is_supported(void);

/* What reads them, "libarchive 3.6.2"; NULL: nothing does. */
const char *archive_library(void);

/* Whether bytes are an archive, or a file whose name says that it is one. */
bool archive_is(const char *name, const lyrnn_bytes *bytes);

/* How to read an archive. A zeroed struct is fine. */
typedef struct {
    size_t max_bytes;  /* of what it unpacks to, with num_before; 0: 1 GiB */
    size_t num_before; /* bytes that other archives have unpacked to */
    FILE *log;         /* gets a line if files are left out; NULL: none */
} archive_rules;

/* Gets one text of an archive. `name` is its path there in UTF-8, and a NUL follows the bytes. Both
 * are borrowed. */
typedef lyrnn_status archive_text_reader(void *context, const char *name, const lyrnn_bytes *bytes);

/* Calls read_text with each text of an archive. Which files are texts, and their order, is as in a
 * folder (folder_list). If two have one path, the later one counts, as when they are unpacked. Any
 * failure of read_text ends the reading. `name` is the archive's, for errors.
 * LYRNN_ERR_CORPUS: it is damaged or encrypted, holds no text or another archive, is an office
 * document, or unpacks to too much: more than max_bytes, or than 200 times its size and 1 MiB.
 * LYRNN_ERR_UNSUPPORTED: this build reads no archives. LYRNN_ERR_MEMORY. */
lyrnn_status archive_read(const char *name, const lyrnn_bytes *bytes, const archive_rules *rules,
                          archive_text_reader *read_text, void *context);

#endif
