/* Characters as UTF-8, and their names in messages. */
#include <stdbool.h>
#include <stdio.h>

#include <utf8proc.h>

#include "lyrnn/corpus.h"

size_t lyrnn_utf8_encode(uint32_t c, char utf8[LYRNN_UTF8_MAX])
{
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)utf8);
}

size_t lyrnn_char_name(uint32_t c, char *name, size_t size)
{
    char utf8[LYRNN_UTF8_MAX];
    bool is_visible = utf8proc_charwidth((utf8proc_int32_t)c) > 0 &&
                      utf8proc_category((utf8proc_int32_t)c) != UTF8PROC_CATEGORY_ZS;
    int length = is_visible ? snprintf(name, size, "%.*s (U+%04X)", (int)lyrnn_utf8_encode(c, utf8),
                                       utf8, (unsigned)c)
                            : snprintf(name, size, "U+%04X", (unsigned)c);
    return (size_t)length;
}
