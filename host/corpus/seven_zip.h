/* What a 7z archive claims, before libarchive believes it. */
#ifndef LYRNN_SEVEN_ZIP_H
#define LYRNN_SEVEN_ZIP_H

#include "base/open_file.h"
#include "lyrnn/status.h"

/* Checks that the list of files of a 7z archive is there, and small enough to be read.
 * LYRNN_ERR_CORPUS: it is cut off, too large, encrypted or damaged. LYRNN_ERR_MEMORY: there is too
 * little memory for it. A list that is damaged in other ways is left to libarchive. */
lyrnn_status seven_zip_check(const char *name, const lyrnn_bytes *bytes);

#endif
