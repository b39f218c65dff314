/* Comparisons, and selections by a predicate or a sign. */
#include "half.h"
#include "lanewise.h"

namespace ptx
{
namespace
{

/* What a register holds, and the value that is compared. */
template <typename T> struct Plain {
    using Register = T;
    static T value(T from)
    {
        return from;
    }
};

struct Flushed {
    using Register = float;
    static float value(float from)
    {
        return flushed(from);
    }
};

template <typename H, bool FLUSHES> struct Half {
    using Register = uint16_t;
    static float value(uint16_t from)
    {
        return H::widen(FLUSHES ? H::flush(from) : from);
    }
};

/* How two values relate. A comparison is the set of relations in which it holds. */
enum Relation : uint8_t { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 };

struct Comparison {
    const char *name;
    uint8_t relations;
};

/* Those with `u` hold if a value is NaN, and the first six do not. */
constexpr Comparison float_comparisons[] = {
    {"eq", EQUAL},
    {"ne", LESS | GREATER},
    {"lt", LESS},
    {"le", LESS | EQUAL},
    {"gt", GREATER},
    {"ge", GREATER | EQUAL},
    {"equ", EQUAL | UNORDERED},
    {"neu", LESS | GREATER | UNORDERED},
    {"ltu", LESS | UNORDERED},
    {"leu", LESS | EQUAL | UNORDERED},
    {"gtu", GREATER | UNORDERED},
    {"geu", GREATER | EQUAL | UNORDERED},
    {"num", LESS | EQUAL | GREATER},
    {"nan", UNORDERED},
};

/* Bits have the first two, signed integers the first six, and unsigned integers all. */
constexpr Comparison integer_comparisons[] = {
    {"eq", EQUAL},   {"ne", LESS | GREATER},  {"lt", LESS}, {"le", LESS | EQUAL},
    {"gt", GREATER}, {"ge", GREATER | EQUAL}, {"lo", LESS}, {"ls", LESS | EQUAL},
    {"hi", GREATER}, {"hs", GREATER | EQUAL},
};

template <typename S>
Lanes compare(const typename S::Register *a, const typename S::Register *b, unsigned relations)
{
    Lanes less = 0, equal = 0, greater = 0;
    for (unsigned i = 0; i < num_lanes; i++) {
        const auto left = S::value(a[i]), right = S::value(b[i]);
        less |= left < right ? lane_bits.of[i] : 0;
        equal |= left == right ? lane_bits.of[i] : 0;
        greater |= left > right ? lane_bits.of[i] : 0;
    }
    return ((relations & LESS) != 0 ? less : 0) | ((relations & EQUAL) != 0 ? equal : 0) |
           ((relations & GREATER) != 0 ? greater : 0) |
           ((relations & UNORDERED) != 0 ? ~(less | equal | greater) : 0);
}

/* How the comparison and a predicate become the result. */
enum Combination : uint8_t { COMBINE_NOTHING, COMBINE_AND, COMBINE_OR, COMBINE_XOR };
constexpr const char *combination_names[4] = {"", ".and", ".or", ".xor"};

/* The variant of an instruction: its combination, and above it the relations. */
constexpr unsigned combination_bits = 2;

unsigned relations_of(const Instruction &instruction)
{
    return instruction.variant >> combination_bits;
}

/* The predicate, if there is one, is operand `number`. */
Lanes combined(Warp &warp, const Instruction &instruction, unsigned number, Lanes compared)
{
    switch (instruction.variant % (1u << combination_bits)) {
    case COMBINE_AND:
        return compared & predicate(warp, instruction.operands[number]);
    case COMBINE_OR:
        return compared | predicate(warp, instruction.operands[number]);
    case COMBINE_XOR:
        return compared ^ predicate(warp, instruction.operands[number]);
    default:
        return compared;
    }
}

template <typename S> void run_setp(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    using Register = typename S::Register;
    const Operand *operands = instruction.operands;
    Lanes compared = compare<S>(row<Register>(warp, operands[2]), row<Register>(warp, operands[3]),
                                relations_of(instruction));
    Lanes first = combined(warp, instruction, 4, compared);
    Lanes second = combined(warp, instruction, 4, ~compared);
    set_predicate(warp, operands[0], lanes, first);
    set_predicate(warp, operands[1], lanes, second);
}

/* Splits the halves of a row of words. */
void split_halves(const uint32_t *from, uint16_t halves[2][num_lanes])
{
    for (unsigned i = 0; i < num_lanes; i++) {
        halves[0][i] = static_cast<uint16_t>(from[i]);
        halves[1][i] = static_cast<uint16_t>(from[i] >> 16);
    }
}

/* The results for the low and the high halves. */
template <typename S>
void compare_halves(Warp &warp, const Instruction &instruction, unsigned first, Lanes results[2])
{
    uint16_t a[2][num_lanes], b[2][num_lanes];
    split_halves(row<uint32_t>(warp, instruction.operands[first]), a);
    split_halves(row<uint32_t>(warp, instruction.operands[first + 1]), b);
    for (unsigned k = 0; k < 2; k++)
        results[k] = combined(warp, instruction, first + 2,
                              compare<S>(a[k], b[k], relations_of(instruction)));
}

template <typename S> void run_setp_x2(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes results[2];
    compare_halves<S>(warp, instruction, 2, results);
    set_predicate(warp, instruction.operands[0], lanes, results[0]);
    set_predicate(warp, instruction.operands[1], lanes, results[1]);
}

/* What set writes where the comparison holds; elsewhere it writes 0. */
template <typename S, typename D, D TRUE>
void run_set(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    using Register = typename S::Register;
    const Operand *operands = instruction.operands;
    Lanes holds = compare<S>(row<Register>(warp, operands[1]), row<Register>(warp, operands[2]),
                             relations_of(instruction));
    holds = combined(warp, instruction, 3, holds);
    D result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = (holds & lane_bits.of[i]) != 0 ? TRUE : D{0};
    assign(row<D>(warp, operands[0]), result, lanes);
}

template <typename S, uint16_t TRUE>
void run_set_x2(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes holds[2];
    compare_halves<S>(warp, instruction, 1, holds);
    uint32_t result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = ((holds[0] & lane_bits.of[i]) != 0 ? TRUE : 0u) |
                    ((holds[1] & lane_bits.of[i]) != 0 ? static_cast<uint32_t>(TRUE) << 16 : 0u);
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
}

/* Adds NAME.COMPARISON{.COMBINATION}TYPE, with one more operand where a predicate is combined. */
void add_combinations(Forms *forms, const std::string &name, const Comparison &comparison,
                      const std::string &type, const Form &form)
{
    for (uint8_t i = 0; i < 4; i++) {
        Form other = form;
        other.variant = static_cast<uint8_t>(comparison.relations << combination_bits | i);
        other.operands += i == COMBINE_NOTHING ? "" : "p";
        (*forms)[name + "." + comparison.name + combination_names[i] + type] = other;
    }
}

/* The set and setp forms of one comparison of one type; `ftz` is ".ftz" or empty. */
template <typename S>
void add_comparison(Forms *forms, const Comparison &comparison, const std::string &ftz,
                    const std::string &type)
{
    const std::string sources(2, letter_of<typename S::Register>());
    const Form ones = {run_set<S, uint32_t, 0xffffffffu>, "w" + sources};
    add_combinations(forms, "setp", comparison, ftz + type, {run_setp<S>, "pP" + sources});
    add_combinations(forms, "set", comparison, ftz + ".u32" + type, ones);
    add_combinations(forms, "set", comparison, ftz + ".s32" + type, ones);
    add_combinations(forms, "set", comparison, ftz + ".f32" + type,
                     {run_set<S, uint32_t, 0x3f800000u>, "w" + sources});
}

template <typename S> void add_float_comparisons(Forms *forms, const char *ftz, const char *type)
{
    for (const Comparison &comparison : float_comparisons)
        add_comparison<S>(forms, comparison, ftz, type);
}

/* The forms that only f16 and bf16 have: results of 16 bits, and both halves of a word. */
template <typename H, bool FLUSHES>
void add_half_comparison(Forms *forms, const Comparison &comparison)
{
    using S = Half<H, FLUSHES>;
    const std::string type = std::string(".") + H::name, twice = type + "x2";
    const std::string ftz = FLUSHES ? ".ftz" : "";
    const Form ones = {run_set<S, uint16_t, 0xffff>, "hhh"};
    add_combinations(forms, "set", comparison, ftz + ".u16" + type, ones);
    add_combinations(forms, "set", comparison, ftz + ".s16" + type, ones);
    add_combinations(forms, "set", comparison, ftz + type + type,
                     {run_set<S, uint16_t, H::one>, "hhh"});

    const Form ones_x2 = {run_set_x2<S, 0xffff>, "www"};
    add_combinations(forms, "setp", comparison, ftz + twice, {run_setp_x2<S>, "pPww"});
    add_combinations(forms, "set", comparison, ftz + ".u32" + twice, ones_x2);
    add_combinations(forms, "set", comparison, ftz + ".s32" + twice, ones_x2);
    add_combinations(forms, "set", comparison, ftz + twice + twice, {run_set_x2<S, H::one>, "www"});
}

template <typename H, bool FLUSHES> void add_half_comparisons(Forms *forms)
{
    const std::string type = std::string(".") + H::name;
    for (const Comparison &comparison : float_comparisons) {
        add_comparison<Half<H, FLUSHES>>(forms, comparison, FLUSHES ? ".ftz" : "", type);
        add_half_comparison<H, FLUSHES>(forms, comparison);
    }
}

template <typename T> void add_integer_comparisons(Forms *forms, const std::string &type)
{
    const unsigned number = type[1] == 'b' ? 2 : type[1] == 's' ? 6 : 10;
    for (unsigned i = 0; i < number; i++)
        add_comparison<Plain<T>>(forms, integer_comparisons[i], "", type);
}

template <typename T> void run_selp(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const T *a = row<T>(warp, instruction.operands[1]), *b = row<T>(warp, instruction.operands[2]);
    Lanes selects = predicate(warp, instruction.operands[3]);
    T result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = (selects & lane_bits.of[i]) != 0 ? a[i] : b[i];
    assign(row<T>(warp, instruction.operands[0]), result, lanes);
}

template <typename T, typename C> T select_by_sign(T a, T b, C c)
{
    return c >= 0 ? a : b;
}

template <typename T> T select_by_flushed_sign(T a, T b, float c)
{
    return flushed(c) >= 0 ? a : b;
}

template <typename T> void add_selections(Forms *forms, const std::string &type)
{
    const char letter = letter_of<T>();
    (*forms)["selp" + type] = {run_selp<T>, std::string(3, letter) + "p"};
    (*forms)["slct" + type + ".s32"] = lanewise<select_by_sign<T, int32_t>>();
    (*forms)["slct" + type + ".f32"] = lanewise<select_by_sign<T, float>>();
    (*forms)["slct.ftz" + type + ".f32"] = lanewise<select_by_flushed_sign<T>>();
}

/* testp: what kind of number the bits are. BITS is 32 or 64, FRACTION the width of the fraction. */
template <typename T, unsigned FRACTION> struct Tests {
    static constexpr T infinity = static_cast<T>(~T{0} >> (FRACTION + 1) << FRACTION);

    static bool is_finite(T magnitude)
    {
        return magnitude < infinity;
    }
    static bool is_infinite(T magnitude)
    {
        return magnitude == infinity;
    }
    static bool is_number(T magnitude)
    {
        return magnitude <= infinity;
    }
    static bool is_nan(T magnitude)
    {
        return magnitude > infinity;
    }
    static bool is_normal(T magnitude)
    {
        /* Zero counts as normal. */
        return magnitude == 0 || (magnitude >= T{1} << FRACTION && magnitude < infinity);
    }
    static bool is_subnormal(T magnitude)
    {
        return magnitude != 0 && magnitude < T{1} << FRACTION;
    }
};

template <typename T, bool (*TEST)(T)>
void run_testp(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const T *a = row<T>(warp, instruction.operands[1]);
    Lanes result = 0;
    for (unsigned i = 0; i < num_lanes; i++)
        result |= TEST(a[i] & (~T{0} >> 1)) ? lane_bits.of[i] : 0;
    set_predicate(warp, instruction.operands[0], lanes, result);
}

template <typename T, unsigned FRACTION> void add_tests(Forms *forms, const std::string &type)
{
    using Test = Tests<T, FRACTION>;
    const std::string operands = {'p', letter_of<T>()};
    Forms &all = *forms;
    all["testp.finite" + type] = {run_testp<T, Test::is_finite>, operands};
    all["testp.infinite" + type] = {run_testp<T, Test::is_infinite>, operands};
    all["testp.number" + type] = {run_testp<T, Test::is_number>, operands};
    all["testp.notanumber" + type] = {run_testp<T, Test::is_nan>, operands};
    all["testp.normal" + type] = {run_testp<T, Test::is_normal>, operands};
    all["testp.subnormal" + type] = {run_testp<T, Test::is_subnormal>, operands};
}

/* Selections and integer comparisons of the types with this many bits. */
template <typename Unsigned, typename Signed>
void add_forms_of_width(Forms *forms, const std::string &bits)
{
    for (const char *type : {".b", ".u"}) {
        add_integer_comparisons<Unsigned>(forms, type + bits);
        add_selections<Unsigned>(forms, type + bits);
    }
    add_integer_comparisons<Signed>(forms, ".s" + bits);
    add_selections<Unsigned>(forms, ".s" + bits);
}

} // namespace

void add_comparison_forms(Forms *forms)
{
    add_forms_of_width<uint16_t, int16_t>(forms, "16");
    add_forms_of_width<uint32_t, int32_t>(forms, "32");
    add_forms_of_width<uint64_t, int64_t>(forms, "64");
    add_selections<uint32_t>(forms, ".f32");
    add_selections<uint64_t>(forms, ".f64");
    add_float_comparisons<Plain<float>>(forms, "", ".f32");
    add_float_comparisons<Flushed>(forms, ".ftz", ".f32");
    add_float_comparisons<Plain<double>>(forms, "", ".f64");
    add_half_comparisons<F16, false>(forms);
    add_half_comparisons<F16, true>(forms);
    add_half_comparisons<BF16, false>(forms);
    add_tests<uint32_t, 23>(forms, ".f32");
    add_tests<uint64_t, 52>(forms, ".f64");
}

} // namespace ptx
