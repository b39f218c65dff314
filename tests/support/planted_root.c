#include "planted_root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char planted_root[64];

void plant(const char *path, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", planted_root, path);
    for (char *slash = name + strlen(planted_root) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        mkdir(name, 0777);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

int planted_setup(void **state)
{
    (void)state;
    strcpy(planted_root, "/tmp/lyrnn_root_XXXXXX");
    return mkdtemp(planted_root) == NULL;
}

int planted_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", planted_root);
    return system(command);
}
