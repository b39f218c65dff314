/* Takes the checksum out of a file of lyrnn in memory, so that a test of what comes after it can
 * change the other bytes. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <string.h>

/* Replaces the entry by spaces, which JSON ignores. Returns how many bytes it took; 0: none. */
static inline size_t checksum_remove(unsigned char *bytes, size_t num_bytes)
{
    static const char entry[] = ",\"lyrnn_checksum\":\"xxh128:";
    unsigned char *found = memmem(bytes, num_bytes, entry, sizeof entry - 1);
    if (found == NULL)
        return 0;
    const size_t length = sizeof entry - 1 + 32 + 1;
    memset(found, ' ', length);
    return length;
}

#endif
