/* Each full-width character is at the same distance from its ASCII twin. */
#include "corpus/width.h"

static uint32_t half_width(uint32_t c)
{
    enum { DISTANCE = 0xFF01 - '!' };
    if ((c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) ||
        (c >= 0xFF41 && c <= 0xFF5A))
        return c - DISTANCE;
    return c == 0x3000 ? ' ' : c;
}

size_t text_to_half_width(uint32_t *chars, size_t N)
{
    size_t num = 0;
    for (size_t i = 0; i < N; i++) {
        uint32_t c = half_width(chars[i]);
        num += c != chars[i];
        chars[i] = c;
    }
    return num;
}
