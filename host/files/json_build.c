/* jansson's own functions that set an entry return -1 if they fail, and a caller that ignores it
 * prints JSON that lacks a member. json_dumps ignores such a failure itself (jansson 2.14, the keys
 * of an object), so the text is written into a buffer that is large enough. */
#include "files/json_build.h"

#include <stdlib.h>

static void give_up(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

void json_put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0)
        give_up(object);
}

void json_add(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) != 0)
        give_up(array);
}

void json_put_all(json_t **object, json_t *others)
{
    if (json_object_update(*object, others) != 0)
        give_up(object);
}

char *json_to_text(const json_t *json, size_t flags)
{
    flags |= JSON_ENCODE_ANY;
    size_t size = json_dumpb(json, NULL, 0, flags);
    char *text = size > 0 ? malloc(size + 1) : NULL;
    if (text != NULL && json_dumpb(json, text, size, flags) == size) {
        text[size] = '\0';
        return text;
    }
    free(text);
    return NULL;
}
