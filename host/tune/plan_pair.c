/* Reads and writes the plans of a training as one text. */
#include "tune/plan_pair.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *const plan_directions[PLAN_DIRECTIONS] = {"forward", "backward"};

static lyrnn_status refuse(const char *text)
{
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--plan %s: must be forward=PLAN,backward=PLAN or one of the two, for "
                      "example forward=steps; lyrnn tune lists the plans",
                      text);
}

/* The direction that a part of the text names, up to '='; -1: none. */
static int direction_of(const char *part, size_t length)
{
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        if (strlen(plan_directions[i]) == length && memcmp(plan_directions[i], part, length) == 0)
            return i;
    return -1;
}

/* Copies a plan: small letters, digits and points. False: it is none. */
static bool copy_plan(const char *part, size_t length, char plan[LYRNN_PLAN_BYTES])
{
    if (length == 0 || length >= LYRNN_PLAN_BYTES ||
        strspn(part, "abcdefghijklmnopqrstuvwxyz0123456789.") < length)
        return false;
    memcpy(plan, part, length);
    return true;
}

lyrnn_status plan_pair_parse(const char *text, plan_pair *pair)
{
    *pair = (plan_pair){0};
    for (const char *part = text; part != NULL;) {
        size_t length = strcspn(part, ","), name = strcspn(part, "=");
        int direction = direction_of(part, name);
        if (direction < 0 || name >= length || pair->texts[direction][0] != '\0' ||
            !copy_plan(part + name + 1, length - name - 1, pair->texts[direction]))
            return refuse(text);
        part = part[length] == ',' ? part + length + 1 : NULL;
    }
    return LYRNN_OK;
}

void plan_pair_print(const plan_pair *pair, plan_pair_text text)
{
    int length = 0;
    text[0] = '\0';
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        if (pair->texts[i][0] != '\0')
            length += snprintf(text + length, sizeof(plan_pair_text) - (size_t)length, "%s%s=%s",
                               length > 0 ? "," : "", plan_directions[i], pair->texts[i]);
}
