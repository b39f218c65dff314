/* Executes every form of a file on edge values, crossed with each other, and on random ones, and
 * compares each lane with a reference that a test writes for its mnemonic. A form without a
 * reference fails. */
#ifndef LYRNN_PTX_EVERY_FORM_H
#define LYRNN_PTX_EVERY_FORM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern "C" {
#include <cmocka.h>
}

#include <functional>
#include <random>

#include "warp.h"

/* The parts of a mnemonic, `add`, `sat` and `s32`. */
struct Mnemonic {
    std::string text;
    std::vector<std::string> parts;

    explicit Mnemonic(const std::string &the_text)
        : text(the_text), parts(ptx::split(the_text, '.'))
    {
    }
    const std::string &name() const
    {
        return parts[0];
    }
    const std::string &last() const
    {
        return parts.back();
    }
    bool has(const std::string &part) const
    {
        for (const std::string &each : parts)
            if (each == part)
                return true;
        return false;
    }
    /* Whether the text begins with this. */
    bool begins(const std::string &text_begin) const
    {
        return text.compare(0, text_begin.size(), text_begin) == 0;
    }
};

/* Computes the results of a single lane from its sources, as bits. A predicate is 0 or 1. */
using Compute = std::function<void(const uint64_t *sources, uint64_t *results)>;
using Matches = std::function<bool(uint64_t expected, uint64_t result)>;

struct Reference {
    unsigned num_results; /* 0: there is no reference */
    Compute compute;
    Matches matches; /* empty: the bits are equal */
};

/* The form of a function of up to five sources with one result. */
static inline Reference one_result(std::function<uint64_t(const uint64_t *sources)> function)
{
    return {
        1,
        [function](const uint64_t *sources, uint64_t *results) { results[0] = function(sources); },
        {}};
}

static inline unsigned width_of(char letter)
{
    return letter == 'h' ? 16 : letter == 'w' ? 32 : letter == 'd' ? 64 : 1;
}

static inline uint64_t low_bits(uint64_t value, unsigned width)
{
    return width >= 64 ? value : value & ((1ull << width) - 1);
}

/* Numbers of a format with this many bits of exponent and fraction: zeros, subnormal ones, ones
 * around powers of two, the largest, infinities and NaN. */
static inline void add_float_edges(std::vector<uint64_t> *edges, unsigned exponent_bits,
                                   unsigned fraction_bits)
{
    const uint64_t bias = (1ull << (exponent_bits - 1)) - 1, most = 2 * bias + 1;
    const uint64_t ones = (1ull << fraction_bits) - 1;
    for (uint64_t sign : {0ull, 1ull})
        for (uint64_t exponent :
             {uint64_t{0}, uint64_t{1}, bias, bias + fraction_bits, most - 1, most})
            for (uint64_t fraction : {uint64_t{0}, uint64_t{1}, ones})
                edges->push_back(((sign << exponent_bits | exponent) << fraction_bits) | fraction);
}

static inline std::vector<uint64_t> edges_of(unsigned width)
{
    std::vector<uint64_t> edges = {0, 1, 2, 3, 8, 31, 32, 33, 0x7f, 0x80, 0xff, 0x8000};
    const uint64_t top = 1ull << (width - 1);
    for (uint64_t edge : {~uint64_t{0}, ~uint64_t{1}, top, top - 1, top + 1, top >> 1})
        edges.push_back(low_bits(edge, width));
    if (width == 16) {
        add_float_edges(&edges, 5, 10);
        add_float_edges(&edges, 8, 7);
    } else if (width == 32) {
        add_float_edges(&edges, 8, 23);
        for (uint64_t edge : {0x3c007c01u, 0x80003c00u, 0x7c00fc00u, 0x3f80ff80u, 0x00017fc0u})
            edges.push_back(edge);
    } else {
        add_float_edges(&edges, 11, 52);
        for (uint64_t edge : {0x3f800000ff800000u, 0x800000017f800001u, 0x00000001007fffffu})
            edges.push_back(edge);
    }
    return edges;
}

/* A warp with registers only, because these instructions touch nothing else. */
class EveryForm
{
  public:
    ptx::Forms forms;

    explicit EveryForm(void (*add_forms)(ptx::Forms *))
    {
        add_forms(&forms);
        warp.program = &program;
        warp.registers.resize(2 * max_operands * ptx::row_bytes / 8);
    }

    /* `find` returns the reference of a mnemonic. */
    void check(const std::function<Reference(const Mnemonic &)> &find)
    {
        for (const auto &form : forms) {
            Reference reference = find(Mnemonic(form.first));
            if (reference.num_results == 0)
                fail_msg("%s has no reference", form.first.c_str());
            check_form(form.first, reference, form.second.operands);
        }
    }

    /* Checks one form on the values that all forms have, with registers of these widths. */
    void check_form(const std::string &mnemonic, const Reference &reference,
                    const std::string &the_letters)
    {
        begin(mnemonic, reference, the_letters);
        const size_t pairs = num_pairs();
        const size_t num_crossed = (pairs + ptx::num_lanes - 1) / ptx::num_lanes;
        for (size_t round = 0; round < num_crossed + 40; round++) {
            if (round % 16 == 0)
                fill();
            set_sources(round < num_crossed ? round * ptx::num_lanes : pairs);
            run_round(mnemonic, reference, round);
        }
    }

    /* Checks one form on these values. Another source than the first has the value behind. */
    void check_values(const std::string &mnemonic, const Reference &reference,
                      const std::vector<uint64_t> &values)
    {
        begin(mnemonic, reference, forms.at(mnemonic).operands);
        for (size_t first = 0; first < values.size(); first += ptx::num_lanes) {
            for (size_t i = first_source; i < letters.size(); i++) {
                for (unsigned lane = 0; lane < ptx::num_lanes; lane++)
                    sources[lane][i - first_source] =
                        values[(first + lane + i - first_source) % values.size()];
                write_row(i);
            }
            run_round(mnemonic, reference, 0);
        }
    }

  private:
    static constexpr size_t max_operands = 8;
    ptx::Program program{};
    ptx::Warp warp{};
    ptx::Instruction instruction{};
    std::vector<ptx::Operand> operands;
    std::mt19937_64 random{1};
    std::string letters; /* of the operands: first the results, then the sources */
    size_t first_source;
    std::map<unsigned, std::vector<uint64_t>> edges;
    uint64_t sources[ptx::num_lanes][max_operands];

    void fill()
    {
        for (uint64_t &word : warp.registers)
            word = random();
    }

    void begin(const std::string &mnemonic, const Reference &reference,
               const std::string &the_letters)
    {
        const ptx::Form &form = forms.at(mnemonic);
        letters = the_letters;
        first_source = reference.num_results;
        operands.clear();
        for (size_t i = 0; i < letters.size(); i++)
            operands.push_back({static_cast<int32_t>(2 * i), 0, false,
                                static_cast<uint8_t>(width_of(letters[i]) / 8)});
        instruction.handler = form.handler;
        instruction.variant = form.variant;
        instruction.operands = operands.data();
        instruction.num_operands = static_cast<uint8_t>(operands.size());
        fill();
    }

    const std::vector<uint64_t> &edges_for(char letter)
    {
        std::vector<uint64_t> &found = edges[width_of(letter)];
        if (found.empty())
            found = edges_of(width_of(letter));
        return found;
    }

    bool is_source(size_t i) const
    {
        return i >= first_source && i < letters.size();
    }

    /* How many pairs of edge values the first two sources have. */
    size_t num_pairs()
    {
        size_t pairs = 1;
        for (size_t i = first_source; i < first_source + 2; i++)
            if (is_source(i) && width_of(letters[i]) > 1)
                pairs *= edges_for(letters[i]).size();
        return pairs;
    }

    uint64_t drawn(char letter, uint64_t previous)
    {
        const unsigned width = width_of(letter);
        if (width == 1)
            return random() & 1;
        const std::vector<uint64_t> &from = edges_for(letter);
        switch (random() % 8) {
        case 0:
        case 1:
        case 2:
            return from[random() % from.size()];
        case 3:
            return low_bits(previous + random() % 5 - 2, width);
        case 4:
            return low_bits(previous ^ 1ull << (width - 1), width);
        case 5:
            return random() % (2 * width);
        case 6: /* the upper bits of the value before, such as its exponent */
            return low_bits(previous ^ random() >> random() % 64, width);
        default:
            return low_bits(random(), width);
        }
    }

    void set_sources(size_t pair)
    {
        const size_t pairs = num_pairs();
        for (unsigned lane = 0; lane < ptx::num_lanes; lane++, pair++) {
            size_t rest = pair;
            for (size_t i = first_source; i < letters.size(); i++) {
                uint64_t &value = sources[lane][i - first_source];
                const bool is_crossed = i < first_source + 2 && pair < pairs;
                if (is_crossed && width_of(letters[i]) > 1) {
                    const std::vector<uint64_t> &from = edges_for(letters[i]);
                    value = from[rest % from.size()];
                    rest /= from.size();
                } else {
                    value = drawn(letters[i], i > first_source ? (&value)[-1] : random());
                }
            }
        }
        for (size_t i = first_source; i < letters.size(); i++)
            write_row(i);
    }

    void write_row(size_t i)
    {
        const unsigned width = width_of(letters[i]);
        operands[i].is_negated = width == 1 && (random() & 1) != 0;
        for (unsigned lane = 0; lane < ptx::num_lanes; lane++)
            put(i, lane, sources[lane][i - first_source] ^ (operands[i].is_negated ? 1 : 0));
    }

    void put(size_t i, unsigned lane, uint64_t value)
    {
        const unsigned width = width_of(letters[i]);
        if (width == 1) {
            ptx::Lanes *row = ptx::row<ptx::Lanes>(warp, operands[i]);
            *row = (*row & ~(1u << lane)) | static_cast<ptx::Lanes>(value) << lane;
        } else {
            memcpy(ptx::row<char>(warp, operands[i]) + lane * width / 8, &value, width / 8);
        }
    }

    uint64_t get(size_t i, unsigned lane)
    {
        const unsigned width = width_of(letters[i]);
        if (width == 1)
            return *ptx::row<ptx::Lanes>(warp, operands[i]) >> lane & 1;
        uint64_t value = 0;
        memcpy(&value, ptx::row<char>(warp, operands[i]) + lane * width / 8, width / 8);
        return value;
    }

    /* The first lanes all execute, then some. Sometimes a result goes to the register of a
     * source. */
    void run_round(const std::string &mnemonic, const Reference &reference, size_t round)
    {
        operands[0].row = 0;
        if (round % 4 == 3 && first_source == 1)
            for (size_t i = 1; i < letters.size(); i++)
                if (letters[i] == letters[0])
                    operands[0].row = operands[i].row;
        const ptx::Lanes lanes =
            round % 2 == 0 ? ptx::all_lanes : static_cast<ptx::Lanes>(random());
        uint64_t before[ptx::num_lanes][max_operands];
        for (unsigned lane = 0; lane < ptx::num_lanes; lane++)
            for (size_t i = 0; i < first_source; i++)
                before[lane][i] = get(i, lane);
        instruction.handler(warp, instruction, lanes);
        for (unsigned lane = 0; lane < ptx::num_lanes; lane++) {
            uint64_t expected[max_operands];
            reference.compute(sources[lane], expected);
            for (size_t i = 0; i < first_source; i++) {
                const bool runs = (lanes >> lane & 1) != 0;
                expected[i] = runs ? low_bits(expected[i], width_of(letters[i])) : before[lane][i];
                const uint64_t result = get(i, lane);
                if (result != expected[i] &&
                    !(runs && reference.matches && reference.matches(expected[i], result)))
                    report(mnemonic, lane, runs, expected[i], result);
            }
        }
    }

    void report(const std::string &mnemonic, unsigned lane, bool runs, uint64_t expected,
                uint64_t result)
    {
        std::string text;
        char value[32];
        for (size_t i = first_source; i < letters.size(); i++) {
            snprintf(value, sizeof value, " %#llx",
                     static_cast<unsigned long long>(sources[lane][i - first_source]));
            text += value;
        }
        fail_msg("%s of%s gives %#llx, and %#llx is right%s", mnemonic.c_str(), text.c_str(),
                 static_cast<unsigned long long>(result), static_cast<unsigned long long>(expected),
                 runs ? "" : " (the lane is inactive)");
    }
};

#endif
