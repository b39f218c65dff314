/* Unpacks the texts of an archive into memory, by libarchive. */
#ifndef LYRNN_UNPACK_H
#define LYRNN_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/open_file.h"
#include "corpus/file_names.h"
#include "lyrnn/status.h"

/* An empty zip is only the end of a zip, which libarchive does not read. */
typedef enum { PACKED_NONE, PACKED_EMPTY, PACKED_ZIP, PACKED_7Z, PACKED_TAR } packed_format;

/* A tar may also be compressed as a whole. */
typedef enum {
    FILTER_NONE,
    FILTER_GZIP,
    FILTER_BZIP2,
    FILTER_XZ,
    FILTER_ZSTD,
    FILTER_LZ4
} packed_filter;

/* A text of an archive. */
typedef struct {
    char *path;     /* in UTF-8, for people; owned */
    char *raw_path; /* as the archive has it; owned */
    size_t offset;  /* of its bytes in the data of all */
    size_t num;
    size_t order; /* its place in the archive */
} packed_text;

/* What an archive holds. A zeroed struct is empty. */
typedef struct {
    char *data;         /* the bytes of all texts, with a NUL after each; owned */
    packed_text *texts; /* (num_texts), owned */
    size_t num_texts;
    skipped_files skipped;
    bool is_document; /* of an office program, or an electronic book */
} unpacked_archive;

/* An archive to unpack; everything in it is borrowed. */
typedef struct {
    const char *name; /* for errors */
    const lyrnn_bytes *bytes;
    packed_format format;
    packed_filter filter;
    size_t max_bytes;  /* of what it may unpack to, with num_before */
    size_t num_before; /* bytes that other archives have unpacked to */
} packed_archive;

/* Errors are those of archive_read. The caller frees `unpacked`, on failure too. */
lyrnn_status archive_unpack(const packed_archive *packed, unpacked_archive *unpacked);
void archive_unpacked_free(unpacked_archive *unpacked);

#endif
