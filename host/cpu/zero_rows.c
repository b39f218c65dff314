/* Sets the state of some streams to zero. */
#include "cpu/cpu.h"

#include <string.h>

void lyrnn_cpu_zero_rows(lyrnn_backend *self, const lyrnn_zero_rows_args *args)
{
    (void)self;
    for (int b = 0; b < args->B; b++)
        if (args->chosen[b] != 0)
            memset(args->rows + (size_t)b * (size_t)args->stride, 0,
                   (size_t)args->H * sizeof *args->rows);
}
