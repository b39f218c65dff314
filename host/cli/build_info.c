/* A new commit recompiles this file and no other. */
#include "cli/build_info.h"

#include "lyrnn_commit.h"

const char *build_commit(void)
{
    return LYRNN_COMMIT;
}

const char *build_flags(void)
{
    return LYRNN_BUILD_FLAGS;
}
