/* Builds JSON so that no entry is lost without an error. Memory may run out at any entry; the
 * object or array then becomes NULL and stays NULL, so that one check at the end covers all of
 * them:
 *
 *     json_t *object = json_object();
 *     json_put(&object, "epoch", json_integer(epoch));
 *     json_put(&object, "loss", json_real_or_null(loss));
 *     if (object == NULL)
 *         return lyrnn_out_of_memory(...);
 *
 * host/ sets entries by these functions and by json_pack only, and makes text by json_to_text. */
#ifndef LYRNN_JSON_BUILD_H
#define LYRNN_JSON_BUILD_H

#include <jansson.h>

/* Both add value, whose reference they take over. If value or the object is NULL, or if memory runs
 * out, they release both and set *object or *array to NULL. A key that exists gets the new
 * value. */
void json_put(json_t **object, const char *key, json_t *value);
void json_add(json_t **array, json_t *value);

/* Puts each entry of `others`, which is borrowed. NULL is an entry that could not be made. */
void json_put_all(json_t **object, json_t *others);

/* Returns the text of json (any value) by json_dumps's flags, for the caller to free. NULL: no
 * memory, or json is NULL. json_dumps itself drops bytes if its buffer cannot grow. */
char *json_to_text(const json_t *json, size_t flags);

#endif
