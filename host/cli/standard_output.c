/* One place that knows when printing has failed, and its one message. */
#include "cli/standard_output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

static lyrnn_status write_failed(void)
{
    /* A pipe that nobody reads any more, or a stream that is closed: no disk is full. */
    bool is_gone = errno == EPIPE || errno == EBADF;
    return lyrnn_fail(LYRNN_ERR_IO,
                      "standard output: cannot be written: %s; %sredirect it elsewhere",
                      errno != 0 ? strerror(errno) : "an earlier write failed",
                      is_gone ? "" : "free disk space, or ");
}

lyrnn_status standard_output_check(void)
{
    return ferror(stdout) ? write_failed() : LYRNN_OK;
}

lyrnn_status standard_output_flush(void)
{
    errno = 0;
    return fflush(stdout) != 0 ? write_failed() : standard_output_check();
}

void standard_output_forgive(void)
{
    __fpurge(stdout);
    clearerr(stdout);
}
