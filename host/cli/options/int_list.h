/* Lists of whole numbers as options take them: "256,512,1024", "32..256*2" (32, 64, 128, 256), "1..10+3"
 * (1, 4, 7, 10), and any of these parted by commas. */
#ifndef LYRNN_CLI_INT_LIST_H
#define LYRNN_CLI_INT_LIST_H

#include <stdbool.h>
#include <stddef.h>

enum { INT_LIST_MAX = 256 };

typedef struct {
    int *items; /* owned */
    size_t num;
} int_list;

/* Appends what text says, every number from min to max. Returns what is wrong with it, for a line that
 * has named the text already, or NULL. */
const char *int_list_parse(int_list *list, const char *text, int min, int max);

/* Appends one. False: no memory. */
bool int_list_add(int_list *list, int value);

#endif
