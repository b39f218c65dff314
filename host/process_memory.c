/* Linux keeps the high-water mark of a process's resident memory; 5 in clear_refs brings it down to what is
 * resident now (proc(5)). */
#include "process_memory.h"

#include <stdio.h>
#include <sys/resource.h>

void lyrnn_peak_memory_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}

size_t lyrnn_peak_memory_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}
