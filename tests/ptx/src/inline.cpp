#include "inline.h"

namespace ptx
{

/* More calls than this mean that a function calls itself. */
constexpr int most_calls = 1000;

static bool is_call(const Statement &statement)
{
    return statement.mnemonic == "call" || statement.mnemonic == "call.uni";
}

static std::vector<std::string> names_in(const std::string &parentheses)
{
    return split(parentheses.substr(1, parentheses.size() - 2), ',');
}

/* The scopes of the callee, with its parameters as other names of the caller's variables. */
static void add_scopes(const Function &callee, const Statement &call, Function *caller)
{
    int first = static_cast<int>(caller->scopes.size());
    for (Braces scope : callee.scopes) {
        scope.parent = scope.parent < 0 ? -1 : scope.parent + first;
        scope.alias_scope = scope.alias_scope < 0 ? -1 : scope.alias_scope + first;
        caller->scopes.push_back(scope);
    }
    Braces &root = caller->scopes[static_cast<size_t>(first)];
    root.alias_scope = call.scope;
    const std::vector<Variable> *formal = &callee.parameters;
    if (call.operands[0][0] == '(')
        formal = &callee.results;
    for (const std::string &operand : call.operands) {
        if (operand[0] != '(') {
            formal = &callee.parameters;
            continue;
        }
        std::vector<std::string> actual = names_in(operand);
        for (size_t i = 0; i < actual.size() && i < formal->size(); i++)
            root.aliases[(*formal)[i].name] = actual[i];
    }
}

static const Function &callee_of(const Module &module, const Statement &call)
{
    for (const std::string &operand : call.operands) {
        auto found = module.functions.find(operand);
        if (operand[0] != '(' && found != module.functions.end())
            return found->second;
    }
    fail_at(module.name, call.line, "the function that is called is not in this module");
}

static Statement jump(const Statement &place, const std::string &guard, const std::string &label)
{
    return {place.line, place.scope, "", guard, "bra", {label}};
}

/* Replaces the call at statements[at]. */
static void put_in(const Module &module, size_t at, int number, Function *caller)
{
    const Statement call = caller->statements[at];
    const Function &callee = callee_of(module, call);
    const std::string prefix = "#" + std::to_string(number) + ":", end = prefix + "end";
    const int first_scope = static_cast<int>(caller->scopes.size());
    std::vector<Statement> body;
    if (!call.guard.empty())
        body.push_back(
            jump(call, call.guard[0] == '!' ? call.guard.substr(1) : "!" + call.guard, end));
    for (Statement statement : callee.statements) {
        statement.scope += first_scope;
        if (!statement.label.empty())
            statement.label = prefix + statement.label;
        if (statement.mnemonic.compare(0, 3, "bra") == 0)
            statement.operands[0] = prefix + statement.operands[0];
        if (statement.mnemonic.compare(0, 3, "ret") == 0)
            statement = jump(statement, statement.guard, end);
        body.push_back(statement);
    }
    body.push_back({call.line, call.scope, end, "", "", {}});
    add_scopes(callee, call, caller);
    auto place = caller->statements.begin() + static_cast<std::ptrdiff_t>(at);
    place = caller->statements.erase(place);
    caller->statements.insert(place, body.begin(), body.end());
}

Function inlined(const Module &module, const std::string &name)
{
    auto found = module.functions.find(name);
    if (found == module.functions.end() || !found->second.is_entry)
        throw Error(module.name + ": has no kernel " + name);
    Function function = found->second;
    int num_calls = 0;
    for (size_t i = 0; i < function.statements.size(); i++) {
        if (!is_call(function.statements[i]))
            continue;
        if (++num_calls > most_calls)
            fail_at(module.name, function.statements[i].line, "a function calls itself");
        put_in(module, i, num_calls, &function);
        i--;
    }
    return function;
}

} // namespace ptx
