/* What is generated from the option tables at build time. Each function writes one file; pages.c
 * decides where the file goes. */
#ifndef LYRNN_CLI_PAGES_H
#define LYRNN_CLI_PAGES_H

#include <stdio.h>

#include "cli/commands.h"

/* lyrnn.1, which lists the commands. */
void write_program_page(FILE *stream);

/* lyrnn-COMMAND.1 */
void write_command_page(FILE *stream, const cli_command *command);

void write_bash_completion(FILE *stream);
void write_zsh_completion(FILE *stream);
void write_fish_completion(FILE *stream);

/* Calls visit with each word of a choice's metavar, "a|b|c". */
void for_each_word(const char *metavar, void (*visit)(FILE *stream, const char *word, int length),
                   FILE *stream);

#endif
