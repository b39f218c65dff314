/* lyrnn_pages DIR: writes the man pages and the completions of bash, zsh and fish below DIR/, in
 * the places that they have below share/ of an installed lyrnn. The build runs it. Read next:
 * man_page.c. */
#include "cli/pages/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef char path_buffer[4096];

static FILE *open_page(const char *directory, const char *name)
{
    path_buffer path;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    LYRNN_CHECK(length >= 0 && (size_t)length < sizeof path);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            perror(path);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    if (stream == NULL) {
        perror(path);
        exit(1);
    }
    return stream;
}

static void close_page(FILE *stream)
{
    if (ferror(stream) || fclose(stream) != 0) {
        perror("lyrnn_pages");
        exit(1);
    }
}

static void write_page(const char *directory, const char *name, void (*write)(FILE *stream))
{
    FILE *stream = open_page(directory, name);
    write(stream);
    close_page(stream);
}

void for_each_word(const char *metavar, void (*visit)(FILE *stream, const char *word, int length),
                   FILE *stream)
{
    for (const char *word = metavar; *word != '\0';) {
        int length = (int)strcspn(word, "|");
        visit(stream, word, length);
        word += length + (word[length] == '|');
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: lyrnn_pages DIR\n", stderr);
        return 2;
    }
    write_page(argv[1], "man/man1/lyrnn.1", write_program_page);
    for (size_t i = 0; commands[i] != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, "man/man1/lyrnn-%s.1", command_name(commands[i]));
        FILE *stream = open_page(argv[1], name);
        write_command_page(stream, commands[i]);
        close_page(stream);
    }
    write_page(argv[1], "bash-completion/completions/lyrnn", write_bash_completion);
    write_page(argv[1], "zsh/site-functions/_lyrnn", write_zsh_completion);
    write_page(argv[1], "fish/vendor_completions.d/lyrnn.fish", write_fish_completion);
    return 0;
}
