/* Turns the statements of a kernel into instructions: finds the form of each mnemonic, and a row
 * for each operand. */
#include <cstdlib>
#include <cstring>

#include "inline.h"
#include "program.h"
#include "storage.h"

namespace ptx
{

const Forms &all_forms()
{
    static const Forms forms = [] {
        Forms all;
        add_integer_forms(&all);
        add_float_forms(&all);
        add_conversion_forms(&all);
        add_comparison_forms(&all);
        add_move_forms(&all);
        add_warp_forms(&all);
        add_matrix_forms(&all);
        add_barrier_forms(&all);
        add_address_forms(&all);
        add_mbarrier_forms(&all);
        add_copy_forms(&all);
        return all;
    }();
    return forms;
}

const Form *find_form(const std::string &mnemonic)
{
    static std::map<std::string, Form> read;
    auto listed = all_forms().find(mnemonic);
    if (listed != all_forms().end())
        return &listed->second;
    auto known = read.find(mnemonic);
    if (known != read.end())
        return &known->second;
    Form form = {};
    if (!memory_form(mnemonic, &form) && !atomic_form(mnemonic, &form))
        return nullptr;
    return &(read[mnemonic] = form);
}

static const std::map<std::string, Special> special_names = {
    {"%tid.x", SPECIAL_TID_X},
    {"%tid.y", SPECIAL_TID_Y},
    {"%tid.z", SPECIAL_TID_Z},
    {"%ntid.x", SPECIAL_NTID_X},
    {"%ntid.y", SPECIAL_NTID_Y},
    {"%ntid.z", SPECIAL_NTID_Z},
    {"%ctaid.x", SPECIAL_CTAID_X},
    {"%ctaid.y", SPECIAL_CTAID_Y},
    {"%ctaid.z", SPECIAL_CTAID_Z},
    {"%nctaid.x", SPECIAL_NCTAID_X},
    {"%nctaid.y", SPECIAL_NCTAID_Y},
    {"%nctaid.z", SPECIAL_NCTAID_Z},
    {"%laneid", SPECIAL_LANEID},
    {"%warpid", SPECIAL_WARPID},
    {"%nwarpid", SPECIAL_NWARPID},
    {"%smid", SPECIAL_SMID},
    {"%nsmid", SPECIAL_NSMID},
    {"%lanemask_eq", SPECIAL_LANEMASK_EQ},
    {"%lanemask_le", SPECIAL_LANEMASK_LE},
    {"%lanemask_lt", SPECIAL_LANEMASK_LT},
    {"%lanemask_ge", SPECIAL_LANEMASK_GE},
    {"%lanemask_gt", SPECIAL_LANEMASK_GT},
    {"%clusterid.x", SPECIAL_CLUSTERID_X},
    {"%clusterid.y", SPECIAL_CLUSTERID_Y},
    {"%clusterid.z", SPECIAL_CLUSTERID_Z},
    {"%nclusterid.x", SPECIAL_NCLUSTERID_X},
    {"%nclusterid.y", SPECIAL_NCLUSTERID_Y},
    {"%nclusterid.z", SPECIAL_NCLUSTERID_Z},
    {"%cluster_ctaid.x", SPECIAL_CLUSTER_CTAID_X},
    {"%cluster_ctaid.y", SPECIAL_CLUSTER_CTAID_Y},
    {"%cluster_ctaid.z", SPECIAL_CLUSTER_CTAID_Z},
    {"%cluster_nctaid.x", SPECIAL_CLUSTER_NCTAID_X},
    {"%cluster_nctaid.y", SPECIAL_CLUSTER_NCTAID_Y},
    {"%cluster_nctaid.z", SPECIAL_CLUSTER_NCTAID_Z},
    {"%cluster_ctarank", SPECIAL_CLUSTER_CTARANK},
    {"%cluster_nctarank", SPECIAL_CLUSTER_NCTARANK},
    {"%dynamic_smem_size", SPECIAL_DYNAMIC_SMEM_SIZE},
    {"%envreg1", SPECIAL_ENVREG1},
    {"%envreg2", SPECIAL_ENVREG2}};

namespace
{

class Decoder
{
  public:
    Decoder(const Module &the_module, const std::string &name)
        : module(the_module), program(new Program{})
    {
        program->name = name;
        program->module_name = the_module.name;
        program->function = inlined(the_module, name);
        program->max_threads = program->function.max_threads;
        program->num_rows = NUM_SPECIALS;
        sink = new_rows(2);
        shared_end = shared_window_begin;
        place_parameters();
    }

    std::unique_ptr<Program> decode()
    {
        find_labels();
        for (const Statement &statement : program->function.statements)
            if (statement.label.empty())
                add_instruction(statement);
        /* A kernel may end without `ret`. */
        Instruction end = {};
        end.kind = Kind::exit;
        end.statement = &program->function.statements.back();
        program->instructions.push_back(end);
        size_t used = 0;
        for (Instruction &instruction : program->instructions) {
            instruction.operands = program->operands.data() + used;
            used += instruction.num_operands;
        }
        return std::move(program);
    }

  private:
    const Module &module;
    std::unique_ptr<Program> program;
    std::map<std::string, uint32_t> labels;
    std::map<std::pair<int, std::string>, int32_t> register_rows;
    std::map<std::pair<char, uint64_t>, int32_t> constant_rows;
    std::map<std::string, uint64_t> addresses; /* of variables outside functions */
    std::map<std::pair<int, std::string>, uint64_t> local_addresses;
    int32_t sink;
    uint32_t shared_end;
    const Statement *current = nullptr;

    [[noreturn]] void fail(const std::string &what) const
    {
        fail_at(module.name, current != nullptr ? current->line : 0, what);
    }

    int32_t new_rows(uint32_t num)
    {
        program->num_rows += num;
        return static_cast<int32_t>(program->num_rows - num);
    }

    void place_parameters()
    {
        size_t end = 0;
        for (const Variable &parameter : program->function.parameters) {
            end = (end + parameter.align - 1) / parameter.align * parameter.align;
            local_addresses[{0, parameter.name}] = end;
            end += parameter.count * size_of_type(parameter.type);
        }
        program->parameter_bytes = static_cast<uint32_t>(end);
        program->parameters.resize((end + 7) / 8);
        for (const Variable &parameter : program->function.parameters)
            local_addresses[{0, parameter.name}] +=
                reinterpret_cast<uintptr_t>(program->parameters.data());
    }

    void find_labels()
    {
        uint32_t next = 0;
        for (const Statement &statement : program->function.statements) {
            if (statement.label.empty())
                next++;
            else
                labels[statement.label] = next;
        }
    }

    /* Finds the declaration of a name, and moves scope to its place. NULL: there is none in the
     * function. */
    const Variable *find(std::string *name, int *scope) const
    {
        while (*scope >= 0) {
            const Braces &at = program->function.scopes[static_cast<size_t>(*scope)];
            auto alias = at.aliases.find(*name);
            if (alias != at.aliases.end()) {
                *name = alias->second;
                *scope = at.alias_scope;
                continue;
            }
            auto found = at.variables.find(*name);
            if (found == at.variables.end()) {
                size_t digits = name->find_last_not_of("0123456789") + 1;
                found = at.variables.find(name->substr(0, digits));
                if (found != at.variables.end() &&
                    (!found->second.is_range || digits == name->size() ||
                     strtoul(name->c_str() + digits, nullptr, 10) >= found->second.count))
                    found = at.variables.end();
            }
            if (found != at.variables.end())
                return &found->second;
            *scope = at.parent;
        }
        return nullptr;
    }

    /* Inline PTX may name its registers without a `%`. */
    bool is_register(const std::string &text)
    {
        std::string name = text;
        int scope = current->scope;
        if (text[0] == '%')
            return true;
        const Variable *variable = find(&name, &scope);
        return variable != nullptr && variable->space == "reg";
    }

    int32_t row_of_register(const std::string &text, uint8_t *num_bytes)
    {
        auto special = special_names.find(text);
        *num_bytes = 4;
        if (special != special_names.end())
            return static_cast<int32_t>(special->second);
        std::string name = text;
        int scope = current->scope;
        const Variable *variable = find(&name, &scope);
        if (variable == nullptr || variable->space != "reg")
            fail("`" + text + "` is no register");
        size_t bytes = size_of_type(variable->type);
        *num_bytes = static_cast<uint8_t>(bytes);
        if (bytes > 8)
            fail("`" + text + "` has 128 bits, which this executor does not know");
        auto inserted = register_rows.insert({{scope, name}, 0});
        if (inserted.second)
            inserted.first->second = new_rows(bytes == 8 ? 2 : 1);
        return inserted.first->second;
    }

    /* A row of equal values, of the width of the letter. */
    int32_t row_of_constant(char letter, uint64_t value)
    {
        auto inserted = constant_rows.insert({{letter, value}, 0});
        if (!inserted.second)
            return inserted.first->second;
        std::vector<uint64_t> &constants = program->constants;
        size_t begin = constants.size(), rows = letter == 'd' || letter == 'a' ? 2 : 1;
        constants.resize(begin + rows * row_bytes / 8);
        for (unsigned lane = 0; lane < num_lanes; lane++) {
            char *at = reinterpret_cast<char *>(constants.data() + begin);
            if (letter == 'h')
                memcpy(at + 2 * lane, &value, 2);
            else if (rows == 1)
                memcpy(at + 4 * lane, &value, 4);
            else
                memcpy(at + 8 * lane, &value, 8);
        }
        inserted.first->second = ~static_cast<int32_t>(begin * 8 / row_bytes);
        return inserted.first->second;
    }

    uint64_t immediate(const std::string &text, char letter) const
    {
        char *end;
        uint64_t value;
        if (text == "WARP_SZ")
            return num_lanes;
        bool is_float = text.size() > 2 && text[0] == '0' && strchr("fFdD", text[1]) != nullptr;
        if (is_float) {
            bool is_double = text[1] == 'd' || text[1] == 'D';
            if (is_double != (letter == 'd'))
                fail("`" + text + "` has another width than the instruction");
            value = strtoull(text.c_str() + 2, &end, 16);
        } else {
            bool is_negative = text[0] == '-';
            value = strtoull(text.c_str() + is_negative, &end, 0);
            value = is_negative ? 0 - value : value;
            end += *end == 'U';
        }
        if (*end != '\0')
            fail("`" + text + "` is neither a number nor a name that is known");
        return value;
    }

    /* The address of a variable; of a shared one in the block's window, of a local one in the
     * thread's memory. */
    uint64_t address_of(const std::string &text)
    {
        std::string name = text;
        int scope = current->scope;
        const Variable *variable = find(&name, &scope);
        if (variable == nullptr) {
            auto parameter = local_addresses.find({0, name});
            if (parameter != local_addresses.end())
                return parameter->second;
            auto outside = module.variables.find(name);
            if (outside == module.variables.end())
                fail("`" + text + "` is not declared");
            variable = &outside->second;
            scope = -1;
        }
        auto inserted = local_addresses.insert({{scope, name}, 0});
        if (inserted.second)
            inserted.first->second = place(*variable);
        return inserted.first->second;
    }

    uint64_t place(const Variable &variable)
    {
        const uint32_t bytes = static_cast<uint32_t>(variable.count * size_of_type(variable.type));
        const uint32_t align = static_cast<uint32_t>(variable.align);
        if (variable.space == "shared") {
            /* A gap shows what runs over the end of an array. */
            constexpr uint32_t gap = 128;
            const uint32_t unit = align > gap ? align : gap;
            const uint32_t offset = (shared_end + unit - 1) / unit * unit;
            program->shared.push_back(
                {variable.name, offset, variable.is_external ? 0 : bytes, variable.is_external});
            shared_end = offset + bytes + gap;
            return offset;
        }
        if (variable.space == "local" || variable.space == "param") {
            program->local_bytes = (program->local_bytes + align - 1) / align * align + bytes;
            return program->local_bytes - bytes;
        }
        if (variable.space != "global" && variable.space != "const")
            fail("`" + variable.name + "`: variables in ." + variable.space + " are not known");
        return address_of_variable(module.name, variable);
    }

    Operand address(const std::string &text)
    {
        if (text.size() < 3 || text.front() != '[')
            fail("`" + text + "` is no address");
        std::string base = text.substr(1, text.size() - 2);
        long offset = 0;
        size_t plus = base.find('+');
        if (plus != std::string::npos) {
            offset = strtol(base.c_str() + plus + 1, nullptr, 0);
            base = base.substr(0, plus);
            base = base.substr(0, base.find_last_not_of(" \t") + 1);
        }
        Operand operand = {0, static_cast<int32_t>(offset), false, 8};
        if (is_register(base))
            operand.row = row_of_register(base, &operand.bytes);
        else if (isdigit(static_cast<unsigned char>(base[0])))
            operand.row = row_of_constant('a', immediate(base, 'd'));
        else
            operand.row = row_of_constant('a', address_of(base));
        return operand;
    }

    Operand operand(const std::string &text, char letter)
    {
        const uint8_t bytes = letter == 'd' ? 8 : letter == 'h' ? 2 : 4;
        Operand operand = {sink, 0, false, bytes};
        if (letter == 'a')
            return address(text);
        if (text == "_")
            return operand;
        std::string name = text;
        if (name[0] == '!') {
            operand.is_negated = true;
            name = name.substr(1);
        }
        if (is_register(name))
            operand.row = row_of_register(name, &operand.bytes);
        else if (isdigit(static_cast<unsigned char>(name[0])) || name[0] == '-' ||
                 name == "WARP_SZ")
            operand.row = letter == 'p' || letter == 'P'
                              ? row_of_constant('w', immediate(name, 'w') != 0 ? all_lanes : 0)
                              : row_of_constant(letter, immediate(name, letter));
        else
            operand.row = row_of_constant(letter, address_of(name));
        return operand;
    }

    /* Splits vectors and `d|p`. */
    std::vector<std::string> flattened() const
    {
        std::vector<std::string> flat;
        for (const std::string &text : current->operands) {
            std::vector<std::string> parts = {text};
            if (is_time(text))
                continue;
            if (text[0] == '{')
                parts = split(text.substr(1, text.size() - 2), ',');
            else if (text.find('|') != std::string::npos)
                parts = split(text, '|');
            flat.insert(flat.end(), parts.begin(), parts.end());
        }
        return flat;
    }

    static bool is_time(const std::string &text)
    {
        return text.compare(0, 6, "%clock") == 0 || text.compare(0, 12, "%globaltimer") == 0;
    }

    /* mov has other forms with vectors, and for the time. */
    std::string full_mnemonic() const
    {
        const std::vector<std::string> &operands = current->operands;
        std::string mnemonic = current->mnemonic;
        if (mnemonic.compare(0, 15, "mbarrier.arrive") == 0 &&
            mnemonic.find(".expect_tx") == std::string::npos)
            return mnemonic + "#" + std::to_string(operands.size());
        if (mnemonic.compare(0, 4, "mov.") != 0 || operands.size() != 2)
            return mnemonic;
        if (is_time(operands[1]))
            return mnemonic + ".time";
        for (size_t i = 0; i < 2; i++)
            if (operands[i][0] == '{') {
                mnemonic += i == 0 ? ".unpack" : ".pack";
                mnemonic += flattened().size() == 5 ? "4" : "";
            }
        return mnemonic;
    }

    void add_operands(const Form &form, Instruction *instruction)
    {
        const std::vector<std::string> texts = flattened();
        size_t next = 0;
        const size_t num_missing = form.operands.size() - texts.size();
        if (texts.size() > form.operands.size())
            fail("`" + current->mnemonic + "` has more operands than this executor knows");
        for (size_t i = 0; i < form.operands.size(); i++) {
            char letter = form.operands[i];
            bool is_missing = (letter == 'P' || letter == 'W') && num_missing > 0;
            if (!is_missing && next == texts.size())
                fail("`" + current->mnemonic + "` has too few operands");
            program->operands.push_back(is_missing ? Operand{sink, 0, false, 0}
                                                   : operand(texts[next++], letter));
        }
        instruction->num_operands = static_cast<uint8_t>(form.operands.size());
    }

    bool add_control(Instruction *instruction)
    {
        const std::string &mnemonic = current->mnemonic;
        if (mnemonic == "bra" || mnemonic == "bra.uni") {
            auto found = labels.find(current->operands.at(0));
            if (found == labels.end())
                fail("`" + current->operands[0] + "` is no label");
            instruction->kind = Kind::branch;
            instruction->target = found->second;
            return true;
        }
        if (mnemonic == "ret" || mnemonic == "ret.uni" || mnemonic == "exit") {
            instruction->kind = Kind::exit;
            return true;
        }
        return false;
    }

    void add_instruction(const Statement &statement)
    {
        current = &statement;
        Instruction instruction = {};
        instruction.statement = &statement;
        if (!statement.guard.empty()) {
            instruction.has_guard = true;
            instruction.guard = operand(statement.guard, 'p');
        }
        if (!add_control(&instruction)) {
            const Form *form = find_form(full_mnemonic());
            if (form == nullptr)
                fail("`" + full_mnemonic() +
                     "` is an instruction that this executor does not know");
            instruction.handler = form->handler;
            instruction.kind = form->kind;
            instruction.access = form->access;
            instruction.variant = form->variant;
            add_operands(*form, &instruction);
        }
        program->instructions.push_back(instruction);
    }
};

} // namespace

std::unique_ptr<Program> decode(const Module &module, const std::string &name)
{
    return Decoder(module, name).decode();
}

} // namespace ptx
