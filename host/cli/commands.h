/* The commands, one file each. argv[0] is the command's full name, "lyrnn train". A failure is left as
 * lyrnn_error_text for main to print. */
#ifndef LYRNN_CLI_COMMANDS_H
#define LYRNN_CLI_COMMANDS_H

#include "lyrnn/status.h"

lyrnn_status command_train(int argc, char **argv);
lyrnn_status command_generate(int argc, char **argv);
lyrnn_status command_eval(int argc, char **argv);
lyrnn_status command_bench(int argc, char **argv);
lyrnn_status command_info(int argc, char **argv);

#endif
