/* Numbers as text with a decimal point. A program that uses the library may have set a locale with
 * a decimal comma, which printf and strtod of its threads obey. */
#ifndef LYRNN_C_LOCALE_H
#define LYRNN_C_LOCALE_H

#include <locale.h>

typedef struct {
    locale_t own, before;
} c_locale;

/* Gives the calling thread the locale "C", until c_locale_leave restores the one before. glibc has
 * "C" built in, so this takes no memory; should a libc have none left, the locale stays. */
static inline c_locale c_locale_enter(void)
{
    c_locale locale = {.own = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    if (locale.own != (locale_t)0)
        locale.before = uselocale(locale.own);
    return locale;
}

static inline void c_locale_leave(const c_locale *locale)
{
    if (locale->own == (locale_t)0)
        return;
    uselocale(locale->before);
    freelocale(locale->own);
}

#endif
