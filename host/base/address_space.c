#include "base/address_space.h"

#include <sys/mman.h>

size_t lyrnn_openblas_bytes(size_t num_threads)
{
    /* The buffer of OpenBLAS for x86-64; on other machines it is smaller. The usual stack. */
    const size_t buffer = (size_t)128 << 20, stack = (size_t)8 << 20;
    return num_threads * (2 * buffer + stack);
}

bool lyrnn_can_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED && munmap(memory, bytes) == 0;
}
