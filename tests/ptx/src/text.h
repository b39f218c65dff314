/* A PTX module as text: its variables and functions, each a list of statements.
 *
 * Nothing here knows what an instruction means; decode.cpp does. The grammar is that of the PTX ISA
 * manual, as far as nvcc and the inline PTX of cuda/ use it. */
#ifndef LYRNN_PTX_TEXT_H
#define LYRNN_PTX_TEXT_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace ptx
{

/* What is wrong with a module, with its name and line. */
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
[[noreturn]] void fail_at(const std::string &name, int line, const std::string &what);

/* A declaration: `.shared .align 16 .b8 tile[64];`. */
struct Variable {
    std::string space; /* reg, shared, global, const, local or param */
    std::string type;  /* b8, f32, pred, ... */
    std::string name;
    size_t align, count; /* elements; of registers: how many, NAME0 to NAME<count - 1> */
    bool is_range;       /* of registers: declared as NAME<count> */
    bool is_external;    /* `.extern .shared`: the dynamic array */
    std::vector<std::string> values;
};

/* A block in braces. Names are found in it and in the blocks around it. */
struct Braces {
    int parent; /* -1: none */
    std::map<std::string, Variable> variables;
    std::map<std::string, std::string> aliases; /* of a function that was put in: its parameters */
    int alias_scope;                            /* where the names behind the aliases are found */
};

struct Statement {
    int line, scope;
    std::string label;    /* `NAME:`, or empty */
    std::string guard;    /* "%p1", "!%p1" or empty */
    std::string mnemonic; /* "fma.rn.f32" */
    std::vector<std::string> operands;
};

struct Function {
    std::string name;
    bool is_entry;
    std::vector<Variable> results, parameters;
    std::vector<Braces> scopes;
    std::vector<Statement> statements;
    unsigned max_threads; /* .maxntid; 0: not given */
};

struct Module {
    std::string name; /* of the file, for errors */
    int target;       /* 90 */
    std::map<std::string, Variable> variables;
    std::map<std::string, Function> functions;
};

/* Returns the module. Throws Error. */
Module read_module(const std::string &name, const std::string &text);

/* Returns how many bytes an element of this type has, such as 4 for f32; 0: no such type. */
size_t size_of_type(const std::string &type);

/* Returns the parts of a text between separators that are in no brackets, without spaces. */
std::vector<std::string> split(const std::string &text, char separator);

} // namespace ptx

#endif
