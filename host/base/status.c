/* The error text that travels beside a lyrnn_status. It is the thread's own, as errno is, so that
 * functions need no extra parameter to explain themselves. */
#include "lyrnn/status.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two paths, however long, and what is to be said of them. */
static _Thread_local char error_text[2 * PATH_MAX + 1024];

/* Goes back to where a character of UTF-8 begins. */
static const char *character_at(const char *begin, const char *c)
{
    while (c > begin && ((unsigned char)*c & 0xC0) == 0x80)
        c--;
    return c;
}

/* What is wrong stands at the end: of a text that is too long for its place, the middle is left out. */
static void leave_out_middle(char *text, size_t size, const char *format, va_list arguments)
{
    enum { END_BYTES = 1024 };
    char *whole;
    int length = vasprintf(&whole, format, arguments);
    if (length < 0)
        return;
    /* Three bytes more may come in where the end begins within a character. */
    const char *end = character_at(whole, whole + length - END_BYTES);
    const char *cut = character_at(whole, whole + size - END_BYTES - sizeof "......");
    snprintf(text + (cut - whole), size - (size_t)(cut - whole), "...%s", end);
    free(whole);
}

#undef lyrnn_fail /* a macro for Clang's analyzer only */
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    /* Built aside: an argument may be the previous text, as when a caller adds to it. */
    char text[sizeof error_text];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof text) {
        va_start(arguments, format);
        leave_out_middle(text, sizeof text, format, arguments);
        va_end(arguments);
    }
    /* A path or a prefix may hold line ends and terminal controls: the text stays one plain line. */
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    memcpy(error_text, text, sizeof error_text);
    return status;
}

const char *lyrnn_error_text(void)
{
    return error_text;
}

void lyrnn_check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "lyrnn: %s:%d: check failed: %s; this is a bug in lyrnn\n", file, line,
            condition);
    abort();
}
