/* How this program was built: lyrnn bench prints it with every result. */
#ifndef LYRNN_CLI_BUILD_INFO_H
#define LYRNN_CLI_BUILD_INFO_H

#ifdef __clang__
#define BUILD_COMPILER __VERSION__
#else
#define BUILD_COMPILER "gcc " __VERSION__
#endif

/* The output of git describe, or "unknown" outside a checkout. */
const char *build_commit(void);

/* The flags of the C compiler, including those of the CPU backend. */
const char *build_flags(void);

#endif
