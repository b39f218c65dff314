/* config.json of a run: every option as it was resolved, the version, the device and the corpus. In
 * memory it is a json_t. Only this module writes and reads the file. */
#ifndef LYRNN_RUN_CONFIG_H
#define LYRNN_RUN_CONFIG_H

#include <jansson.h>

#include "lyrnn/status.h"

/* Replaces config.json in the run's folder run_fd. The file is always whole: either the earlier one
 * or the new one. run_path names the folder in errors. LYRNN_ERR_IO, LYRNN_ERR_MEMORY (also if
 * config is NULL). */
lyrnn_status lyrnn_run_config_write(int run_fd, const char *run_path, const json_t *config);

/* Reads config.json of the run in run_path. *config is an object without duplicate keys, a new
 * reference; NULL on failure. LYRNN_ERR_NOTHING: there is no such file, or a process was killed
 * before it had made the run. LYRNN_ERR_IO: the file cannot be read. LYRNN_ERR_MODEL_FILE: the file
 * holds no such object. */
lyrnn_status lyrnn_run_config_read(const char *run_path, json_t **config);

#endif
