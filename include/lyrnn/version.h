/* The version of lyrnn. CMake reads it from here. */
#ifndef LYRNN_VERSION_H
#define LYRNN_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define LYRNN_VERSION_MAJOR 0
#define LYRNN_VERSION_MINOR 1
#define LYRNN_VERSION_PATCH 0

#define LYRNN_STRINGIFY_EXPANDED(number) #number
#define LYRNN_STRINGIFY(number)          LYRNN_STRINGIFY_EXPANDED(number)
/* "MAJOR.MINOR.PATCH" */
#define LYRNN_VERSION                                                                              \
    LYRNN_STRINGIFY(LYRNN_VERSION_MAJOR)                                                           \
    "." LYRNN_STRINGIFY(LYRNN_VERSION_MINOR) "." LYRNN_STRINGIFY(LYRNN_VERSION_PATCH)

/* The version of the linked library. LYRNN_VERSION is the version of the headers. */
const char *lyrnn_version(void);

#ifdef __cplusplus
}
#endif
#endif
