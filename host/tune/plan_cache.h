/* The user's cache of measured plans, $XDG_CACHE_HOME/lyrnn/plans.json or ~/.cache/lyrnn/plans.json
 * (XDG Base Directory Specification). It is a convenience: whatever is wrong with it, plans are
 * measured again. Anyone may have changed the file, so its texts only choose among plans that the
 * device lists. */
#ifndef LYRNN_PLAN_CACHE_H
#define LYRNN_PLAN_CACHE_H

#include <limits.h>

#include <jansson.h>

#include "tune/plan_set.h"

/* What the results of a trial depend on, next to the shape. */
typedef struct {
    char device[256]; /* the backend's plan_device */
    lyrnn_precision precision;
} plan_cache_key;

typedef struct {
    char path[PATH_MAX]; /* of the file; "": there is no place for it */
    json_t *entries;     /* an array, the newest last; NULL: there are none */
} plan_cache;

/* Reads the cache. Without a file it is empty. On failure it is empty too, and the error says what
 * is wrong with the file or its place. */
lyrnn_status plan_cache_open(plan_cache *cache);
void plan_cache_close(plan_cache *cache);

/* Takes times, errors, faults and the choice from the cache. False, with nothing changed: the cache
 * lacks this key or one of the plans, or chose a plan that the set lacks. */
bool plan_cache_find(const plan_cache *cache, const plan_cache_key *key, plan_set *set);

/* Adds what was measured, also to the file, and forgets the oldest entries. What another process
 * wrote in the meantime stays. On failure the file is as it was. */
lyrnn_status plan_cache_add(plan_cache *cache, const plan_cache_key *key, const plan_set *set);

#endif
