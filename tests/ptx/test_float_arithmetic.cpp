/* Arithmetic of f16, bf16, f32 and f64 against references in wider precision, and approximations
 * against long double. */
#include "every_form.h"

#include "float_reference.h"

/* What a mnemonic asks for. */
struct Modifiers {
    Format format;
    Mode mode;
    unsigned count; /* of numbers in a register */
    bool flushes, saturates, is_relu;

    explicit Modifiers(const Mnemonic &mnemonic)
    {
        std::string type = mnemonic.last();
        const bool is_pair = type.substr(type.size() - 2) == "x2";
        format = format_of(is_pair ? type.substr(0, type.size() - 2) : type);
        count = is_pair ? 2 : 1;
        mode = mode_of(mnemonic.parts[1]);
        flushes = mnemonic.has("ftz");
        saturates = mnemonic.has("sat");
        is_relu = mnemonic.has("relu");
    }
    uint64_t input(uint64_t source) const
    {
        return flushes ? format.flushed(source) : source;
    }
    uint64_t output(uint64_t result) const
    {
        result = input(result);
        if (saturates)
            return format.is_nan(result) || format.is_negative(result) ? 0
                   : result > format.one()                             ? format.one()
                                                                       : result;
        return is_relu && format.is_negative(result) ? 0 : result;
    }
};

/* A function of up to three numbers, as bits of the format. */
using OfNumbers = std::function<uint64_t(const Modifiers &modifiers, const uint64_t *numbers)>;

/* Takes registers apart into numbers. */
static Reference of_registers(const Mnemonic &mnemonic, unsigned num_sources,
                              const OfNumbers &function)
{
    const Modifiers modifiers(mnemonic);
    Reference reference = one_result([=](const uint64_t *sources) {
        const unsigned bits = static_cast<unsigned>(modifiers.format.bits);
        uint64_t result = 0;
        for (unsigned k = 0; k < modifiers.count; k++) {
            uint64_t numbers[3] = {};
            for (unsigned i = 0; i < num_sources; i++)
                numbers[i] = modifiers.input(low_bits(sources[i] >> k * bits, bits));
            result |= function(modifiers, numbers) << k * bits;
        }
        return result;
    });
    if (modifiers.format.bits == 64)
        reference.matches = [](uint64_t expected, uint64_t result) {
            return f64.is_nan(expected) && f64.is_nan(result);
        };
    return reference;
}

static bool any_is_nan(const Modifiers &modifiers, const uint64_t *numbers)
{
    return modifiers.format.is_nan(numbers[0]) || modifiers.format.is_nan(numbers[1]) ||
           modifiers.format.is_nan(numbers[2]);
}

static Exact exact_result(const std::string &name, float128 a, float128 b, float128 c, Mode mode)
{
    if (name == "add")
        return exact_sum(a, b, mode);
    if (name == "sub")
        return exact_sum(a, -b, mode);
    if (name == "mul")
        return {a * b, 0};
    if (name == "div")
        return {a / b, 0};
    if (name == "rcp")
        return {1 / a, 0};
    if (name == "sqrt")
        return {square_root(a), 0};
    return exact_sum(a * b, c, mode);
}

static Reference find_rounded(const Mnemonic &mnemonic, unsigned num_sources)
{
    const std::string name = mnemonic.name();
    return of_registers(
        mnemonic, num_sources, [name](const Modifiers &modifiers, const uint64_t *numbers) {
            if (any_is_nan(modifiers, numbers))
                return modifiers.output(modifiers.format.nan());
            float128 values[3];
            for (unsigned i = 0; i < 3; i++)
                values[i] = value_of(modifiers.format, numbers[i]);
            const Exact exact = exact_result(name, values[0], values[1], values[2], modifiers.mode);
            return modifiers.output(rounded(modifiers.format, exact, modifiers.mode));
        });
}

static Reference find_sign(const Mnemonic &mnemonic)
{
    const std::string name = mnemonic.name();
    return of_registers(mnemonic, name == "copysign" ? 2 : 1,
                        [name](const Modifiers &modifiers, const uint64_t *numbers) {
                            const Format &format = modifiers.format;
                            if (name == "neg")
                                return numbers[0] ^ format.sign();
                            if (name == "abs")
                                return format.magnitude(numbers[0]);
                            return (numbers[0] & format.sign()) + format.magnitude(numbers[1]);
                        });
}

static Reference find_extreme(const Mnemonic &mnemonic)
{
    const bool is_min = mnemonic.name() == "min", keeps_nan = mnemonic.has("NaN");
    const bool of_magnitudes = mnemonic.has("xorsign");
    return of_registers(mnemonic, 2, [=](const Modifiers &modifiers, const uint64_t *numbers) {
        const Format &format = modifiers.format;
        const bool first = format.is_nan(numbers[0]), second = format.is_nan(numbers[1]);
        if ((first && second) || (keeps_nan && (first || second)))
            return format.nan();
        const uint64_t sign = (numbers[0] ^ numbers[1]) & format.sign();
        uint64_t a = numbers[0], b = numbers[1];
        if (of_magnitudes) {
            a = format.magnitude(a);
            b = format.magnitude(b);
        }
        const bool takes_first = (place_of(format, a) < place_of(format, b)) == is_min;
        const uint64_t result = first ? b : second ? a : takes_first ? a : b;
        return of_magnitudes ? sign | result : result;
    });
}

/* The exact value of an approximation. */
static long double ideal_value(const std::string &name, long double a, long double b)
{
    if (name == "div")
        return a / b;
    if (name == "rcp")
        return 1 / a;
    if (name == "sqrt")
        return sqrtl(a);
    if (name == "rsqrt")
        return 1 / sqrtl(a);
    if (name == "sin")
        return sinl(a);
    if (name == "cos")
        return cosl(a);
    if (name == "lg2")
        return log2l(a);
    return name == "ex2" ? exp2l(a) : tanhl(a);
}

/* The nearest number to the exact value. The handler computes in double, so another is right only
 * where the value is almost a tie; then it is the neighbor. */
static Reference find_approximation(const Mnemonic &mnemonic)
{
    const std::string name = mnemonic.name();
    const bool is_full = mnemonic.has("full");
    Reference reference = of_registers(
        mnemonic, name == "div" ? 2 : 1, [=](const Modifiers &modifiers, const uint64_t *numbers) {
            const Format &format = modifiers.format;
            if (any_is_nan(modifiers, numbers))
                return format.nan();
            const long double a = static_cast<long double>(value_of(format, numbers[0]));
            const long double b = static_cast<long double>(value_of(format, numbers[1]));
            long double value = ideal_value(name, a, b);
            if (name == "div" && !is_full && fabsl(b) > 0x1p126L && fabsl(b) < 0x1p128L)
                value = a * (b < 0 ? -0.0L : 0.0L);
            return modifiers.output(rounded(format, {value, 0}, Mode::nearest));
        });
    const Format format = Modifiers(mnemonic).format;
    if (format.bits >= 32)
        reference.matches = [format](uint64_t expected, uint64_t result) {
            if (format.bits == 64 && format.is_nan(expected))
                return format.is_nan(result);
            return expected + 1 == result || result + 1 == expected;
        };
    return reference;
}

/* Only the upper half counts, of the source and of the result. */
static Reference find_gross_approximation(const Mnemonic &mnemonic)
{
    const bool is_root = mnemonic.name() == "rsqrt";
    Reference reference = one_result([=](const uint64_t *sources) {
        const uint64_t source = f64.flushed(sources[0]) >> 32 << 32;
        if (f64.is_nan(sources[0]) || (is_root && source > f64.sign()))
            return uint64_t{0x7fffffff} << 32;
        const float128 value = value_of(f64, source);
        const float128 ideal = 1 / (is_root ? square_root(value) : value);
        return f64.flushed(rounded(f64, {ideal, 0}, Mode::zero)) >> 32 << 32;
    });
    return reference;
}

static Reference find_float(const Mnemonic &mnemonic)
{
    const std::string &name = mnemonic.name();
    if (mnemonic.text == "rcp.approx.ftz.f64" || mnemonic.text == "rsqrt.approx.ftz.f64")
        return find_gross_approximation(mnemonic);
    if (mnemonic.has("approx") || mnemonic.has("full"))
        return find_approximation(mnemonic);
    if (name == "min" || name == "max")
        return find_extreme(mnemonic);
    if (name == "neg" || name == "abs" || name == "copysign")
        return find_sign(mnemonic);
    if (name == "rcp" || name == "sqrt")
        return find_rounded(mnemonic, 1);
    if (name == "add" || name == "sub" || name == "mul" || name == "div")
        return find_rounded(mnemonic, 2);
    if (name == "fma" || name == "mad")
        return find_rounded(mnemonic, 3);
    return {};
}

static void float_forms_compute_what_the_manual_says(void **)
{
    EveryForm(ptx::add_float_forms).check(find_float);
}

/* The functions of one half are checked for every value. */
static void functions_of_one_half_are_right_for_every_value(void **)
{
    EveryForm machine(ptx::add_float_forms);
    std::vector<uint64_t> all;
    for (uint64_t i = 0; i < 0x10000; i++)
        all.push_back(i);
    for (const auto &form : machine.forms)
        if (form.second.operands == "hh")
            machine.check_values(form.first, find_float(Mnemonic(form.first)), all);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_forms_compute_what_the_manual_says),
        cmocka_unit_test(functions_of_one_half_are_right_for_every_value),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
