/* What the fuzz targets share. A target aborts if a promise is broken (by LYRNN_CHECK or a
 * sanitizer), and libFuzzer keeps the input. Files are created in the working directory, which
 * tests/fuzz/run.sh provides. */
#ifndef LYRNN_FUZZ_H
#define LYRNN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls this once per input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes);

/* Replaces the content of a file. */
void fuzz_write_file(const char *path, const void *bytes, size_t num_bytes);

/* Returns a file made of the header's length, the header, and the data. The caller frees it. */
uint8_t *fuzz_frame_safetensors(const void *header, size_t header_bytes, const void *data,
                                size_t data_bytes, size_t *num_bytes);

/* The first function starts to count allocated memory. The second aborts if more than multiple *
 * num_bytes + constant bytes were allocated at any time since then. */
void fuzz_watch_memory(void);
void fuzz_check_memory(size_t num_bytes, size_t multiple, size_t constant);

/* Aborts unless the text of the last error is one line of UTF-8 that a terminal only shows. */
void fuzz_check_error_line(void);

/* The same, and the text must start with "OBJECT: ". */
void fuzz_check_error_text(const char *object);

#endif
