/* The texts in an archive. */
#ifndef LYRNN_ARCHIVE_H
#define LYRNN_ARCHIVE_H

#include <stdbool.h>

/* Whether this build reads archives. */
bool archive_is_supported(void);

#endif
