/* Fuzzes the command line of every command. Whatever its words are, the command ends, frees what it
 * took, and a failure has one line of text without controls.
 *
 * An input is a line with the name of a command, then one line per word. A device that does not
 * exist ends the command line, so that nothing is trained, generated or measured, and --ranks 1, so
 * that no process is started. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/help.h"
#include "fuzz.h"
#include "lyrnn/status.h"
#include "recipe.h"

enum { MAX_WORDS = 40 };

static bool has_option(const option_table *table, const char *name)
{
    for (size_t i = 0; i < table->num_specs; i++)
        if (table->specs[i].kind != OPTION_HEADING && strcmp(table->specs[i].name, name) == 0)
            return true;
    return false;
}

static lyrnn_status run_words(const cli_command *command, char *rest)
{
    static char no_device[] = "--device=none", no_ranks[] = "--ranks=1";
    bool has_device = has_option(command->table, "device");
    char *argv[MAX_WORDS + 4] = {(char *)command->table->name};
    int argc = 1;
    while (*rest != '\0' && argc <= MAX_WORDS) {
        char *word = fuzz_take_line(&rest);
        /* After it, --device would be the name of a file. */
        if (strcmp(word, "--") != 0 || !has_device)
            argv[argc++] = word;
    }
    /* Twice, because an option without its value takes the first. */
    for (int i = 0; i < 2 && has_device; i++)
        argv[argc++] = no_device;
    if (has_option(command->table, "ranks"))
        argv[argc++] = no_ranks;
    return command->run(argc, argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    char *text = fuzz_copy_text(bytes, num_bytes), *rest = text;
    const char *name = fuzz_take_line(&rest);
    const cli_command *command = find_command(name);
    LYRNN_CHECK(freopen("/dev/null", "w", stdout) != NULL);
    lyrnn_status status = command != NULL ? run_words(command, rest) : refuse_command(name);
    if (status != LYRNN_OK)
        fuzz_check_error_line();
    free(text);
    return 0;
}
