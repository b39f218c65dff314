/* Decodes every kernel of every module that ships, so that no instruction in them is unknown, and
 * prints which instructions they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

#include <set>

#include "modules.h"

using Instructions = std::map<int, std::map<std::string, int>>;

/* Adds the mnemonics of a kernel to those of its target. */
static void count(const ptx::Module &module, const std::string &name, Instructions *instructions)
{
    std::unique_ptr<ptx::Program> program = ptx::decode(module, name);
    assert_true(program->instructions.size() > 1);
    for (const ptx::Instruction &instruction : program->instructions)
        (*instructions)[module.target][instruction.statement->mnemonic]++;
}

static Instructions count_all()
{
    Instructions instructions;
    for (const ptx::Module *module : ptx::all_modules())
        for (const auto &function : module->functions)
            if (function.second.is_entry)
                count(*module, function.first, &instructions);
    return instructions;
}

static void every_instruction_that_ships_is_known(void **)
{
    const Instructions instructions = count_all();
    std::set<int> targets;
    std::set<std::string> names;
    for (const auto &of_target : instructions) {
        targets.insert(of_target.first);
        for (const auto &one : of_target.second)
            names.insert(one.first);
    }
    for (const std::string &name : names) {
        print_message("%-32s", name.c_str());
        for (int target : targets) {
            auto found = instructions.at(target).find(name);
            print_message(" %7d", found != instructions.at(target).end() ? found->second : 0);
        }
        print_message("\n");
    }
    for (int target : {75, 80, 90, 100})
        if (targets.count(target) == 0)
            fail_msg("there is no PTX for compute capability %d", target);
}

/* Decodes a kernel with one instruction, which must be refused. */
static void assert_refused(const std::string &instruction, const std::string &error_text)
{
    const ptx::Module module = ptx::read_module(
        "odd.ptx", ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry odd()\n{\n"
                   "\t.reg .b32 %r<3>;\n\t" +
                       instruction + ";\n\tret;\n}\n");
    try {
        ptx::decode(module, "odd");
        fail_msg("%s was decoded", instruction.c_str());
    } catch (const ptx::Error &error) {
        assert_string_equal(error.what(), ("odd.ptx:7: " + error_text).c_str());
    }
}

static void what_is_unknown_is_named(void **)
{
    assert_refused("add.odd.s32 %r1, %r2, 1",
                   "`add.odd.s32` is an instruction that this executor does not know");
    assert_refused("mov.u32 %r1, %gridid", "`%gridid` is no register");
    assert_refused("mov.u32 %r1, %r3", "`%r3` is no register");
    assert_refused("add.s32 %r1, %r2", "`add.s32` has too few operands");
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_that_ships_is_known),
        cmocka_unit_test(what_is_unknown_is_named),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
