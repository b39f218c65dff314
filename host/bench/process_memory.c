/* Reads VmHWM, the peak resident memory that Linux records for each process. If a process writes 5
 * to clear_refs, Linux resets VmHWM to the memory that is resident now; see proc(5). getrusage does
 * not work here: its peak survives exec, and lyrnn executes itself once (cli/main.c). */
#include "bench/process_memory.h"

#include <stdio.h>

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
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        return 0;
    size_t kib = 0;
    char line[128];
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %zu kB", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}
