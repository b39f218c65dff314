/* Lists of whole numbers, as options take them: "256,512,1024", "32..256*2" (32, 64, 128, 256),
 * "1..10+3" (1, 4, 7, 10), and any of these separated by commas. */
#ifndef LYRNN_CLI_INT_LIST_H
#define LYRNN_CLI_INT_LIST_H

#include <stdbool.h>
#include <stddef.h>

enum { INT_LIST_MAX = 256 };

typedef struct {
    int *items; /* owned */
    size_t num;
} int_list;

/* What int_list_parse returns if nothing is wrong with the text. */
#define INT_LIST_NO_MEMORY "out of memory"

/* Appends the numbers of text, each from min to max. Returns NULL, or what is wrong with the text,
 * for a line that already names it. */
const char *int_list_parse(int_list *list, const char *text, int min, int max);

/* Appends one number. False: out of memory. */
bool int_list_add(int_list *list, int value);

#endif
