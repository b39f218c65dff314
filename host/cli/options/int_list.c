/* Reads a list part by part. A range must grow at every step, and ends at its last number that is
 * not greater than its end. Sums and products are computed in 64 bits, so that two ints cannot
 * overflow. */
#include "cli/options/int_list.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool int_list_add(int_list *list, int value)
{
    int *items = realloc(list->items, (list->num + 1) * sizeof *items);
    if (items == NULL)
        return false;
    items[list->num++] = value;
    list->items = items;
    return true;
}

/* Accepts only digits, unlike strtoll. A number that is too large for int becomes INT_MAX + 1. */
static bool take_number(const char **text, int64_t *value)
{
    size_t length = strspn(*text, "0123456789");
    const char *end = *text + length;
    *value = 0;
    for (; *text < end; (*text)++)
        if (*value <= INT_MAX)
            *value = *value * 10 + (**text - '0');
    if (*value > INT_MAX)
        *value = (int64_t)INT_MAX + 1;
    return length > 0;
}

/* Adds the numbers after first, which is already in the list, up to last. */
static const char *add_range(int_list *list, int64_t first, int64_t last, char operation,
                             int64_t operand)
{
    if (last <= first)
        return "a range must end above its first number";
    if (operation == '*' && (operand < 2 || first == 0))
        return "a range must grow: its factor must be at least 2";
    if (operation == '+' && operand < 1)
        return "a range must grow: its summand must be at least 1";
    for (int64_t value = first;;) {
        value = operation == '*' ? value * operand : value + operand;
        if (value > last)
            return NULL;
        if (list->num == INT_LIST_MAX)
            return "too many numbers; at most 256";
        if (!int_list_add(list, (int)value))
            return INT_LIST_NO_MEMORY;
    }
}

static const char *add_part(int_list *list, const char **text, int min, int max)
{
    static const char *const what = "must be whole numbers in digits, or ranges such as 32..256*2 "
                                    "and 10..50+10, separated by commas";
    int64_t first, last, operand = 0;
    if (!take_number(text, &first))
        return what;
    bool is_range = strncmp(*text, "..", 2) == 0;
    char operation = '\0';
    last = first;
    if (is_range) {
        *text += 2;
        if (!take_number(text, &last) || (**text != '*' && **text != '+'))
            return what;
        operation = *(*text)++;
        if (!take_number(text, &operand))
            return what;
    }
    if (**text != ',' && **text != '\0')
        return what;
    if (first < min || first > max || last > max)
        return "out of range";
    if (list->num == INT_LIST_MAX)
        return "too many numbers; at most 256";
    if (!int_list_add(list, (int)first))
        return INT_LIST_NO_MEMORY;
    return is_range ? add_range(list, first, last, operation, operand) : NULL;
}

const char *int_list_parse(int_list *list, const char *text, int min, int max)
{
    for (;;) {
        const char *problem = add_part(list, &text, min, max);
        if (problem != NULL || *text == '\0')
            return problem;
        text++;
    }
}
