/* Comparisons and selections, each form against a reference that sorts two values: as below, equal,
 * above or unordered. */
#include "every_form.h"

#include "float_reference.h"

enum Order { BELOW, EQUAL, ABOVE, UNORDERED };

/* For each order whether the comparison holds. */
struct Comparison {
    bool holds[4];
};

static const std::map<std::string, Comparison> comparisons = {
    {"eq", {{false, true, false, false}}}, {"ne", {{true, false, true, false}}},
    {"lt", {{true, false, false, false}}}, {"le", {{true, true, false, false}}},
    {"gt", {{false, false, true, false}}}, {"ge", {{false, true, true, false}}},
    {"lo", {{true, false, false, false}}}, {"ls", {{true, true, false, false}}},
    {"hi", {{false, false, true, false}}}, {"hs", {{false, true, true, false}}},
    {"equ", {{false, true, false, true}}}, {"neu", {{true, false, true, true}}},
    {"ltu", {{true, false, false, true}}}, {"leu", {{true, true, false, true}}},
    {"gtu", {{false, false, true, true}}}, {"geu", {{false, true, true, true}}},
    {"num", {{true, true, true, false}}},  {"nan", {{false, false, false, true}}},
};

/* A type of compared values: a format, or an integer of `bits`. */
struct Type {
    bool is_float, is_signed, is_pair;
    Format format;
    unsigned bits;

    explicit Type(const std::string &name)
        : is_float(name.find('f') != std::string::npos), is_signed(name[0] == 's'),
          is_pair(name.size() > 2 && name.substr(name.size() - 2) == "x2"),
          format(format_of(is_pair ? name.substr(0, name.size() - 2) : name)),
          bits(static_cast<unsigned>(atoi(name.c_str() + name.find_first_of("123468"))))
    {
    }
};

static Order ordered(const Type &type, bool flushes, uint64_t a, uint64_t b)
{
    if (!type.is_float) {
        /* Moving the sign's bit makes signed values sort like unsigned ones. */
        const uint64_t moved = type.is_signed ? 1ull << ((type.bits - 1) & 63) : 0;
        return (a ^ moved) < (b ^ moved) ? BELOW : a == b ? EQUAL : ABOVE;
    }
    const Format &format = type.format;
    if (format.is_nan(a) || format.is_nan(b))
        return UNORDERED;
    const int64_t first = place_of(format, flushes ? format.flushed(a) : a);
    const int64_t second = place_of(format, flushes ? format.flushed(b) : b);
    /* -0, which is at -1, equals +0. */
    if ((first == 0 || first == -1) && (second == 0 || second == -1))
        return EQUAL;
    return first < second ? BELOW : first == second ? EQUAL : ABOVE;
}

/* How a mnemonic combines the comparison with a predicate: a letter, or 0. */
static char combination_of(const Mnemonic &mnemonic)
{
    for (const char *name : {"and", "or", "xor"})
        if (mnemonic.has(name))
            return name[0];
    return 0;
}

static bool combined(char combination, bool compared, uint64_t predicate)
{
    switch (combination) {
    case 'a':
        return compared && predicate != 0;
    case 'o':
        return compared || predicate != 0;
    case 'x':
        return compared != (predicate != 0);
    default:
        return compared;
    }
}

static Reference find_setp(const Mnemonic &mnemonic)
{
    const Type type(mnemonic.last());
    const Comparison comparison = comparisons.at(mnemonic.parts[1]);
    const bool flushes = mnemonic.has("ftz");
    const char combination = combination_of(mnemonic);
    return {2,
            [=](const uint64_t *sources, uint64_t *results) {
                const unsigned bits = type.bits;
                const bool low = comparison.holds[ordered(type, flushes, low_bits(sources[0], bits),
                                                          low_bits(sources[1], bits))];
                bool second = !low;
                if (type.is_pair)
                    second =
                        comparison
                            .holds[ordered(type, flushes, sources[0] >> bits, sources[1] >> bits)];
                results[0] = combined(combination, low, sources[2]);
                results[1] = combined(combination, second, sources[2]);
            },
            {}};
}

/* What set writes where the comparison holds, to a result of this type and this many bits. */
static uint64_t true_value(const std::string &type, unsigned bits)
{
    return type[0] == 'u' || type[0] == 's' ? low_bits(~0ull, bits) : format_of(type).one();
}

static Reference find_set(const Mnemonic &mnemonic)
{
    const Type type(mnemonic.last());
    const std::string result_type = mnemonic.parts[mnemonic.parts.size() - 2];
    const unsigned bits = type.is_pair ? type.bits : Type(result_type).bits;
    const uint64_t value = true_value(result_type.substr(0, result_type.find('x')), bits);
    const Comparison comparison = comparisons.at(mnemonic.parts[1]);
    const bool flushes = mnemonic.has("ftz");
    const char combination = combination_of(mnemonic);
    return one_result([=](const uint64_t *sources) {
        uint64_t result = 0;
        for (unsigned at = 0; at < (type.is_pair ? 32 : 1); at += type.bits) {
            const Order order = ordered(type, flushes, low_bits(sources[0] >> at, type.bits),
                                        low_bits(sources[1] >> at, type.bits));
            if (combined(combination, comparison.holds[order], sources[2]))
                result |= value << at;
        }
        return result;
    });
}

static Reference find_slct(const Mnemonic &mnemonic)
{
    const bool is_float = mnemonic.last() == "f32", flushes = mnemonic.has("ftz");
    return one_result([=](const uint64_t *sources) {
        if (!is_float)
            return sources[sources[2] >> 31];
        const uint64_t sign = flushes ? f32.flushed(sources[2]) : sources[2];
        const bool is_below = f32.is_nan(sign) || sign > f32.sign();
        return sources[is_below ? 1 : 0];
    });
}

static Reference find_testp(const Mnemonic &mnemonic)
{
    const Format format = format_of(mnemonic.last());
    const std::string test = mnemonic.parts[1];
    return one_result([=](const uint64_t *sources) -> uint64_t {
        double value;
        float narrow;
        memcpy(&value, &sources[0], sizeof value);
        memcpy(&narrow, &sources[0], sizeof narrow);
        const int kind = format.bits == 32 ? std::fpclassify(narrow) : std::fpclassify(value);
        if (test == "finite")
            return kind != FP_INFINITE && kind != FP_NAN;
        if (test == "infinite")
            return kind == FP_INFINITE;
        if (test == "number")
            return kind != FP_NAN;
        if (test == "notanumber")
            return kind == FP_NAN;
        if (test == "normal")
            return kind == FP_NORMAL || kind == FP_ZERO;
        return kind == FP_SUBNORMAL;
    });
}

static Reference find_comparison(const Mnemonic &mnemonic)
{
    const std::string &name = mnemonic.name();
    if (name == "setp")
        return find_setp(mnemonic);
    if (name == "set")
        return find_set(mnemonic);
    if (name == "slct")
        return find_slct(mnemonic);
    if (name == "testp")
        return find_testp(mnemonic);
    if (name == "selp")
        return one_result([](const uint64_t *sources) { return sources[sources[2] != 0 ? 0 : 1]; });
    return {};
}

static void comparisons_and_selections_do_what_the_manual_says(void **)
{
    EveryForm(ptx::add_comparison_forms).check(find_comparison);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_and_selections_do_what_the_manual_says),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
