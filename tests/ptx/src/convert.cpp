/* Conversions between integers and floating-point formats.
 *
 * A conversion reads its source as integers of 64 bits or as doubles, rounds and clamps these, and
 * writes them in the format of the result. A function does one of these steps for all lanes of one
 * type. So there is a loop for each type and not for each pair of types, except between words of 32
 * and 64 bits. Integers of 64 bits that a double cannot hold are rounded to odd (see half.h). */
#include <algorithm>
#include <limits>
#include <type_traits>

#include "float.h"

namespace ptx
{
namespace
{

struct Type {
    const char *name;
    unsigned bytes;
    bool is_float;
    /* The fields below are only used for integers. */
    bool is_signed;
    int64_t lowest;
    uint64_t highest;
};

template <typename T> constexpr Type integer(const char *name)
{
    using Limits = std::numeric_limits<T>;
    return {name, sizeof(T), false, Limits::is_signed, Limits::min(), Limits::max()};
}

constexpr Type floating(const char *name, unsigned bytes)
{
    return {name, bytes, true, true, 0, 0};
}

/* The numbers of the types. The integers come first. tf32 is f32 with the lowest 13 bits zero. */
enum TypeNumber : uint8_t { U8, S8, U16, S16, U32, S32, U64, S64, FP32, FP64, FP16, BFP16, TF32 };
constexpr unsigned num_integers = FP32;
constexpr Type types[] = {
    integer<uint8_t>(".u8"),   integer<int8_t>(".s8"),    integer<uint16_t>(".u16"),
    integer<int16_t>(".s16"),  integer<uint32_t>(".u32"), integer<int32_t>(".s32"),
    integer<uint64_t>(".u64"), integer<int64_t>(".s64"),  floating(".f32", 4),
    floating(".f64", 8),       floating(".f16", 2),       floating(".bf16", 2),
    floating(".tf32", 4),
};

/* The variant of an instruction: these modifiers, and above them the number of its rounding mode
 * and the numbers of the types of its result and its source. */
enum Modifier : unsigned { FTZ = 1, SAT = 2, RELU = 4, SATFINITE = 8, TO_WHOLE = 16 };
constexpr unsigned mode_shift = 5, to_shift = 7, from_shift = 11;

struct Conversion {
    unsigned modifiers, mode, to, from;

    explicit Conversion(const Instruction &instruction)
        : modifiers(instruction.variant % (1u << mode_shift)),
          mode(instruction.variant >> mode_shift & 3), to(instruction.variant >> to_shift & 15),
          from(instruction.variant >> from_shift)
    {
    }
    bool has(Modifier modifier) const
    {
        return (modifiers & modifier) != 0;
    }
};

/* Replaces each value by the function's result for it. */
template <typename T, typename F> void replace(T *values, F &&function)
{
    for (unsigned i = 0; i < num_lanes; i++)
        values[i] = function(values[i]);
}

template <typename Register> void read_bits(const Register *from, uint64_t *values)
{
    for (unsigned i = 0; i < num_lanes; i++)
        values[i] = from[i];
}

template <typename Register> void write_bits(Register *to, const uint64_t *values, Lanes lanes)
{
    Register result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = static_cast<Register>(values[i]);
    assign(to, result, lanes);
}

/* The register of an integer or a half may be wider than its type, which has this many bytes.
 * Integers of 8 bits are in registers of 16. */
void read_register(Warp &warp, const Operand &from, unsigned bytes, uint64_t *values)
{
    switch (std::max<unsigned>(from.bytes, bytes)) {
    case 8:
        return read_bits(row<uint64_t>(warp, from), values);
    case 4:
        return read_bits(row<uint32_t>(warp, from), values);
    default:
        return read_bits(row<uint16_t>(warp, from), values);
    }
}

void write_register(Warp &warp, const Operand &to, unsigned bytes, const uint64_t *values,
                    Lanes lanes)
{
    switch (std::max<unsigned>(to.bytes, bytes)) {
    case 8:
        return write_bits(row<uint64_t>(warp, to), values, lanes);
    case 4:
        return write_bits(row<uint32_t>(warp, to), values, lanes);
    default:
        return write_bits(row<uint16_t>(warp, to), values, lanes);
    }
}

/* Keeps the bits that the type has, and extends them by the sign or by zeros. */
void extend(const Type &type, uint64_t *values)
{
    const unsigned shift = 64 - type.bytes * 8;
    if (type.is_signed)
        replace(values, [=](uint64_t value) {
            return static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
        });
    else
        replace(values, [=](uint64_t value) { return value << shift >> shift; });
}

void read_integers(Warp &warp, const Operand &from, const Type &type, uint64_t *values)
{
    read_register(warp, from, type.bytes, values);
    if (type.is_signed || from.bytes > type.bytes)
        extend(type, values);
}

void write_integers(Warp &warp, const Operand &to, const Type &type, uint64_t *values, Lanes lanes)
{
    if (to.bytes > type.bytes)
        extend(type, values);
    write_register(warp, to, type.bytes, values, lanes);
}

template <typename T> void clamp(uint64_t *values, T lowest, T highest)
{
    for (unsigned i = 0; i < num_lanes; i++) {
        T value = static_cast<T>(values[i]);
        value = value < lowest ? lowest : value > highest ? highest : value;
        values[i] = static_cast<uint64_t>(value);
    }
}

/* Clamps to the range of the result's type. */
void clamp_to_range(const Type &from, const Type &to, uint64_t *values)
{
    constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
    if (from.is_signed)
        clamp(values, to.lowest, static_cast<int64_t>(std::min(to.highest, largest)));
    else
        clamp<uint64_t>(values, 0, to.highest);
}

/* The compiler may not move a computation of these values past this. */
void keep_in_place(void *values)
{
    asm volatile("" : : "r"(values) : "memory");
}

void read_singles(Warp &warp, const Operand &from, bool flushes, double *values)
{
    const float *singles = row<float>(warp, from);
    for (unsigned i = 0; i < num_lanes; i++)
        values[i] = flushes ? flushed(singles[i]) : singles[i];
}

template <typename H> void read_halves(Warp &warp, const Operand &from, double *values)
{
    uint64_t bits[num_lanes];
    read_register(warp, from, 2, bits);
    for (unsigned i = 0; i < num_lanes; i++)
        values[i] = H::widen(static_cast<uint16_t>(bits[i]));
}

void read_floats(Warp &warp, const Operand &from, const Conversion &conversion, double *values)
{
    switch (conversion.from) {
    case FP32:
        return read_singles(warp, from, conversion.has(FTZ), values);
    case FP16:
        return read_halves<F16>(warp, from, values);
    case BFP16:
        return read_halves<BF16>(warp, from, values);
    default:
        memcpy(values, row<double>(warp, from), num_lanes * sizeof *values);
    }
}

/* Converts with the host's rounding, which fesetround() changes. */
void narrow_to_singles(double *values, unsigned mode, bool flushes, float *result)
{
    HostRounding rounding(host_modes[mode]);
    keep_in_place(values);
    for (unsigned i = 0; i < num_lanes; i++) {
        float single = static_cast<float>(values[i]);
        result[i] = canonical(flushes ? flushed(single) : single);
    }
    keep_in_place(result);
}

template <typename H, Rounding ROUNDING> void narrow(const double *values, uint64_t *result)
{
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = H::template narrow<ROUNDING>(to_odd_float(values[i]));
}

template <Rounding ROUNDING> void narrow_to_tf32(const double *values, uint64_t *result)
{
    for (unsigned i = 0; i < num_lanes; i++) {
        float value = static_cast<float>(values[i]);
        uint32_t bits = bits_as<uint32_t>(value), sign = bits & 0x80000000u;
        uint32_t rounded = shift_rounded<ROUNDING>(bits & 0x7fffffffu, 13, sign != 0) << 13;
        result[i] = value != value ? 0x7fffffffu : sign | rounded;
    }
}

/* A format that is computed on bits: its infinity, its largest number, and a function for each
 * mode. The modes are those of host_modes, or those of tf32_names. */
struct ShortFormat {
    uint64_t infinity, largest;
    void (*narrow[4])(const double *values, uint64_t *result);
};

template <typename H>
constexpr ShortFormat half_format = {H::largest + 1,
                                     H::largest,
                                     {narrow<H, Rounding::nearest>, narrow<H, Rounding::zero>,
                                      narrow<H, Rounding::down>, narrow<H, Rounding::up>}};

constexpr const char *tf32_names[3] = {".rn", ".rz", ".rna"};
constexpr ShortFormat tf32_format = {0x7f800000u,
                                     0x7f7fe000u,
                                     {narrow_to_tf32<Rounding::nearest>,
                                      narrow_to_tf32<Rounding::zero>,
                                      narrow_to_tf32<Rounding::away>}};

/* Rounds to a short format, and replaces infinity by the largest number for .satfinite. */
void narrow_to_bits(const double *values, const Conversion &conversion, uint64_t *bits)
{
    const ShortFormat &format = conversion.to == TF32   ? tf32_format
                                : conversion.to == FP16 ? half_format<F16>
                                                        : half_format<BF16>;
    format.narrow[conversion.mode](values, bits);
    if (!conversion.has(SATFINITE))
        return;
    const uint64_t infinity = format.infinity, above_largest = infinity - format.largest;
    const uint64_t magnitude = conversion.to == TF32 ? 0x7fffffffu : 0x7fffu;
    for (unsigned i = 0; i < num_lanes; i++)
        bits[i] -= (bits[i] & magnitude) == infinity ? above_largest : 0;
}

void write_floats(Warp &warp, const Operand &to, const Conversion &conversion, double *values,
                  Lanes lanes)
{
    if (conversion.to == FP64) {
        assign(row<double>(warp, to), values, lanes);
    } else if (conversion.to == FP32) {
        float singles[num_lanes];
        narrow_to_singles(values, conversion.mode, conversion.has(FTZ), singles);
        assign(row<float>(warp, to), singles, lanes);
    } else {
        uint64_t bits[num_lanes];
        narrow_to_bits(values, conversion, bits);
        write_register(warp, to, types[conversion.to].bytes, bits, lanes);
    }
}

/* These modes round to whole numbers, in the order of host_modes. */
constexpr const char *whole_names[4] = {".rni", ".rzi", ".rmi", ".rpi"};

void round_to_whole(unsigned mode, double *values)
{
    switch (mode) {
    case 0:
        return replace(values, [](double value) { return std::nearbyint(value); });
    case 1:
        return replace(values, [](double value) { return std::trunc(value); });
    case 2:
        return replace(values, [](double value) { return std::floor(value); });
    default:
        return replace(values, [](double value) { return std::ceil(value); });
    }
}

/* Converts whole numbers, and clamps them to the type's range. */
void to_integers(const double *values, const Type &type, uint64_t for_nan, uint64_t *result)
{
    const double lowest = static_cast<double>(type.lowest);
    /* The first value above the range. A double holds it, but not always the highest value. */
    const double above = 2.0 * static_cast<double>((type.highest >> 1) + 1);
    for (unsigned i = 0; i < num_lanes; i++) {
        double value = values[i];
        if (value != value)
            result[i] = for_nan;
        else if (value >= above)
            result[i] = type.highest;
        else if (value <= lowest)
            result[i] = static_cast<uint64_t>(type.lowest);
        else
            result[i] = type.is_signed ? static_cast<uint64_t>(static_cast<int64_t>(value))
                                       : static_cast<uint64_t>(value);
    }
}

/* A double keeps 53 bits. Where it would lose some, the lowest 11 of the 64 bits become zeros, and
 * the last bit above them becomes 1 if one of them was set. Rounding the result to a shorter format
 * gives the same as rounding the integer would. */
template <typename T> void round_to_odd(uint64_t *values)
{
    constexpr T limit = T{1} << 53;
    for (unsigned i = 0; i < num_lanes; i++) {
        T value = static_cast<T>(values[i]);
        bool is_exact = value <= limit && (std::is_unsigned_v<T> || value >= T{0} - limit);
        uint64_t odd = (values[i] & ~0x7ffull) | ((values[i] & 0x7ff) != 0 ? 0x800u : 0u);
        values[i] = is_exact ? values[i] : odd;
    }
}

/* T is the signed or the unsigned integer of 64 bits. */
template <typename T> void to_doubles(uint64_t *values, unsigned mode, double *result)
{
    HostRounding rounding(host_modes[mode]);
    keep_in_place(values);
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = static_cast<double>(static_cast<T>(values[i]));
    keep_in_place(result);
}

void read_integers_as_doubles(Warp &warp, const Operand &from, const Conversion &conversion,
                              double *values)
{
    const Type &type = types[conversion.from];
    const bool is_rounded = conversion.to == FP64;
    uint64_t integers[num_lanes];
    read_integers(warp, from, type, integers);
    if (type.bytes == 8 && !is_rounded)
        (type.is_signed ? round_to_odd<int64_t> : round_to_odd<uint64_t>)(integers);
    (type.is_signed ? to_doubles<int64_t>
                    : to_doubles<uint64_t>)(integers, is_rounded ? conversion.mode : 0, values);
}

/* Rounds to whole numbers. NaN becomes 0, or the value with only the highest bit set if the source
 * is f64 or the result has 64 bits. */
void write_doubles_as_integers(Warp &warp, const Operand &to, const Conversion &conversion,
                               double *values, Lanes lanes)
{
    const Type &type = types[conversion.to];
    round_to_whole(conversion.mode, values);
    const bool is_zero_for_nan = conversion.from != FP64 && type.bytes < 8;
    uint64_t integers[num_lanes];
    to_integers(values, type, is_zero_for_nan ? 0 : 1ull << (type.bytes * 8 - 1), integers);
    write_integers(warp, to, type, integers, lanes);
}

template <typename To, typename From> void resize(Warp &warp, const Operand *operands, Lanes lanes)
{
    const From *from = row<From>(warp, operands[1]);
    To result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = static_cast<To>(from[i]);
    assign(row<To>(warp, operands[0]), result, lanes);
}

/* Most conversions of kernels are these, of sizes and indices. Returns whether it was one. */
bool resize_words(Warp &warp, const Operand *operands, const Type &from, const Type &to,
                  Lanes lanes)
{
    if (operands[0].bytes != to.bytes || operands[1].bytes != from.bytes)
        return false;
    if (to.bytes == 4 && from.bytes == 8)
        resize<uint32_t, uint64_t>(warp, operands, lanes);
    else if (to.bytes == 8 && from.bytes == 4 && from.is_signed)
        resize<uint64_t, int32_t>(warp, operands, lanes);
    else if (to.bytes == 8 && from.bytes == 4)
        resize<uint64_t, uint32_t>(warp, operands, lanes);
    else
        return false;
    return true;
}

void between_integers(Warp &warp, const Operand *operands, const Conversion &conversion,
                      Lanes lanes)
{
    const Type &from = types[conversion.from], &to = types[conversion.to];
    if (!conversion.has(SAT) && resize_words(warp, operands, from, to, lanes))
        return;
    uint64_t values[num_lanes];
    read_integers(warp, operands[1], from, values);
    if (conversion.has(SAT))
        clamp_to_range(from, to, values);
    write_integers(warp, operands[0], to, values, lanes);
}

/* Applies the modifiers. Clamping a number and then rounding it to a format gives the same as
 * rounding and then clamping. */
void modify(const Conversion &conversion, double *values)
{
    if (conversion.has(TO_WHOLE))
        round_to_whole(conversion.mode, values);
    if (conversion.has(SAT))
        replace(values, saturated<double>);
    if (conversion.has(RELU))
        replace(values, without_negative<double>);
}

void convert(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Conversion conversion(instruction);
    const Operand *operands = instruction.operands;
    const bool reads_integers = !types[conversion.from].is_float;
    const bool writes_integers = !types[conversion.to].is_float;
    if (reads_integers && writes_integers)
        return between_integers(warp, operands, conversion, lanes);
    double values[num_lanes];
    (reads_integers ? read_integers_as_doubles : read_floats)(warp, operands[1], conversion,
                                                              values);
    if (writes_integers)
        return write_doubles_as_integers(warp, operands[0], conversion, values, lanes);
    modify(conversion, values);
    write_floats(warp, operands[0], conversion, values, lanes);
}

/* Two floats become halves. The first source becomes the upper half. */
void convert_to_pair(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Conversion conversion(instruction);
    uint64_t halves[2][num_lanes];
    for (unsigned k = 0; k < 2; k++) {
        double values[num_lanes];
        read_floats(warp, instruction.operands[k + 1], conversion, values);
        modify(conversion, values);
        narrow_to_bits(values, conversion, halves[k]);
    }
    for (unsigned i = 0; i < num_lanes; i++)
        halves[1][i] |= halves[0][i] << 16;
    write_bits(row<uint32_t>(warp, instruction.operands[0]), halves[1], lanes);
}

/* The sets of modifiers that mnemonics have. A SetBit names one of these sets, in this order. */
struct ModifierSet {
    const char *name;
    unsigned modifiers;
};
constexpr ModifierSet modifier_sets[] = {
    {"", 0},
    {".ftz", FTZ},
    {".sat", SAT},
    {".ftz.sat", FTZ | SAT},
    {".relu", RELU},
    {".satfinite", SATFINITE},
    {".relu.satfinite", RELU | SATFINITE},
    {".satfinite.relu", SATFINITE | RELU},
};
enum SetBit : unsigned {
    PLAIN = 1,
    WITH_FTZ = 2,
    WITH_SAT = 4,
    WITH_FTZ_SAT = 8,
    WITH_RELU = 16,
    WITH_SATFINITE = 32,
    WITH_RELU_SATFINITE = 64,
    WITH_SATFINITE_RELU = 128,
    ALL_OF_FTZ_SAT = PLAIN | WITH_FTZ | WITH_SAT | WITH_FTZ_SAT
};

/* The forms of a pair of types: each of the first modes with each of the sets of modifiers. */
struct Pair {
    unsigned to, from;
    const char *const *modes;
    unsigned num_modes, sets;
};
constexpr const char *no_mode[1] = {""};

constexpr Pair float_pairs[] = {
    {FP32, FP32, no_mode, 1, ALL_OF_FTZ_SAT},
    {FP64, FP32, no_mode, 1, ALL_OF_FTZ_SAT},
    {FP64, FP64, no_mode, 1, PLAIN | WITH_SAT},
    {FP32, FP16, no_mode, 1, PLAIN | WITH_FTZ | WITH_SAT},
    {FP64, FP16, no_mode, 1, PLAIN | WITH_SAT},
    {FP32, BFP16, no_mode, 1, PLAIN | WITH_SAT},
    {FP64, BFP16, no_mode, 1, PLAIN | WITH_SAT},
    {FP32, FP64, mode_names, 4, ALL_OF_FTZ_SAT},
    {FP16, FP32, mode_names, 4, ALL_OF_FTZ_SAT},
    {FP16, FP32, mode_names, 2, WITH_RELU | WITH_SATFINITE | WITH_RELU_SATFINITE},
    {FP16, FP64, mode_names, 4, PLAIN | WITH_SAT},
    {FP16, BFP16, mode_names, 4, PLAIN},
    {BFP16, FP32, mode_names, 4, PLAIN},
    {BFP16, FP32, mode_names, 2, WITH_RELU | WITH_SATFINITE | WITH_RELU_SATFINITE},
    {BFP16, FP64, mode_names, 4, PLAIN},
    {BFP16, FP16, mode_names, 4, PLAIN},
    {TF32, FP32, tf32_names, 3, PLAIN | WITH_SATFINITE},
    {TF32, FP32, tf32_names, 2, WITH_RELU | WITH_SATFINITE_RELU},
    {FP32, FP32, whole_names, 4, ALL_OF_FTZ_SAT},
    {FP64, FP64, whole_names, 4, PLAIN | WITH_SAT},
    {FP16, FP16, whole_names, 4, PLAIN},
    {BFP16, BFP16, whole_names, 4, PLAIN},
};

char letter_of(const Type &type)
{
    return type.bytes == 8 ? 'd' : type.bytes == 4 ? 'w' : 'h';
}

void add_form(Forms *forms, const Pair &pair, unsigned mode, const ModifierSet &set)
{
    const Type &to = types[pair.to], &from = types[pair.from];
    const std::string name = std::string("cvt") + pair.modes[mode] + set.name + to.name;
    const unsigned modifiers = set.modifiers | (pair.modes == whole_names ? TO_WHOLE : 0u);
    const uint16_t variant = static_cast<uint16_t>(modifiers | mode << mode_shift |
                                                   pair.to << to_shift | pair.from << from_shift);
    Form &form = (*forms)[name + from.name];
    form = {convert, {letter_of(to), letter_of(from)}, Kind::plain, variant};
    const bool has_pair = to.is_float && to.bytes == 2 && pair.from == FP32 && mode < 2;
    if (has_pair && (modifiers & (FTZ | SAT)) == 0)
        (*forms)[name + "x2" + from.name] = {convert_to_pair, "www", Kind::plain, variant};
}

void add_pair(Forms *forms, const Pair &pair)
{
    for (unsigned mode = 0; mode < pair.num_modes; mode++)
        for (unsigned i = 0; i < std::size(modifier_sets); i++)
            if ((pair.sets >> i & 1) != 0)
                add_form(forms, pair, mode, modifier_sets[i]);
}

/* The forms from and to an integer. A float is clamped to an integer's range without .sat too. */
void add_integer(Forms *forms, unsigned type)
{
    for (unsigned from = 0; from < num_integers; from++)
        add_pair(forms, {type, from, no_mode, 1, PLAIN | WITH_SAT});
    for (unsigned format : {FP32, FP64, FP16, BFP16}) {
        const unsigned sets = format == BFP16 ? PLAIN : PLAIN | WITH_SAT;
        add_pair(forms, {format, type, mode_names, 4, sets});
        add_pair(forms, {type, format, whole_names, 4,
                         format == FP32 ? ALL_OF_FTZ_SAT : PLAIN | WITH_SAT});
    }
}

} // namespace

void add_conversion_forms(Forms *forms)
{
    for (unsigned type = 0; type < num_integers; type++)
        add_integer(forms, type);
    for (const Pair &pair : float_pairs)
        add_pair(forms, pair);
}

} // namespace ptx
