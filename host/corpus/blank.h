/* Blank characters at the ends of a piece of UTF-8: spaces of any width that keyboards have, tabs,
 * and what has no width. Newlines count as blank too. */
#ifndef LYRNN_BLANK_H
#define LYRNN_BLANK_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* U+00A0, U+200B, U+3000 and U+FEFF. */
static const char *const text_wide_blanks[] = {"\xC2\xA0", "\xE2\x80\x8B", "\xE3\x80\x80",
                                               "\xEF\xBB\xBF"};
enum { TEXT_NUM_WIDE_BLANKS = sizeof text_wide_blanks / sizeof *text_wide_blanks };

static inline bool text_is_ascii_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The bytes of the blank character with which the text begins; 0: it begins with another one. */
static inline size_t text_blank_at(const char *text, size_t num_bytes)
{
    if (num_bytes > 0 && text_is_ascii_blank(text[0]))
        return 1;
    for (size_t i = 0; i < TEXT_NUM_WIDE_BLANKS; i++) {
        size_t length = strlen(text_wide_blanks[i]);
        if (num_bytes >= length && memcmp(text, text_wide_blanks[i], length) == 0)
            return length;
    }
    return 0;
}

/* The bytes of all blank characters with which the text begins. */
static inline size_t text_leading_blanks(const char *text, size_t num_bytes)
{
    size_t num = 0;
    for (size_t length; (length = text_blank_at(text + num, num_bytes - num)) > 0;)
        num += length;
    return num;
}

/* The number of bytes without the blank characters at the end. */
static inline size_t text_without_trailing_blanks(const char *text, size_t num_bytes)
{
    bool is_blank = true;
    while (num_bytes > 0 && is_blank) {
        is_blank = false;
        for (size_t length = 1; length <= 3 && length <= num_bytes && !is_blank; length++)
            if (text_blank_at(text + num_bytes - length, length) == length) {
                num_bytes -= length;
                is_blank = true;
            }
    }
    return num_bytes;
}

#endif
