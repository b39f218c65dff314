/* A build without libarchive reads no archives. */
#include "text/archive.h"

bool archive_is_supported(void)
{
    return false;
}
