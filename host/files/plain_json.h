/* JSON that a terminal shows as it is. JSON's own escapes stand for what is not plain
 * (base/plain_text.h), so a program that reads the JSON gets the same values. */
#ifndef LYRNN_PLAIN_JSON_H
#define LYRNN_PLAIN_JSON_H

#include <jansson.h>

/* Returns what json_dumps returns, for the caller to free, with \uXXXX for each DEL, C1 control and
 * bidirectional control. NULL: no memory, or json is NULL. */
char *json_dumps_plain(const json_t *json, size_t flags);

#endif
