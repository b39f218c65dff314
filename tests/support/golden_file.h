/* Reads the files in golden/, which hold what PyTorch computed. A test fails if a member is missing
 * or has another type or length. Arrays are the caller's, to free. */
#ifndef GOLDEN_FILE_H
#define GOLDEN_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lyrnn/parameters.h"

json_t *golden_open_json(const char *path);

json_t *golden_member(json_t *object, const char *name);
int golden_integer(json_t *object, const char *name);
double golden_number(json_t *object, const char *name);
double *golden_numbers(json_t *object, const char *name, int count);
int32_t *golden_ids(json_t *object, const char *name, size_t count);

/* The network. A file without "embedding_size" has none of the parts that came with it. */
lyrnn_rnn_config golden_config(json_t *json);

/* Returns all tensors in the oracle's order, which is PyTorch's. */
double *golden_tensors(json_t *object, const char *name, const lyrnn_rnn_config *config);

/* Compares tensor by tensor, so that the scale of a large tensor does not hide an error in a small
 * one. */
void golden_assert_tensors(const lyrnn_rnn_config *config, const double *actual,
                           const double *expected, double tolerance);

#endif
