/* What the fuzz targets share. A target aborts where a promise is broken, by LYRNN_CHECK or a sanitizer, and
 * libFuzzer keeps the input. Files are made in the working directory, which tests/fuzz/run.sh provides. */
#ifndef LYRNN_FUZZ_H
#define LYRNN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, once for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes);

/* Replaces the file of that name. */
void fuzz_write_file(const char *path, const void *bytes, size_t num_bytes);

/* Puts the length of a header before it and data behind it. The file is to be freed. */
uint8_t *fuzz_frame_safetensors(const void *header, size_t header_bytes, const void *data,
                                size_t data_bytes, size_t *num_bytes);

/* Counts the memory that is taken from here on, and aborts where at any time since there was more than
 * multiple * num_bytes + constant of it. */
void fuzz_watch_memory(void);
void fuzz_check_memory(size_t num_bytes, size_t multiple, size_t constant);

/* Aborts unless the last failure's text begins with "OBJECT: ", is UTF-8, and one line. */
void fuzz_check_error_text(const char *object);

#endif
