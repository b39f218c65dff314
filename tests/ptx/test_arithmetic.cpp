/* Integer arithmetic and operations on bits, each form against a reference that is written with
 * single bits and exact numbers. */
#include "every_form.h"

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/* A type name such as "s16", as numbers. */
struct Type {
    unsigned bits;
    bool is_signed;

    explicit Type(const std::string &name)
        : bits(static_cast<unsigned>(atoi(name.c_str() + 1))), is_signed(name[0] == 's')
    {
    }
    Type(unsigned the_bits, bool the_sign) : bits(the_bits), is_signed(the_sign)
    {
    }
    int128 value(uint64_t source) const
    {
        int128 magnitude = static_cast<int128>(low_bits(source, bits));
        bool is_negative = is_signed && (source >> (bits - 1) & 1) != 0;
        return is_negative ? magnitude - (static_cast<int128>(1) << bits) : magnitude;
    }
};

static int128 smaller(int128 a, int128 b)
{
    return a <= b ? a : b;
}

static int128 larger(int128 a, int128 b)
{
    return a >= b ? a : b;
}

static int128 clamped(int128 value)
{
    return smaller(larger(value, -(static_cast<int128>(1) << 31)),
                   (static_cast<int128>(1) << 31) - 1);
}

/* The product, modulo 2^128, as a sum of shifted copies of a. */
static uint128 product_of(int128 a, int128 b)
{
    uint128 sum = 0, shifted = static_cast<uint128>(a);
    for (unsigned i = 0; i < 128; i++, shifted += shifted)
        if ((static_cast<uint128>(b) >> i & 1) != 0)
            sum += shifted;
    return sum;
}

/* Divides bit by bit. The quotient is rounded to zero, the remainder has the sign of a. */
static int128 divided(int128 a, int128 b, int128 *remainder)
{
    uint128 rest = 0, quotient = 0;
    const uint128 dividend = static_cast<uint128>(a < 0 ? -a : a);
    const uint128 divisor = static_cast<uint128>(b < 0 ? -b : b);
    for (unsigned i = 128; i-- > 0;) {
        rest = rest << 1 | (dividend >> i & 1);
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= static_cast<uint128>(1) << i;
        }
    }
    *remainder = a < 0 ? -static_cast<int128>(rest) : static_cast<int128>(rest);
    return (a < 0) != (b < 0) ? -static_cast<int128>(quotient) : static_cast<int128>(quotient);
}

/* mul and mad of all kinds: the part of the product, and what is added. */
static Reference find_product(const Mnemonic &mnemonic)
{
    const Type type(mnemonic.last());
    const bool is_24 = mnemonic.name() == "mul24" || mnemonic.name() == "mad24";
    const bool adds = mnemonic.begins("mad");
    const bool is_high = mnemonic.has("hi"), is_wide = mnemonic.has("wide");
    const bool saturates = mnemonic.has("sat");
    const Type factor(is_24 ? 24 : type.bits, type.is_signed);
    const Type sum(is_wide ? 2 * type.bits : type.bits, type.is_signed);
    const unsigned shift = !is_high ? 0 : is_24 ? 16 : type.bits;
    return one_result([=](const uint64_t *sources) {
        uint128 product = product_of(factor.value(sources[0]), factor.value(sources[1]));
        int128 part = sum.value(static_cast<uint64_t>(product >> shift));
        if (adds)
            part += sum.value(sources[2]);
        return low_bits(static_cast<uint64_t>(saturates ? clamped(part) : part), sum.bits);
    });
}

/* A sum of products of bytes, or of halves and bytes. */
static Reference find_dot_product(const Mnemonic &mnemonic)
{
    const bool has_halves = mnemonic.name() == "dp2a";
    const unsigned first = mnemonic.has("hi") ? 2 : 0;
    const Type a(has_halves ? 16 : 8, mnemonic.parts[mnemonic.parts.size() - 2] == "s32");
    const Type b(8, mnemonic.last() == "s32");
    return one_result([=](const uint64_t *sources) {
        int128 sum = static_cast<int128>(sources[2]);
        for (unsigned i = 0; i < (has_halves ? 2 : 4); i++)
            sum += a.value(sources[0] >> i * a.bits) * b.value(sources[1] >> (first + i) * 8);
        return low_bits(static_cast<uint64_t>(sum), 32);
    });
}

using Exact = int128 (*)(int128 a, int128 b, int128 c);

static const std::map<std::string, Exact> exact_results = {
    {"add", [](int128 a, int128 b, int128) { return a + b; }},
    {"sub", [](int128 a, int128 b, int128) { return a - b; }},
    {"min", [](int128 a, int128 b, int128) { return smaller(a, b); }},
    {"max", [](int128 a, int128 b, int128) { return larger(a, b); }},
    {"sad", [](int128 a, int128 b, int128 c) { return c + larger(a - b, b - a); }},
    {"abs", [](int128 a, int128, int128) { return larger(a, -a); }},
    {"neg", [](int128 a, int128, int128) { return -a; }},
    {"div",
     [](int128 a, int128 b, int128) {
         int128 rest;
         return b == 0 ? static_cast<int128>(-1) : divided(a, b, &rest);
     }},
    {"rem",
     [](int128 a, int128 b, int128) {
         int128 rest = a;
         if (b != 0)
             divided(a, b, &rest);
         return rest;
     }},
};

static Reference find_integer(const Mnemonic &mnemonic)
{
    const std::string &name = mnemonic.name(), &last = mnemonic.last();
    if (mnemonic.begins("mul") || mnemonic.begins("mad"))
        return find_product(mnemonic);
    if (name == "dp4a" || name == "dp2a")
        return find_dot_product(mnemonic);
    auto found = exact_results.find(name);
    if (found == exact_results.end())
        return {};
    const Exact exact = found->second;
    const bool is_pair = last.size() > 2 && last.substr(last.size() - 2) == "x2";
    const Type type(is_pair ? last.substr(0, last.size() - 2) : last);
    const bool saturates = mnemonic.has("sat"), is_relu = mnemonic.has("relu");
    return one_result([=](const uint64_t *sources) {
        uint64_t result = 0;
        for (unsigned at = 0; at < (is_pair ? 32 : type.bits); at += type.bits) {
            int128 value = exact(type.value(sources[0] >> at), type.value(sources[1] >> at),
                                 type.value(sources[2] >> at));
            value = saturates ? clamped(value) : is_relu ? larger(value, 0) : value;
            result |= low_bits(static_cast<uint64_t>(value), type.bits) << at;
        }
        return result;
    });
}

/* Bit i of a value. All bits above the highest are 0. */
static uint64_t bit(uint64_t value, uint64_t i)
{
    return i < 64 ? value >> i & 1 : 0;
}

/* A value whose bit i is function(i). */
template <typename F> static uint64_t from_bits(unsigned width, F &&function)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (function(i) != 0 ? 1ull : 0ull) << i;
    return value;
}

static Reference find_shift(const Mnemonic &mnemonic, const Type &type)
{
    const bool is_left = mnemonic.name() == "shl";
    return one_result([=](const uint64_t *sources) {
        const uint64_t by = sources[1], top = type.bits - 1;
        const uint64_t fill = type.is_signed ? bit(sources[0], top) : 0;
        return from_bits(type.bits, [&](uint64_t i) {
            if (is_left)
                return i >= by ? bit(sources[0], i - by) : 0;
            return i + by <= top ? bit(sources[0], i + by) : fill;
        });
    });
}

/* shf shifts the 64 bits of b and a, and gives the upper or the lower word. */
static Reference find_funnel(const Mnemonic &mnemonic)
{
    const bool is_left = mnemonic.has("l"), clamps = mnemonic.has("clamp");
    return one_result([=](const uint64_t *sources) {
        const uint64_t by = clamps ? (sources[2] > 32 ? 32 : sources[2]) : sources[2] % 32;
        return from_bits(32, [&](uint64_t i) {
            const uint64_t from = is_left ? i + 32 - by : i + by;
            return from < 32 ? bit(sources[0], from) : bit(sources[1], from - 32);
        });
    });
}

/* The manual's pseudocode of bfe. */
static Reference find_bfe(const Type &type)
{
    return one_result([=](const uint64_t *sources) {
        const uint64_t msb = type.bits - 1, pos = sources[1] & 0xff, len = sources[2] & 0xff;
        const uint64_t last = pos + len - 1 < msb ? pos + len - 1 : msb;
        const uint64_t sbit = !type.is_signed || len == 0 ? 0 : bit(sources[0], last);
        return from_bits(type.bits, [&](uint64_t i) {
            return i < len && pos + i <= msb ? bit(sources[0], pos + i) : sbit;
        });
    });
}

static Reference find_bfi(const Type &type)
{
    return one_result([=](const uint64_t *sources) {
        const uint64_t pos = sources[2] & 0xff, len = sources[3] & 0xff;
        return from_bits(type.bits, [&](uint64_t i) {
            return i >= pos && i - pos < len ? bit(sources[0], i - pos) : bit(sources[1], i);
        });
    });
}

static uint64_t highest_bit(const Type &type, uint64_t value, bool as_shift)
{
    const uint64_t sign = type.is_signed ? bit(value, type.bits - 1) : 0;
    for (unsigned i = type.bits; i-- > 0;)
        if (bit(value, i) != sign)
            return as_shift ? type.bits - 1 - i : i;
    return 0xffffffffu;
}

/* The manual's pseudocode of bmsk and szext. */
static uint64_t mask_of(uint64_t a, uint64_t b, bool clamps)
{
    const uint64_t begin = clamps ? a : a % 32, length = clamps ? b : b % 32;
    return from_bits(32, [&](uint64_t i) { return i >= begin && i - begin < length; });
}

static uint64_t extended(uint64_t a, uint64_t b, bool clamps, bool is_signed)
{
    const uint64_t length = clamps ? b : b % 32;
    return from_bits(32, [&](uint64_t i) {
        return i < length ? bit(a, i) : is_signed && length > 0 && bit(a, length - 1) != 0;
    });
}

/* The manual's pseudocode of fns. */
static uint64_t nth_set(uint64_t mask, uint64_t base, int32_t offset)
{
    if (base > 31)
        return 0xffffffffu;
    if (offset == 0)
        return bit(mask, base) != 0 ? base : 0xffffffffu;
    int64_t pos = static_cast<int64_t>(base), count = offset < 0 ? -int64_t{offset} : offset;
    for (count--; pos >= 0 && pos<32; pos += offset> 0 ? 1 : -1)
        if (bit(mask, static_cast<uint64_t>(pos)) != 0 && count-- == 0)
            return static_cast<uint64_t>(pos);
    return 0xffffffffu;
}

/* The digit that selects byte i, for each mode of prmt. */
static uint64_t selector_digit(const std::string &mode, uint64_t c, unsigned i)
{
    const uint64_t n = c & 3;
    if (mode == "f4e")
        return n + i;
    if (mode == "b4e")
        return (n + 8 - i) % 8;
    if (mode == "rc8")
        return n;
    if (mode == "ecl")
        return i > n ? i : n;
    if (mode == "ecr")
        return i < n ? i : n;
    if (mode == "rc16")
        return (n & 1) * 2 + (i & 1);
    return c >> 4 * i & 15;
}

static Reference find_prmt(const Mnemonic &mnemonic)
{
    const std::string mode = mnemonic.last();
    return one_result([=](const uint64_t *sources) {
        return from_bits(32, [&](unsigned i) {
            const uint64_t digit = selector_digit(mode, sources[2], i / 8);
            const uint64_t byte = sources[(digit & 4) != 0 ? 1 : 0] >> (digit & 3) * 8;
            return bit(byte, (digit & 8) != 0 ? 7 : i % 8);
        });
    });
}

static uint64_t looked_up(const uint64_t *sources)
{
    return from_bits(32, [&](unsigned i) {
        return bit(sources[3],
                   bit(sources[0], i) * 4 + bit(sources[1], i) * 2 + bit(sources[2], i));
    });
}

static uint64_t combined(const std::string &name, uint64_t a, uint64_t b)
{
    return name == "and" ? a * b : name == "or" ? (a + b + 1) / 2 : (a + b) % 2;
}

static Reference find_lop3(const Mnemonic &mnemonic)
{
    if (mnemonic.parts.size() == 2)
        return one_result(looked_up);
    const std::string name = mnemonic.parts[1];
    return {2,
            [name](const uint64_t *sources, uint64_t *results) {
                results[0] = looked_up(sources);
                results[1] = combined(name, results[0] != 0 ? 1 : 0, sources[4]);
            },
            {}};
}

/* and, or, xor, not and cnot, of predicates too. */
static Reference find_logic(const Mnemonic &mnemonic)
{
    const std::string name = mnemonic.name();
    const unsigned bits = mnemonic.last() == "pred" ? 1 : Type(mnemonic.last()).bits;
    return one_result([=](const uint64_t *sources) -> uint64_t {
        if (name == "cnot")
            return sources[0] == 0;
        return from_bits(bits, [&](unsigned i) {
            if (name == "not")
                return 1 - bit(sources[0], i);
            return combined(name, bit(sources[0], i), bit(sources[1], i));
        });
    });
}

static Reference find_mov(const Mnemonic &mnemonic)
{
    const std::string last = mnemonic.last();
    const bool is_four = last.back() == '4' && mnemonic.parts.size() == 3;
    const unsigned whole = mnemonic.has("b64") ? 64 : 32, part = is_four ? 16 : whole / 2;
    if (last == "pack" || last == "pack4")
        return one_result([=](const uint64_t *sources) {
            return from_bits(whole, [&](unsigned i) { return bit(sources[i / part], i % part); });
        });
    if (last == "unpack" || last == "unpack4")
        return {whole / part,
                [=](const uint64_t *sources, uint64_t *results) {
                    for (unsigned k = 0; k < whole / part; k++)
                        results[k] = from_bits(
                            part, [&](unsigned i) { return bit(sources[0], k * part + i); });
                },
                {}};
    return one_result([](const uint64_t *sources) { return sources[0]; });
}

static Reference find_search(const Mnemonic &mnemonic)
{
    const std::string name = mnemonic.name();
    const bool as_shift = mnemonic.has("shiftamt"), clamps = mnemonic.has("clamp");
    const Type type(mnemonic.last());
    return one_result([=](const uint64_t *sources) -> uint64_t {
        if (name == "popc") {
            uint64_t count = 0;
            for (unsigned i = 0; i < type.bits; i++)
                count += bit(sources[0], i);
            return count;
        }
        if (name == "clz") {
            const uint64_t found = highest_bit(type, sources[0], true);
            return found == 0xffffffffu ? type.bits : found;
        }
        if (name == "brev")
            return from_bits(type.bits,
                             [&](unsigned i) { return bit(sources[0], type.bits - 1 - i); });
        if (name == "fns")
            return nth_set(sources[0], sources[1], static_cast<int32_t>(sources[2]));
        if (name == "bmsk")
            return mask_of(sources[0], sources[1], clamps);
        if (name == "szext")
            return extended(sources[0], sources[1], clamps, type.is_signed);
        return highest_bit(type, sources[0], as_shift);
    });
}

static Reference find_move(const Mnemonic &mnemonic)
{
    const std::string &name = mnemonic.name();
    if (name == "mov")
        return find_mov(mnemonic);
    if (name == "and" || name == "or" || name == "xor" || name == "not" || name == "cnot")
        return find_logic(mnemonic);
    if (name == "shf")
        return find_funnel(mnemonic);
    if (name == "prmt")
        return find_prmt(mnemonic);
    if (name == "lop3")
        return find_lop3(mnemonic);
    const Type type(mnemonic.last());
    if (name == "shl" || name == "shr")
        return find_shift(mnemonic, type);
    if (name == "bfe")
        return find_bfe(type);
    if (name == "bfi")
        return find_bfi(type);
    for (const char *known : {"popc", "clz", "brev", "bfind", "fns", "bmsk", "szext"})
        if (name == known)
            return find_search(mnemonic);
    return {};
}

static void integer_forms_compute_what_the_manual_says(void **)
{
    EveryForm(ptx::add_integer_forms).check(find_integer);
}

static void moves_and_bit_operations_do_what_the_manual_says(void **)
{
    EveryForm(ptx::add_move_forms).check(find_move);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_forms_compute_what_the_manual_says),
        cmocka_unit_test(moves_and_bit_operations_do_what_the_manual_says),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
