/* The plans of a training as one text: "forward=resident.c4.s1,backward=steps", or one of the two.
 * --plan and config.json have it. */
#ifndef LYRNN_PLAN_PAIR_H
#define LYRNN_PLAN_PAIR_H

#include "lyrnn/backend.h"

enum { PLAN_FORWARD, PLAN_BACKWARD, PLAN_DIRECTIONS };

/* "forward" and "backward" */
extern const char *const plan_directions[PLAN_DIRECTIONS];

typedef struct {
    char texts[PLAN_DIRECTIONS][LYRNN_PLAN_BYTES]; /* "": there is none */
} plan_pair;

/* Reads the text of --plan; NULL has no plan. LYRNN_ERR_USAGE: it has another form. What plans
 * there are only the device knows. */
lyrnn_status plan_pair_parse(const char *text, plan_pair *pair);

typedef char plan_pair_text[sizeof(plan_pair) + sizeof "forward=,backward="];
void plan_pair_print(const plan_pair *pair, plan_pair_text text);

#endif
