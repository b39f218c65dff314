/* Walks through the arrays and objects of a JSON value, without recursion, and knows its place. */
#ifndef LYRNN_JSON_WALK_H
#define LYRNN_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum { JSON_WALK_MAX_DEPTH = 64 };

/* An array or object on the way to the current value. */
typedef struct {
    json_t *value;
    const char *title; /* borrowed; NULL: none so far */
    size_t index;      /* of the next element */
    void *member;      /* the next member */
    const char *key;   /* of the current member */
    bool has_song;
    bool is_empty_song; /* an object whose own text is empty */
} json_level;

typedef struct {
    json_level levels[JSON_WALK_MAX_DEPTH];
    size_t depth;
} json_walk;

/* Makes the children of a value, an array or object, the next ones. false: that is too deep. */
bool json_walk_enter(json_walk *walk, json_t *value, const char *title);

/* The next child of the last value that was entered; NULL: there is none. */
json_t *json_walk_next(json_walk *walk);

/* Returns to the value that has the last one. */
void json_walk_leave(json_walk *walk);

/* Writes the place of the current child, or of the last value that was entered, for example
 * $.songs[3].lyrics. It is cut to the size. */
void json_walk_place(const json_walk *walk, bool is_child, char *place, size_t size);

#endif
