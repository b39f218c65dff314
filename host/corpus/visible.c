/* Asks Unicode's general category. */
#include "corpus/visible.h"

#include <utf8proc.h>

bool text_is_visible(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category != UTF8PROC_CATEGORY_ZS && category != UTF8PROC_CATEGORY_ZL &&
           category != UTF8PROC_CATEGORY_ZP && category != UTF8PROC_CATEGORY_CC &&
           category != UTF8PROC_CATEGORY_CF;
}

bool text_has_visible(const uint32_t *chars, size_t N)
{
    for (size_t i = 0; i < N; i++)
        if (text_is_visible(chars[i]))
            return true;
    return false;
}
