/* The error text that travels beside a lyrnn_status. It is the thread's own, as errno is, so that
 * functions need no extra parameter to explain themselves. */
#include "lyrnn/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char error_text[1024];

lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    /* Built aside: an argument may be the previous text, as when a caller adds to it. */
    char text[sizeof error_text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
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
