/* A folder of planted files that replaces the file system for a test. */
#ifndef LYRNN_PLANTED_ROOT_H
#define LYRNN_PLANTED_ROOT_H

extern char planted_root[64];

/* Writes PLANTED_ROOT/path, and makes the folders that it needs. */
void plant(const char *path, const char *text);

/* Fixtures of one test: an empty root before it, and none after it. */
int planted_setup(void **state);
int planted_teardown(void **state);

#endif
