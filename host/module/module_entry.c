/* The module's side of status.h, and its version. The code of a module calls the functions of
 * status.h. The versions here pass each call on to the program, so that a thread has one error
 * text. */
#include <stdarg.h>
#include <stdio.h>

#include "module/module.h"

/* Each call of lyrnn_module_begin stores the same pointer, because a process has one program. */
static const lyrnn_module_program *the_program;

void lyrnn_module_begin(const lyrnn_module_program *program)
{
    the_program = program;
}

/* status.h makes lyrnn_fail a macro for Clang's analyzer. This file defines the function. */
#undef lyrnn_fail
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return the_program->fail(status, "%s", text);
}

const char *lyrnn_error_text(void)
{
    return the_program->error_text();
}

void lyrnn_check_failed(const char *condition, const char *file, int line)
{
    the_program->check_failed(condition, file, line);
}

extern const lyrnn_seam_note lyrnn_seam;
__attribute__((section(LYRNN_SEAM_SECTION), aligned(4), used)) const lyrnn_seam_note lyrnn_seam = {
    .owner_size = sizeof LYRNN_SEAM_OWNER,
    .seam_size = sizeof lyrnn_seam.seam,
    .type = 1,
    .owner = LYRNN_SEAM_OWNER,
    .seam = LYRNN_SEAM,
};
