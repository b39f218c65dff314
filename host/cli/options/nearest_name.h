/* "did you mean": the names of a list that are nearest to one that it lacks. */
#ifndef LYRNN_CLI_NEAREST_NAME_H
#define LYRNN_CLI_NEAREST_NAME_H

#include <stddef.h>

enum { NEAREST_MAX = 3, NEAREST_NAME_BYTES = 48 };

/* The caller sets typed and length, and zeroes the rest. */
typedef struct {
    const char *typed; /* (length) borrowed */
    size_t length;
    int best; /* the distance of the names held; meaningless if num is 0 */
    int num;  /* above NEAREST_MAX: too many to be of help */
    char names[NEAREST_MAX][NEAREST_NAME_BYTES];
    char text[NEAREST_MAX * (NEAREST_NAME_BYTES + 4) + 32];
} nearest_name;

/* Considers a name that may have been meant. `before`, for example "--", is printed before it. */
void nearest_name_consider(nearest_name *nearest, const char *before, const char *name,
                           size_t length);

/* "did you mean --num-epochs?", or with up to three "did you mean --a, --b or --c?". NULL: no name
 * is near. */
const char *nearest_name_text(nearest_name *nearest);

#endif
