/* A launch of one warp without shared memory, so that a test can execute single instructions. */
#ifndef LYRNN_PTX_ONE_WARP_H
#define LYRNN_PTX_ONE_WARP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern "C" {
#include <cmocka.h>
}

#include <random>

#include "mbarrier.h"
#include "ptx_report.h"
#include "scheduler.h"

/* The hook's last defect. */
static lyrnn_sim_defect found_defect;

static inline void note_defect(lyrnn_sim_defect defect, const char *)
{
    found_defect = defect;
}

static constexpr unsigned num_test_rows = 64;

struct OneWarp {
    ptx::Forms forms;
    ptx::Program program{};
    sim::Launch launch{};
    ptx::Run run{};
    ptx::Block block{};
    ptx::Warp warp{};
    ptx::Statement statement{};
    ptx::Instruction instruction{};
    std::vector<ptx::Operand> operands;
    std::mt19937_64 random{1};

    explicit OneWarp(void (*add_forms)(ptx::Forms *))
    {
        add_forms(&forms);
        program.name = "one_warp";
        warp.program = &program;
        warp.block = &block;
        warp.exists = ptx::all_lanes;
        warp.registers.resize(num_test_rows * ptx::row_bytes / 8);
        be_at({ptx::all_lanes});
    }

    /* The warp's groups, all at the same instruction. The first one is the current group. */
    void be_at(std::initializer_list<ptx::Lanes> groups)
    {
        warp.groups.clear();
        for (ptx::Lanes lanes : groups)
            warp.groups.push_back({0, lanes, ptx::Wait::nothing, 0});
        warp.current = 0;
    }

    template <typename T = uint32_t> T *values(int number)
    {
        return ptx::row<T>(warp, {number, 0, false, 4});
    }

    /* Fills all registers with random bits. */
    void fill()
    {
        for (uint64_t &word : warp.registers)
            word = random();
    }

    void fill_row(int number, uint32_t value)
    {
        for (unsigned lane = 0; lane < ptx::num_lanes; lane++)
            values(number)[lane] = value;
    }

    /* Chooses an instruction and the registers of its flattened operands. */
    void prepare(const std::string &mnemonic, std::initializer_list<int> numbers)
    {
        const auto form = forms.find(mnemonic);
        if (form == forms.end() || form->second.operands.size() != numbers.size())
            fail_msg("%s has no form with %zu operands", mnemonic.c_str(), numbers.size());
        operands.clear();
        for (int number : numbers)
            operands.push_back({number, 0, false, 4});
        statement.mnemonic = mnemonic;
        instruction.handler = form->second.handler;
        instruction.kind = form->second.kind;
        instruction.operands = operands.data();
        instruction.num_operands = static_cast<uint8_t>(operands.size());
        instruction.statement = &statement;
    }

    /* Executes it for the current group. */
    void execute()
    {
        launch.block = dim3(ptx::num_lanes);
        run.launch = &launch;
        ptx::run = &run;
        instruction.handler(warp, instruction, warp.group().lanes);
    }

    void execute(const std::string &mnemonic, std::initializer_list<int> numbers)
    {
        prepare(mnemonic, numbers);
        execute();
    }

    /* Executes it and returns the defect that it reports. */
    lyrnn_sim_defect defect_of(const std::string &mnemonic, std::initializer_list<int> numbers)
    {
        prepare(mnemonic, numbers);
        found_defect = LYRNN_SIM_NO_DEFECT;
        lyrnn_sim_set_report_hook(note_defect);
        try {
            execute();
        } catch (const ptx::Canceled &) {
        }
        lyrnn_sim_set_report_hook(nullptr);
        lyrnn_sim_reset();
        return found_defect;
    }
};

#endif
