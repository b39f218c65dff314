/* A file of its own, so that a new commit compiles nothing else again. */
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
