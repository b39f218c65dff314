/* Writes the C source of the tables that unihan.h declares. Standard input is Unihan_Variants.txt
 * and Unihan_Readings.txt, one after the other. Runs once, at build time. Empty input makes empty
 * tables. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "text/unihan.h"

enum { MAX_ENTRIES = 1 << 18 };

typedef struct {
    lyrnn_unihan_entry entries[MAX_ENTRIES];
    size_t num;
} table;

static void add(table *t, uint32_t c, uint32_t value)
{
    if (t->num == MAX_ENTRIES) {
        fputs("unihan_table: Unihan has too many entries; raise MAX_ENTRIES\n", stderr);
        exit(1);
    }
    t->entries[t->num++] = (lyrnn_unihan_entry){c, value};
}

static int compare(const void *a, const void *b)
{
    const lyrnn_unihan_entry *x = a, *y = b;
    if (x->c != y->c)
        return x->c < y->c ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Adds the relation in both directions. text is, for example, "U+5B8C<kFenn"; only its code point
 * counts. */
static void add_variant(table *variants, uint32_t c, const char *text)
{
    unsigned variant;
    if (sscanf(text, "U+%X", &variant) == 1 && variant != c) {
        add(variants, c, variant);
        add(variants, variant, c);
    }
}

/* text is a pinyin syllable such as "yún". The value has its letters in base 27, with v for ü, and
 * its tone, which is the accent on one of the letters. */
static void add_reading(table *readings, uint32_t c, const char *text)
{
    utf8proc_uint8_t *decomposed = utf8proc_NFD((const utf8proc_uint8_t *)text);
    utf8proc_int32_t point;
    uint32_t syllable = 0, tone = 0;
    if (decomposed == NULL)
        return;
    for (const utf8proc_uint8_t *at = decomposed; *at != '\0';) {
        utf8proc_ssize_t length = utf8proc_iterate(at, -1, &point);
        if (length < 1)
            break;
        at += length;
        if (point >= 'a' && point <= 'z')
            syllable = syllable * 27 + (uint32_t)(point - 'a' + 1);
        tone = point == 0x304   ? 1
               : point == 0x301 ? 2
               : point == 0x30C ? 3
               : point == 0x300 ? 4
                                : tone;
        if (point == 0x308)
            syllable += 'v' - 'u';
    }
    free(decomposed);
    if (syllable != 0)
        add(readings, c, 8 * syllable + tone);
}

static void print(const char *name, table *t)
{
    size_t num = 0;
    qsort(t->entries, t->num, sizeof t->entries[0], compare);
    printf("const lyrnn_unihan_entry lyrnn_unihan_%s[] = {\n", name);
    for (size_t i = 0; i < t->num; i++)
        if (i == 0 || compare(&t->entries[i - 1], &t->entries[i]) != 0) {
            printf("{0x%" PRIX32 ",%" PRIu32 "},%s", t->entries[i].c, t->entries[i].value,
                   num % 6 == 5 ? "\n" : "");
            num++;
        }
    /* C has no empty arrays. */
    printf("%s};\nconst size_t lyrnn_unihan_num_%s = %zu;\n", num == 0 ? "{0, 0}" : "", name, num);
}

int main(void)
{
    static table variants, readings;
    char line[4096], *rest;
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned c;
        char field[64];
        int length = 0;
        if (sscanf(line, "U+%X\t%63[^\t]\t%n", &c, field, &length) != 2 || length == 0)
            continue;
        for (char *word = strtok_r(line + length, " \r\n", &rest); word != NULL;
             word = strtok_r(NULL, " \r\n", &rest)) {
            if (strcmp(field, "kMandarin") == 0)
                add_reading(&readings, c, word);
            else if (strcmp(field, "kSimplifiedVariant") == 0 ||
                     strcmp(field, "kTraditionalVariant") == 0 ||
                     strcmp(field, "kSemanticVariant") == 0 || strcmp(field, "kZVariant") == 0)
                add_variant(&variants, c, word);
        }
    }
    puts("#include \"text/unihan.h\"");
    print("variants", &variants);
    print("readings", &readings);
    return 0;
}
