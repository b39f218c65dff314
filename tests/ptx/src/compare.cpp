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

/* Comparisons with `u` are true if a value is NaN, and the others are false. */
struct Eq {
    template <typename T> static bool holds(T a, T b)
    {
        return a == b;
    }
};
struct Ne {
    template <typename T> static bool holds(T a, T b)
    {
        return (a < b) | (a > b);
    }
};
struct Lt {
    template <typename T> static bool holds(T a, T b)
    {
        return a < b;
    }
};
struct Le {
    template <typename T> static bool holds(T a, T b)
    {
        return a <= b;
    }
};
struct Num {
    template <typename T> static bool holds(T a, T b)
    {
        return (a == a) & (b == b);
    }
};
template <typename C> struct Not {
    template <typename T> static bool holds(T a, T b)
    {
        return !C::holds(a, b);
    }
};
template <typename C> struct Swapped {
    template <typename T> static bool holds(T a, T b)
    {
        return C::holds(b, a);
    }
};
using Gt = Swapped<Lt>;
using Ge = Swapped<Le>;

template <typename S, typename C>
Lanes compare(const typename S::Register *a, const typename S::Register *b)
{
    Lanes result = 0;
    for (unsigned i = 0; i < num_lanes; i++)
        result |= C::holds(S::value(a[i]), S::value(b[i])) ? lane_bits.of[i] : 0;
    return result;
}

/* The variant of an instruction: how the comparison and a predicate become the result. */
enum Combination : uint8_t { COMBINE_NOTHING, COMBINE_AND, COMBINE_OR, COMBINE_XOR };
constexpr const char *combination_names[4] = {"", ".and", ".or", ".xor"};

/* The predicate, if there is one, is operand `number`. */
Lanes combined(Warp &warp, const Instruction &instruction, unsigned number, Lanes compared)
{
    switch (instruction.variant) {
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

template <typename S, typename C>
void run_setp(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    using Register = typename S::Register;
    const Operand *operands = instruction.operands;
    Lanes compared =
        compare<S, C>(row<Register>(warp, operands[2]), row<Register>(warp, operands[3]));
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
template <typename S, typename C>
void compare_halves(Warp &warp, const Instruction &instruction, unsigned first, Lanes results[2])
{
    uint16_t a[2][num_lanes], b[2][num_lanes];
    split_halves(row<uint32_t>(warp, instruction.operands[first]), a);
    split_halves(row<uint32_t>(warp, instruction.operands[first + 1]), b);
    for (unsigned k = 0; k < 2; k++)
        results[k] = combined(warp, instruction, first + 2, compare<S, C>(a[k], b[k]));
}

template <typename S, typename C>
void run_setp_x2(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes results[2];
    compare_halves<S, C>(warp, instruction, 2, results);
    set_predicate(warp, instruction.operands[0], lanes, results[0]);
    set_predicate(warp, instruction.operands[1], lanes, results[1]);
}

/* What set writes where the comparison holds; elsewhere it writes 0. */
template <typename S, typename C, typename D, D TRUE>
void run_set(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    using Register = typename S::Register;
    const Operand *operands = instruction.operands;
    Lanes holds = compare<S, C>(row<Register>(warp, operands[1]), row<Register>(warp, operands[2]));
    holds = combined(warp, instruction, 3, holds);
    D result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = (holds & lane_bits.of[i]) != 0 ? TRUE : D{0};
    assign(row<D>(warp, operands[0]), result, lanes);
}

template <typename S, typename C, uint16_t TRUE>
void run_set_x2(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes holds[2];
    compare_halves<S, C>(warp, instruction, 1, holds);
    uint32_t result[num_lanes];
    for (unsigned i = 0; i < num_lanes; i++)
        result[i] = ((holds[0] & lane_bits.of[i]) != 0 ? TRUE : 0u) |
                    ((holds[1] & lane_bits.of[i]) != 0 ? static_cast<uint32_t>(TRUE) << 16 : 0u);
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
}

/* Adds NAME.COMPARISON{.COMBINATION}.TYPE with a fourth operand where a predicate is combined. */
void add_combinations(Forms *forms, const std::string &name, const std::string &type,
                      const Form &form)
{
    for (uint8_t i = 0; i < 4; i++) {
        Form other = form;
        other.variant = i;
        other.operands += i == COMBINE_NOTHING ? "" : "p";
        (*forms)[name + combination_names[i] + type] = other;
    }
}

/* The set and setp forms of one comparison of one type; `type` begins with a dot. */
template <typename S, typename C>
void add_comparison(Forms *forms, const std::string &comparison, const std::string &type)
{
    const std::string sources(2, letter_of<typename S::Register>());
    const bool is_flushed = type.compare(0, 5, ".ftz.") == 0;
    const std::string ftz = is_flushed ? ".ftz" : "", source = type.substr(is_flushed ? 4 : 0);
    add_combinations(forms, "setp." + comparison, type, {run_setp<S, C>, "pP" + sources});
    const Form ones = {run_set<S, C, uint32_t, 0xffffffffu>, "w" + sources};
    add_combinations(forms, "set." + comparison, ftz + ".u32" + source, ones);
    add_combinations(forms, "set." + comparison, ftz + ".s32" + source, ones);
    add_combinations(forms, "set." + comparison, ftz + ".f32" + source,
                     {run_set<S, C, uint32_t, 0x3f800000u>, "w" + sources});
}

template <typename H, bool FLUSHES, typename C>
void add_half_comparison(Forms *forms, const std::string &comparison)
{
    using S = Half<H, FLUSHES>;
    const std::string name = "set." + comparison, type = std::string(".") + H::name;
    const std::string ftz = FLUSHES ? ".ftz" : "", twice = type + "x2";
    add_comparison<S, C>(forms, comparison, ftz + type);
    const Form ones = {run_set<S, C, uint16_t, 0xffff>, "hhh"};
    add_combinations(forms, name, ftz + ".u16" + type, ones);
    add_combinations(forms, name, ftz + ".s16" + type, ones);
    add_combinations(forms, name, ftz + type + type, {run_set<S, C, uint16_t, H::one>, "hhh"});

    add_combinations(forms, "setp." + comparison, ftz + twice, {run_setp_x2<S, C>, "pPww"});
    const Form ones_x2 = {run_set_x2<S, C, 0xffff>, "www"};
    add_combinations(forms, name, ftz + ".u32" + twice, ones_x2);
    add_combinations(forms, name, ftz + ".s32" + twice, ones_x2);
    add_combinations(forms, name, ftz + twice + twice, {run_set_x2<S, C, H::one>, "www"});
}

/* Calls adder.add<C>(name) for the comparisons that floating-point types have. */
template <typename A> void for_float_comparisons(const A &adder)
{
    adder.template add<Eq>("eq");
    adder.template add<Ne>("ne");
    adder.template add<Lt>("lt");
    adder.template add<Le>("le");
    adder.template add<Gt>("gt");
    adder.template add<Ge>("ge");
    adder.template add<Not<Ne>>("equ");
    adder.template add<Not<Eq>>("neu");
    adder.template add<Not<Ge>>("ltu");
    adder.template add<Not<Gt>>("leu");
    adder.template add<Not<Le>>("gtu");
    adder.template add<Not<Lt>>("geu");
    adder.template add<Num>("num");
    adder.template add<Not<Num>>("nan");
}

template <typename S> struct Adder {
    Forms *forms;
    std::string type;
    template <typename C> void add(const char *comparison) const
    {
        add_comparison<S, C>(forms, comparison, type);
    }
};

template <typename H, bool FLUSHES> struct HalfAdder {
    Forms *forms;
    template <typename C> void add(const char *comparison) const
    {
        add_half_comparison<H, FLUSHES, C>(forms, comparison);
    }
};

template <typename T> void add_integer_comparisons(Forms *forms, const std::string &type)
{
    const bool has_order = type[1] != 'b';
    add_comparison<Plain<T>, Eq>(forms, "eq", type);
    add_comparison<Plain<T>, Ne>(forms, "ne", type);
    if (!has_order)
        return;
    add_comparison<Plain<T>, Lt>(forms, "lt", type);
    add_comparison<Plain<T>, Le>(forms, "le", type);
    add_comparison<Plain<T>, Gt>(forms, "gt", type);
    add_comparison<Plain<T>, Ge>(forms, "ge", type);
    if (type[1] == 's')
        return;
    /* These names are for unsigned types only. */
    add_comparison<Plain<T>, Lt>(forms, "lo", type);
    add_comparison<Plain<T>, Le>(forms, "ls", type);
    add_comparison<Plain<T>, Gt>(forms, "hi", type);
    add_comparison<Plain<T>, Ge>(forms, "hs", type);
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
    for_float_comparisons(Adder<Plain<float>>{forms, ".f32"});
    for_float_comparisons(Adder<Flushed>{forms, ".ftz.f32"});
    for_float_comparisons(Adder<Plain<double>>{forms, ".f64"});
    for_float_comparisons(HalfAdder<F16, false>{forms});
    for_float_comparisons(HalfAdder<F16, true>{forms});
    for_float_comparisons(HalfAdder<BF16, false>{forms});
    add_tests<uint32_t, 23>(forms, ".f32");
    add_tests<uint64_t, 52>(forms, ".f64");
}

} // namespace ptx
