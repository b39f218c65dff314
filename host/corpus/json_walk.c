/* jansson keeps the order of an object's members. */
#include "corpus/json_walk.h"

#include <stdio.h>
#include <string.h>

bool json_walk_enter(json_walk *walk, json_t *value, const char *title)
{
    if (walk->depth == JSON_WALK_MAX_DEPTH)
        return false;
    walk->levels[walk->depth++] =
        (json_level){.value = value,
                     .title = title,
                     .member = json_is_object(value) ? json_object_iter(value) : NULL};
    return true;
}

json_t *json_walk_next(json_walk *walk)
{
    json_level *level = &walk->levels[walk->depth - 1];
    if (json_is_array(level->value))
        return json_array_get(level->value, level->index++);
    if (level->member == NULL)
        return NULL;
    level->key = json_object_iter_key(level->member);
    json_t *child = json_object_iter_value(level->member);
    level->member = json_object_iter_next(level->value, level->member);
    return child;
}

void json_walk_leave(json_walk *walk)
{
    bool has_song = walk->levels[--walk->depth].has_song;
    if (walk->depth > 0)
        walk->levels[walk->depth - 1].has_song |= has_song;
}

static void append(char *place, size_t size, const char *text)
{
    size_t length = strlen(place);
    snprintf(place + length, size - length, "%s", text);
}

void json_walk_place(const json_walk *walk, bool is_child, char *place, size_t size)
{
    size_t num_levels = walk->depth - (is_child || walk->depth == 0 ? 0 : 1);
    snprintf(place, size, "$");
    for (size_t i = 0; i < num_levels; i++) {
        const json_level *level = &walk->levels[i];
        char index[32];
        snprintf(index, sizeof index, "[%zu]", level->index - 1);
        if (json_is_object(level->value))
            append(place, size, ".");
        append(place, size, json_is_object(level->value) ? level->key : index);
    }
}
