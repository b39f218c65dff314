/* Writes the C source of the tables that unihan.h declares. Standard input is Unihan_Variants.txt
 * and Unihan_Readings.txt, one after the other. Runs once, at build time. Empty input makes empty
 * tables. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "corpus/unihan.h"

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

/* Adds how often c occurs. text is kHanyuPinlu, for example "hǎo(6060) hāo(142) hào(115)". */
static void add_count(table *common, uint32_t c, const char *text)
{
    uint32_t sum = 0;
    for (const char *at = strchr(text, '('); at != NULL; at = strchr(at + 1, '('))
        sum += (uint32_t)strtoul(at + 1, NULL, 10);
    add(common, c, sum);
}

/* Adds that c occurs as often as its simplified form, for example "U+4E07". */
static void add_traditional(table *traditional, uint32_t c, const char *text)
{
    unsigned simplified;
    if (sscanf(text, "U+%X", &simplified) == 1 && simplified != c)
        add(traditional, c, simplified);
}

/* Sorts the entries, and keeps only the largest value of each character. */
static void keep_largest(table *t)
{
    size_t num = 0;
    qsort(t->entries, t->num, sizeof t->entries[0], compare);
    for (size_t i = 0; i < t->num; i++) {
        if (num > 0 && t->entries[num - 1].c == t->entries[i].c)
            num--;
        t->entries[num++] = t->entries[i];
    }
    t->num = num;
}

/* text is a variant of c in the field of one script; c may name itself. */
static void add_script(table *scripts, uint32_t c, uint32_t script, const char *text)
{
    enum { BOTH = LYRNN_UNIHAN_TRADITIONAL | LYRNN_UNIHAN_SIMPLIFIED };
    unsigned variant;
    if (sscanf(text, "U+%X", &variant) == 1)
        add(scripts, c, variant == c ? BOTH : script);
}

/* Drops the characters that both scripts have. */
static void drop_shared(table *scripts)
{
    size_t num = 0;
    qsort(scripts->entries, scripts->num, sizeof scripts->entries[0], compare);
    for (size_t i = 0, end; i < scripts->num; i = end) {
        uint32_t found = 0;
        for (end = i; end < scripts->num && scripts->entries[end].c == scripts->entries[i].c; end++)
            found |= scripts->entries[end].value;
        if (found == LYRNN_UNIHAN_TRADITIONAL || found == LYRNN_UNIHAN_SIMPLIFIED)
            scripts->entries[num++] = (lyrnn_unihan_entry){scripts->entries[i].c, found};
    }
    scripts->num = num;
}

static int compare_char(const void *a, const void *b)
{
    const lyrnn_unihan_entry *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

/* Gives each traditional form the count of its simplified form, if that is larger. */
static void count_traditional(table *common, const table *traditional)
{
    keep_largest(common);
    size_t num_sorted = common->num;
    for (size_t i = 0; i < traditional->num; i++) {
        const lyrnn_unihan_entry wanted = {.c = traditional->entries[i].value},
                                 *found = bsearch(&wanted, common->entries, num_sorted,
                                                  sizeof wanted, compare_char);
        if (found != NULL)
            add(common, traditional->entries[i].c, found->value);
    }
    keep_largest(common);
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

static table variants, readings, common, traditional, scripts;

static void add_word(uint32_t c, const char *field, const char *word)
{
    bool is_simplified = strcmp(field, "kSimplifiedVariant") == 0;
    bool is_traditional = strcmp(field, "kTraditionalVariant") == 0;
    if (strcmp(field, "kMandarin") == 0)
        add_reading(&readings, c, word);
    if (is_simplified || is_traditional || strcmp(field, "kSemanticVariant") == 0 ||
        strcmp(field, "kZVariant") == 0)
        add_variant(&variants, c, word);
    if (is_simplified)
        add_traditional(&traditional, c, word);
    if (is_simplified || is_traditional)
        add_script(&scripts, c, is_simplified ? LYRNN_UNIHAN_TRADITIONAL : LYRNN_UNIHAN_SIMPLIFIED,
                   word);
}

int main(void)
{
    char line[4096], *rest;
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned c;
        char field[64];
        int length = 0;
        if (sscanf(line, "U+%X\t%63[^\t]\t%n", &c, field, &length) != 2 || length == 0)
            continue;
        if (strcmp(field, "kHanyuPinlu") == 0)
            add_count(&common, c, line + length);
        if (strcmp(field, "kTGHZ2013") == 0 || strcmp(field, "kXHC1983") == 0)
            add(&common, c, 0);
        for (char *word = strtok_r(line + length, " \r\n", &rest); word != NULL;
             word = strtok_r(NULL, " \r\n", &rest))
            add_word(c, field, word);
    }
    count_traditional(&common, &traditional);
    drop_shared(&scripts);
    puts("#include \"corpus/unihan.h\"");
    print("variants", &variants);
    print("readings", &readings);
    print("common", &common);
    print("scripts", &scripts);
    return 0;
}
