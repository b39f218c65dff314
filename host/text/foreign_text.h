/* What bytes are that are not UTF-8, and the command that converts them. */
#ifndef LYRNN_FOREIGN_TEXT_H
#define LYRNN_FOREIGN_TEXT_H

#include <stddef.h>

#include "lyrnn/status.h"

/* Returns LYRNN_ERR_CORPUS for the bytes of a file. The byte at offset `bad` is not UTF-8, or is
 * NUL. The text of the error says what the file may be and how to convert it: the command works as
 * it is printed. path NULL: the bytes came from a stream. */
lyrnn_status text_refuse_file(const char *name, const char *path, const char *bytes,
                              size_t num_bytes, size_t bad);

#endif
