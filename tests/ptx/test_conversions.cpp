/* Conversions against exact numbers that are rounded by integers: for every value of f16 and bf16,
 * and to a shorter format at each of its numbers and ties, and next to them. */
#include "every_form.h"

#include "float_reference.h"

__extension__ typedef __int128 int128;

/* A type of a conversion: an integer, or a format of floating-point numbers. */
struct Type {
    bool is_float, is_signed;
    unsigned bits;
    Format format;

    explicit Type(const std::string &name)
        : is_float(name.find('f') != std::string::npos), is_signed(name[0] == 's'),
          bits(static_cast<unsigned>(atoi(name.c_str() + name.find_first_of("12368")))),
          format(format_of(name))
    {
        if (name == "f64" || name == "s64" || name == "u64")
            bits = 64;
    }
    int128 lowest() const
    {
        return is_signed ? -(static_cast<int128>(1) << (bits - 1)) : 0;
    }
    int128 highest() const
    {
        return (static_cast<int128>(1) << (is_signed ? bits - 1 : bits)) - 1;
    }
    int128 clamped(int128 value) const
    {
        return value < lowest() ? lowest() : value > highest() ? highest() : value;
    }
    int128 integer(uint64_t source) const
    {
        const int128 value = static_cast<int128>(low_bits(source, bits));
        return value > highest() ? value - (static_cast<int128>(1) << bits) : value;
    }
};

/* What a mnemonic asks for. */
struct Conversion {
    Type to, from;
    Mode mode;
    char whole; /* n, z, m or p: rounds to whole numbers; 0: does not */
    bool flushes, saturates, is_relu, is_finite, is_pair;

    explicit Conversion(const Mnemonic &mnemonic)
        : to(without_x2(mnemonic.parts[mnemonic.parts.size() - 2])), from(mnemonic.last()),
          mode(mode_of(mnemonic.parts[1])), whole(0), flushes(mnemonic.has("ftz")),
          saturates(mnemonic.has("sat")), is_relu(mnemonic.has("relu")),
          is_finite(mnemonic.has("satfinite")),
          is_pair(mnemonic.text.find("x2") < std::string::npos)
    {
        for (const char *name : {"rni", "rzi", "rmi", "rpi"})
            if (mnemonic.has(name))
                whole = name[1];
    }
    static std::string without_x2(const std::string &type)
    {
        return type.substr(0, type.find('x'));
    }
};

/* Rounds to a whole number, of less than 113 bits or whole already. */
static float128 rounded_to_whole(float128 value, char how)
{
    if (!(value < power_of_two(100) && value > -power_of_two(100)))
        return value;
    int128 floor = static_cast<int128>(value);
    if (static_cast<float128>(floor) > value)
        floor--;
    const float128 rest = value - static_cast<float128>(floor);
    const bool is_above_half = rest > 0.5 || (rest == 0.5 && (floor & 1) != 0);
    const bool goes_up = how == 'n'   ? is_above_half
                         : how == 'p' ? rest > 0
                         : how == 'z' ? rest > 0 && value < 0
                                      : false;
    const float128 result = static_cast<float128>(floor + (goes_up ? 1 : 0));
    return result == 0 && __builtin_signbit(value) ? -static_cast<float128>(0) : result;
}

static uint64_t to_integer(const Conversion &conversion, uint64_t source)
{
    const Format &format = conversion.from.format;
    const Type &to = conversion.to;
    if (format.is_nan(source)) {
        const bool is_wide = format.bits == 64 || to.bits == 64;
        return is_wide ? static_cast<uint64_t>(to.integer(1ull << (to.bits - 1))) : 0;
    }
    const float128 value = rounded_to_whole(value_of(format, source), conversion.whole);
    if (value <= static_cast<float128>(to.lowest()))
        return static_cast<uint64_t>(to.lowest());
    if (value >= static_cast<float128>(to.highest()))
        return static_cast<uint64_t>(to.highest());
    return static_cast<uint64_t>(static_cast<int128>(value));
}

static uint64_t to_float(const Conversion &conversion, uint64_t source)
{
    const Format &format = conversion.to.format;
    float128 value;
    if (!conversion.from.is_float)
        value = static_cast<float128>(conversion.from.integer(source));
    else if (conversion.from.format.is_nan(source))
        return conversion.saturates ? 0 : format.nan();
    else
        value = value_of(conversion.from.format, source);
    if (conversion.whole != 0)
        value = rounded_to_whole(value, conversion.whole);
    uint64_t result = rounded(format, {value, 0}, conversion.mode);
    if (conversion.flushes && format.bits == 32)
        result = format.flushed(result);
    if (conversion.saturates)
        result = format.is_negative(result) ? 0 : std::min(result, format.one());
    if (conversion.is_relu && format.is_negative(result))
        return 0;
    if (conversion.is_finite && format.magnitude(result) == format.infinity())
        return result - 1;
    return result;
}

/* The result is as wide as a register: an integer is extended by its sign or by zeros. */
static uint64_t converted(const Conversion &conversion, uint64_t source)
{
    const Type &to = conversion.to, &from = conversion.from;
    source = low_bits(source, from.bits);
    if (conversion.flushes && from.is_float && from.bits == 32)
        source = from.format.flushed(source);
    if (to.is_float)
        return to_float(conversion, source);
    if (from.is_float)
        return to_integer(conversion, source);
    const int128 value = from.integer(source);
    if (conversion.saturates)
        return static_cast<uint64_t>(to.clamped(value));
    return static_cast<uint64_t>(to.integer(static_cast<uint64_t>(value)));
}

static Reference find_conversion(const Mnemonic &mnemonic)
{
    if (mnemonic.name() != "cvt")
        return {};
    const Conversion conversion(mnemonic);
    const bool is_tf32 = mnemonic.has("tf32");
    Reference reference = one_result([=](const uint64_t *sources) {
        const uint64_t result = converted(conversion, sources[0]);
        if (is_tf32)
            return result == tf32.nan() ? 0x7fffffffu : result << 13;
        if (conversion.is_pair && conversion.to.bits <= 32)
            return result << conversion.to.bits | converted(conversion, sources[1]);
        return result;
    });
    if (conversion.to.is_float && conversion.to.bits == 64)
        reference.matches = [](uint64_t expected, uint64_t result) {
            return f64.is_nan(expected) && f64.is_nan(result);
        };
    return reference;
}

static void conversions_do_what_the_manual_says(void **)
{
    EveryForm(ptx::add_conversion_forms).check(find_conversion);
}

/* The registers of integers may be wider than the types. */
static void conversions_take_wider_registers(void **)
{
    EveryForm machine(ptx::add_conversion_forms);
    for (const auto &form : machine.forms) {
        const Mnemonic mnemonic(form.first);
        const Conversion conversion(mnemonic);
        const std::string &letters = form.second.operands;
        for (char to : {'h', 'w', 'd'})
            for (char from : {'h', 'w', 'd'}) {
                const bool fits =
                    (conversion.to.is_float ? to == letters[0]
                                            : width_of(to) >= width_of(letters[0])) &&
                    (conversion.from.is_float ? from == letters[1]
                                              : width_of(from) >= width_of(letters[1]));
                if (fits && (to != letters[0] || from != letters[1]))
                    machine.check_form(form.first, find_conversion(mnemonic), {to, from});
            }
    }
}

/* The numbers of the format `to` as numbers of `from`, the ties between them, and the neighbors of
 * all of these. */
static std::vector<uint64_t> points_of(const Format &to, const Format &from,
                                       const std::vector<uint64_t> &numbers)
{
    std::vector<uint64_t> points;
    for (uint64_t number : numbers) {
        if (to.magnitude(number) >= to.infinity())
            continue;
        const float128 value = value_of(to, number);
        /* The largest number has a tie too, as if there was a number above it. */
        const float128 below =
            value_of(to, number == 0 || number == to.sign() ? number : number - 1);
        const float128 next = to.magnitude(number) + 1 == to.infinity() ? value + (value - below)
                                                                        : value_of(to, number + 1);
        for (float128 point : {value, (value + next) / 2}) {
            const uint64_t bits = rounded(from, {point, 0}, Mode::nearest);
            for (uint64_t each : {bits - 1, bits, bits + 1})
                points.push_back(low_bits(each, static_cast<unsigned>(from.bits)));
        }
    }
    return points;
}

static std::vector<uint64_t> every_half()
{
    std::vector<uint64_t> all;
    for (uint64_t i = 0; i < 0x10000; i++)
        all.push_back(i);
    return all;
}

/* Edge values and random ones. */
static std::vector<uint64_t> some_numbers(const Format &format)
{
    std::vector<uint64_t> numbers = edges_of(static_cast<unsigned>(format.bits));
    std::mt19937_64 random(2);
    for (unsigned i = 0; i < 10000; i++)
        numbers.push_back(low_bits(random(), static_cast<unsigned>(format.bits)));
    return numbers;
}

static void conversions_from_halves_are_right_for_every_value(void **)
{
    EveryForm machine(ptx::add_conversion_forms);
    const std::vector<uint64_t> all = every_half();
    for (const auto &form : machine.forms) {
        const Mnemonic mnemonic(form.first);
        if (mnemonic.last() == "f16" || mnemonic.last() == "bf16")
            machine.check_values(form.first, find_conversion(mnemonic), all);
    }
}

static void narrowing_rounds_right_at_every_number_and_tie(void **)
{
    EveryForm machine(ptx::add_conversion_forms);
    const std::vector<uint64_t> halves = every_half();
    for (const auto &form : machine.forms) {
        const Mnemonic mnemonic(form.first);
        const Conversion conversion(mnemonic);
        const Format &to = conversion.to.format, &from = conversion.from.format;
        if (!conversion.to.is_float || !conversion.from.is_float || conversion.whole != 0 ||
            to.fraction >= from.fraction || from.bits < 32)
            continue;
        /* Clamped forms differ little: they are checked for some numbers only. */
        const bool is_plain = mnemonic.parts.size() == 4 && to.bits == 16;
        machine.check_values(form.first, find_conversion(mnemonic),
                             points_of(to, from, is_plain ? halves : some_numbers(to)));
    }
}

/* A tie is an odd number, shifted, that has one bit more than the format. */
static void integers_are_rounded_right_at_ties(void **)
{
    EveryForm machine(ptx::add_conversion_forms);
    std::mt19937_64 random(3);
    for (const auto &form : machine.forms) {
        const Mnemonic mnemonic(form.first);
        const Conversion conversion(mnemonic);
        if (!conversion.to.is_float || conversion.from.is_float)
            continue;
        const unsigned digits = static_cast<unsigned>(conversion.to.format.fraction) + 2;
        std::vector<uint64_t> values;
        for (unsigned shift = 0; shift + digits <= conversion.from.bits; shift++)
            for (unsigned i = 0; i < 20; i++) {
                const uint64_t tie = low_bits(random() | 1 | 1ull << (digits - 1), digits) << shift;
                for (uint64_t value : {tie - 1, tie, tie + 1}) {
                    values.push_back(low_bits(value, conversion.from.bits));
                    values.push_back(low_bits(0 - value, conversion.from.bits));
                }
            }
        machine.check_values(form.first, find_conversion(mnemonic), values);
    }
}

/* Halves of small integers, the limits of all integer types, and the neighbors of these. */
static void floats_become_integers_right_at_ties_and_limits(void **)
{
    EveryForm machine(ptx::add_conversion_forms);
    for (const auto &form : machine.forms) {
        const Mnemonic mnemonic(form.first);
        const Conversion conversion(mnemonic);
        const Format &from = conversion.from.format;
        if (!conversion.from.is_float || from.bits < 32 || conversion.whole == 0)
            continue;
        std::vector<uint64_t> values;
        std::vector<float128> points;
        for (int i = -40; i <= 40; i++)
            points.push_back(static_cast<float128>(i) / 2);
        for (int bits : {7, 8, 15, 16, 23, 24, 31, 32, 52, 53, 63, 64})
            for (int half : {-3, -2, -1, 0, 1, 2, 3})
                for (int sign : {-1, 1})
                    points.push_back(sign * (power_of_two(bits) + half * power_of_two(-1)));
        for (float128 point : points) {
            const uint64_t number = rounded(from, {point, 0}, Mode::nearest);
            for (uint64_t value : {number - 1, number, number + 1})
                values.push_back(low_bits(value, static_cast<unsigned>(from.bits)));
        }
        machine.check_values(form.first, find_conversion(mnemonic), values);
    }
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_do_what_the_manual_says),
        cmocka_unit_test(conversions_take_wider_registers),
        cmocka_unit_test(conversions_from_halves_are_right_for_every_value),
        cmocka_unit_test(narrowing_rounds_right_at_every_number_and_tie),
        cmocka_unit_test(integers_are_rounded_right_at_ties),
        cmocka_unit_test(floats_become_integers_right_at_ties_and_limits),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
