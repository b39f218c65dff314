/* Names what a file is that is given as a model and is not safetensors. */
#ifndef LYRNN_OTHER_FORMATS_H
#define LYRNN_OTHER_FORMATS_H

#include <stddef.h>

#include "lyrnn/status.h"

/* Fails with LYRNN_ERR_MODEL_FILE if the bytes are those of a known other format: the text says
 * which, and how the model gets from there to safetensors. Else returns LYRNN_OK. It is for files
 * that break the first rules of safetensors. */
lyrnn_status refuse_other_format(const char *object, const unsigned char *bytes, size_t num_bytes);

#endif
