/* The version that the library was compiled as. */
#include "lyrnn/version.h"

const char *lyrnn_version(void)
{
    return LYRNN_VERSION;
}
