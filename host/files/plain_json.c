/* jansson escapes C0 controls only. In what it writes, all other characters that are not plain are
 * within strings, where an escape means the same. */
#include "files/plain_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/plain_text.h"
#include "files/json_build.h"

/* Copies text to plain, with escapes, or only counts if plain is NULL. Returns the length. */
static size_t escape(const char *text, char *plain)
{
    enum { ESCAPE_BYTES = sizeof "\\u009B" - 1 };
    size_t length = 0;
    for (const char *end = text + strlen(text); text < end;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t num =
            utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)(end - text), &c);
        LYRNN_CHECK(num > 0);
        bool is_kept = c == '\n' || lyrnn_is_plain((uint32_t)c);
        if (plain != NULL && is_kept)
            memcpy(plain + length, text, (size_t)num);
        else if (plain != NULL)
            snprintf(plain + length, ESCAPE_BYTES + 1, "\\u%04X", (unsigned)c);
        length += is_kept ? (size_t)num : ESCAPE_BYTES;
        text += num;
    }
    return length;
}

char *json_dumps_plain(const json_t *json, size_t flags)
{
    char *text = json_to_text(json, flags);
    if (text == NULL)
        return NULL;
    size_t length = escape(text, NULL);
    char *plain = malloc(length + 1);
    if (plain != NULL)
        plain[escape(text, plain)] = '\0';
    free(text);
    return plain;
}
