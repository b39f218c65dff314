/* How this program was built. */
#ifndef LYRNN_CLI_BUILD_INFO_H
#define LYRNN_CLI_BUILD_INFO_H

#ifdef __clang__
#define BUILD_COMPILER __VERSION__
#else
#define BUILD_COMPILER "gcc " __VERSION__
#endif

/* git describe, "unknown" of sources outside a checkout; the C compiler's flags, with the CPU backend's own. */
const char *build_commit(void);
const char *build_flags(void);

#endif
