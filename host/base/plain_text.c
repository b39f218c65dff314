/* What is not plain is listed here once. The bidirectional controls are those of Unicode's
 * annex 9; they hide the order of characters ("Trojan Source"). Other characters without a width
 * do a terminal no harm and are parts of real texts. */
#include "base/plain_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>

bool lyrnn_is_plain(uint32_t c)
{
    bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    bool is_bidi = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                   (c >= 0x2066 && c <= 0x2069);
    return !is_control && !is_bidi;
}

size_t lyrnn_make_plain(char *text, size_t num_bytes)
{
    size_t length = 0;
    for (size_t i = 0; i < num_bytes;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t num = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                (utf8proc_ssize_t)(num_bytes - i), &c);
        if (num > 0 && lyrnn_is_plain((uint32_t)c)) {
            memmove(text + length, text + i, (size_t)num);
            length += (size_t)num;
        } else {
            text[length++] = '?';
        }
        i += num > 0 ? (size_t)num : 1;
    }
    return length;
}

void lyrnn_print_plain(FILE *stream, const char *format, ...)
{
    size_t end = strlen(format);
    while (end > 0 && format[end - 1] == '\n')
        end--;
    const char *newlines = format + end;
    va_list arguments;
    char most[8192], *all = NULL;
    va_start(arguments, format);
    int num_bytes = vsnprintf(most, sizeof most, format, arguments);
    va_end(arguments);
    if (num_bytes < 0)
        return;
    if ((size_t)num_bytes >= sizeof most) {
        va_start(arguments, format);
        if (vasprintf(&all, format, arguments) < 0)
            all = NULL;
        va_end(arguments);
    }
    /* Without memory for all of a long text, its beginning is printed. */
    char *text = all != NULL ? all : most;
    fwrite(text, 1, lyrnn_make_plain(text, strlen(text) - strlen(newlines)), stream);
    fputs(newlines, stream);
    free(all);
}

void lyrnn_print_char(FILE *stream, uint32_t c, bool is_plain)
{
    utf8proc_uint8_t utf8[4];
    if (is_plain && c != '\n' && c != '\t' && !lyrnn_is_plain(c))
        c = '?';
    fwrite(utf8, 1, (size_t)utf8proc_encode_char((utf8proc_int32_t)c, utf8), stream);
}

bool lyrnn_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}
