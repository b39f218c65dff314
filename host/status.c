/* The error text that travels beside a lyrnn_status. It is the thread's own, as errno is, so that
 * functions need no extra parameter to explain themselves. */
#include "lyrnn/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char error_text[1024];

lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    /* Built aside: an argument may be the previous text, as when a caller adds to it. */
    char text[sizeof error_text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(error_text, sizeof error_text, "%s", text);
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
