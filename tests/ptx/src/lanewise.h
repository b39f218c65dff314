/* Forms of instructions that compute each lane by itself, made from functions of a single lane.
 *
 * `lanewise<add<int32_t>>()` is the form of add.s32: the types of the function give the operands'
 * letters, and the compiler makes vector instructions of the loop over the 32 lanes. Rows are read
 * as several types, so build with -fno-strict-aliasing. Build with -ffp-contract=off too, because
 * g++ else fuses a multiplication and an addition where the host has such an instruction. */
#ifndef LYRNN_PTX_LANEWISE_H
#define LYRNN_PTX_LANEWISE_H

#include <cfenv>
#include <cstring>
#include <utility>

#include "warp.h"

namespace ptx
{

template <typename To, typename From> To bits_as(From from)
{
    static_assert(sizeof(To) == sizeof(From), "the sizes differ");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

/* Returns the letter of an operand of this type. */
template <typename T> constexpr char letter_of()
{
    static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8, "no register is so wide");
    return sizeof(T) == 2 ? 'h' : sizeof(T) == 4 ? 'w' : 'd';
}

/* The bit of each lane. A loop that uses this table, not shifts, becomes vector instructions. */
struct LaneBits {
    Lanes of[num_lanes];
};
constexpr LaneBits make_lane_bits()
{
    LaneBits bits = {};
    for (unsigned i = 0; i < num_lanes; i++)
        bits.of[i] = 1u << i;
    return bits;
}
constexpr LaneBits lane_bits = make_lane_bits();

/* Sets the host's rounding for as long as it lives. */
struct HostRounding {
    const int mode;

    explicit HostRounding(int the_mode) : mode(the_mode)
    {
        if (mode != FE_TONEAREST)
            fesetround(mode);
    }
    ~HostRounding()
    {
        if (mode != FE_TONEAREST)
            fesetround(FE_TONEAREST);
    }
    HostRounding(const HostRounding &) = delete;
    HostRounding &operator=(const HostRounding &) = delete;
};

/* A handler that writes F(sources) to the first operand, computed with the host's rounding MODE. */
template <auto F, int MODE> struct Lanewise;
template <typename D, typename... A, D (*F)(A...), int MODE> struct Lanewise<F, MODE> {
    static void compute(D *result, const A *...sources)
    {
        for (unsigned i = 0; i < num_lanes; i++)
            result[i] = F(sources[i]...);
    }

    template <size_t... K>
    static void run_on(Warp &warp, const Instruction &instruction, Lanes lanes,
                       std::index_sequence<K...>)
    {
        D result[num_lanes];
        {
            HostRounding rounding(MODE);
            compute(result, row<A>(warp, instruction.operands[K + 1])...);
            /* The compiler may not move the loop out of this block. */
            asm volatile("" : "+m"(result));
        }
        assign(row<D>(warp, instruction.operands[0]), result, lanes);
    }

    static void run(Warp &warp, const Instruction &instruction, Lanes lanes)
    {
        run_on(warp, instruction, lanes, std::make_index_sequence<sizeof...(A)>());
    }

    static Form form()
    {
        return {run, {letter_of<D>(), letter_of<A>()...}};
    }
};

template <auto F, int MODE = FE_TONEAREST> Form lanewise()
{
    return Lanewise<F, MODE>::form();
}

/* Twice<F>::apply applies a function of 16-bit lanes to both halves of 32-bit lanes. */
template <auto F> struct Twice;
template <typename... A, uint16_t (*F)(A...)> struct Twice<F> {
    template <typename> using Word = uint32_t;

    static uint32_t apply(Word<A>... sources)
    {
        uint32_t low = F(static_cast<A>(sources & 0xffffu)...);
        uint32_t high = F(static_cast<A>(sources >> 16)...);
        return low | high << 16;
    }
};

} // namespace ptx

#endif
