/* The error text that belongs to a lyrnn_status. Each thread has its own, as it has its own errno,
 * so functions need no extra parameter to explain a failure. */
#include "lyrnn/status.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/plain_text.h"

/* Has room for two paths of any length and a sentence about them. */
static _Thread_local char error_text[2 * PATH_MAX + 1024];

/* Moves back to the byte at which the UTF-8 character at c begins. */
static const char *char_start(const char *begin, const char *c)
{
    while (c > begin && ((unsigned char)*c & 0xC0) == 0x80)
        c--;
    return c;
}

/* Shortens a text that does not fit. The end says what is wrong, so the middle is left out. */
static void leave_out_middle(char *text, size_t size, const char *format, va_list arguments)
{
    enum { END_BYTES = 1024 };
    char *whole;
    int length = vasprintf(&whole, format, arguments);
    if (length < 0)
        return;
    /* The end may grow by up to three bytes to begin with a whole character. */
    const char *end = char_start(whole, whole + length - END_BYTES);
    const char *cut = char_start(whole, whole + size - END_BYTES - sizeof "......");
    snprintf(text + (cut - whole), size - (size_t)(cut - whole), "...%s", end);
    free(whole);
}

#undef lyrnn_fail /* a macro for Clang's analyzer only */
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    /* An argument may be the previous text, which a caller extends, so the new one is built
     * apart. */
    char text[sizeof error_text];
    va_list arguments;
    const c_locale locale = c_locale_enter();
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof text) {
        va_start(arguments, format);
        leave_out_middle(text, sizeof text, format, arguments);
        va_end(arguments);
    }
    c_locale_leave(&locale);
    /* A path or a prefix may contain newlines and terminal controls. The text must stay one
     * line. */
    text[lyrnn_make_plain(text, strlen(text))] = '\0';
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
