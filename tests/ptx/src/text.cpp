#include "text.h"

#include <cctype>
#include <cstdlib>

namespace ptx
{

void fail_at(const std::string &name, int line, const std::string &what)
{
    throw Error(name + ":" + std::to_string(line) + ": " + what);
}

size_t size_of_type(const std::string &type)
{
    static const std::map<std::string, size_t> sizes = {
        {"b8", 1},  {"u8", 1},  {"s8", 1},  {"b16", 2},    {"u16", 2},   {"s16", 2},   {"f16", 2},
        {"b32", 4}, {"u32", 4}, {"s32", 4}, {"f32", 4},    {"f16x2", 4}, {"bf16", 2},  {"b64", 8},
        {"u64", 8}, {"s64", 8}, {"f64", 8}, {"bf16x2", 4}, {"pred", 4},  {"b128", 16}, {"tf32", 4}};
    auto found = sizes.find(type);
    return found != sizes.end() ? found->second : 0;
}

static std::string trimmed(const std::string &text)
{
    size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::vector<std::string> split(const std::string &text, char separator)
{
    std::vector<std::string> parts;
    int depth = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= text.size(); i++) {
        char c = i < text.size() ? text[i] : separator;
        depth += (c == '{' || c == '[' || c == '(') - (c == '}' || c == ']' || c == ')');
        if (c == separator && (depth == 0 || i == text.size())) {
            parts.push_back(trimmed(text.substr(begin, i - begin)));
            begin = i + 1;
        }
    }
    return parts.size() == 1 && parts[0].empty() ? std::vector<std::string>{} : parts;
}

namespace
{

/* Reads the module from its first character to its last. */
class Reader
{
  public:
    Reader(const std::string &name, const std::string &text)
        : source(without_comments(text)), position(0), line(1)
    {
        module.name = name;
        module.target = 0;
    }

    Module read()
    {
        while (skip_spaces(), position < source.size())
            read_directive();
        if (module.target == 0)
            fail("no .target: this is no PTX module");
        return std::move(module);
    }

  private:
    std::string source;
    size_t position;
    int line;
    Module module;

    [[noreturn]] void fail(const std::string &what) const
    {
        fail_at(module.name, line, what);
    }

    /* Returns where the comment ends. */
    static size_t blank_comment(std::string *text, size_t begin)
    {
        bool is_line = (*text)[begin + 1] == '/';
        size_t end = is_line ? text->find('\n', begin) : text->find("*/", begin + 2);
        end = end == std::string::npos ? text->size() : end + (is_line ? 0 : 2);
        for (size_t i = begin; i < end; i++)
            if ((*text)[i] != '\n')
                (*text)[i] = ' ';
        return end;
    }

    /* Replaces comments by spaces, so that lines keep their numbers. */
    static std::string without_comments(std::string text)
    {
        for (size_t i = 0; i + 1 < text.size(); i++) {
            if (text[i] == '"') {
                i = text.find('"', i + 1);
                if (i == std::string::npos)
                    break;
            } else if (text[i] == '/' && (text[i + 1] == '/' || text[i + 1] == '*')) {
                i = blank_comment(&text, i) - 1;
            }
        }
        return text;
    }

    void skip_spaces()
    {
        for (; position < source.size() && isspace(static_cast<unsigned char>(source[position]));
             position++)
            line += source[position] == '\n';
    }

    char next()
    {
        skip_spaces();
        return position < source.size() ? source[position] : '\0';
    }

    /* Reads up to one of the characters, outside of quotes and brackets, which it consumes. */
    std::string read_until(const char *ends)
    {
        size_t begin = position;
        int depth = 0;
        const std::string stops = ends;
        for (; position < source.size(); position++) {
            char c = source[position];
            line += c == '\n';
            if (depth == 0 && stops.find(c) != std::string::npos)
                return trimmed(source.substr(begin, position++ - begin));
            depth += (c == '{' || c == '(' || c == '[') - (c == '}' || c == ')' || c == ']');
        }
        fail("the module ends in the middle of a statement");
    }

    std::string read_word()
    {
        skip_spaces();
        size_t begin = position;
        while (position < source.size() &&
               (isalnum(static_cast<unsigned char>(source[position])) ||
                std::string("._$%:").find(source[position]) != std::string::npos))
            position++;
        return source.substr(begin, position - begin);
    }

    void skip_line()
    {
        while (position < source.size() && source[position] != '\n')
            position++;
    }

    void read_directive()
    {
        size_t begin = position;
        int first_line = line;
        std::string word = read_word();
        if (word == ".version" || word == ".address_size" || word == ".file" || word == ".loc") {
            skip_line();
        } else if (word == ".target") {
            read_target();
        } else if (word == ".section") {
            read_until("{");
            while (next() != '}')
                position++;
            position++;
        } else if (word == ".visible" || word == ".weak" || word == ".extern" ||
                   word == ".common") {
            read_declared(word == ".extern");
        } else if (word == ".entry" || word == ".func") {
            read_function(word == ".entry");
        } else {
            position = begin;
            line = first_line;
            add_variables(read_until(";"), false, &module.variables);
        }
    }

    void read_declared(bool is_external)
    {
        size_t begin = position;
        std::string word = read_word();
        if (word == ".entry" || word == ".func") {
            read_function(word == ".entry");
            return;
        }
        position = begin;
        add_variables(read_until(";"), is_external, &module.variables);
    }

    void read_target()
    {
        std::string name = read_word();
        if (name.compare(0, 3, "sm_") != 0)
            fail(".target " + name + ": not a GPU that this executor knows");
        module.target = atoi(name.c_str() + 3);
        skip_line();
    }

    /* One declaration with all of its names: `.reg .b32 %r<70>`, `.reg .pred p, q`. */
    void add_variables(const std::string &text, bool is_external,
                       std::map<std::string, Variable> *variables)
    {
        Variable variable = {"", "", "", 0, 1, false, is_external, {}};
        size_t at = 0;
        while (at < text.size() && text[at] == '.') {
            size_t end = text.find_first_of(" \t\n", at);
            std::string word = text.substr(at + 1, end - at - 1);
            at = text.find_first_not_of(" \t\n", end);
            if (word == "align") {
                variable.align = strtoul(text.c_str() + at, nullptr, 10);
                at = text.find_first_not_of(" \t\n", text.find_first_of(" \t\n", at));
            } else if (size_of_type(word) != 0) {
                variable.type = word;
            } else if (word != "v2" && word != "v4" && word != "ptr" && word != "visible") {
                variable.space = word;
            }
        }
        if (variable.type.empty() || at == std::string::npos)
            fail("`" + text + "` is no declaration that this executor knows");
        for (const std::string &name : split(text.substr(at), ','))
            add_variable(name, variable, variables);
    }

    void add_variable(const std::string &text, Variable variable,
                      std::map<std::string, Variable> *variables)
    {
        size_t equals = text.find('=');
        std::string name = trimmed(text.substr(0, equals));
        if (equals != std::string::npos) {
            std::string values = trimmed(text.substr(equals + 1));
            if (values[0] == '{')
                values = values.substr(1, values.size() - 2);
            variable.values = split(values, ',');
        }
        size_t bracket = name.find_first_of("[<");
        variable.name = trimmed(name.substr(0, bracket));
        if (bracket != std::string::npos) {
            variable.is_range = name[bracket] == '<';
            variable.count = strtoul(name.c_str() + bracket + 1, nullptr, 10);
        }
        if (variable.align == 0)
            variable.align = size_of_type(variable.type);
        (*variables)[variable.name] = variable;
    }

    std::vector<Variable> read_parameters()
    {
        std::vector<Variable> parameters;
        if (next() != '(')
            return parameters;
        position++;
        for (const std::string &text : split(read_until(")"), ',')) {
            std::map<std::string, Variable> one;
            add_variables(text, false, &one);
            parameters.push_back(one.begin()->second);
        }
        return parameters;
    }

    void read_function(bool is_entry)
    {
        Function function = {};
        function.is_entry = is_entry;
        function.results = read_parameters();
        function.name = read_word();
        function.parameters = read_parameters();
        while (next() == '.') {
            std::string word = read_word();
            if (word == ".maxntid") {
                function.max_threads = 1;
                for (const std::string &number : split(peek_line(), ','))
                    function.max_threads *= static_cast<unsigned>(atoi(number.c_str()));
            }
            skip_line();
        }
        if (next() == ';') {
            position++;
            return; /* a declaration; the definition follows */
        }
        if (next() != '{')
            fail("the body of " + function.name + " is missing");
        position++;
        read_body(&function);
        module.functions[function.name] = std::move(function);
    }

    std::string peek_line() const
    {
        return source.substr(position, source.find('\n', position) - position);
    }

    void read_body(Function *function)
    {
        function->scopes.push_back({-1, {}, {}, -1});
        int scope = 0;
        while (scope >= 0) {
            char c = next();
            if (c == '\0')
                fail(function->name + ": its end is missing");
            if (c == '{') {
                position++;
                function->scopes.push_back({scope, {}, {}, -1});
                scope = static_cast<int>(function->scopes.size()) - 1;
            } else if (c == '}') {
                position++;
                scope = function->scopes[static_cast<size_t>(scope)].parent;
            } else if (c == ';') {
                position++;
            } else if (c == '.') {
                read_local_directive(&function->scopes[static_cast<size_t>(scope)]);
            } else {
                read_statement(function, scope);
            }
        }
    }

    void read_local_directive(Braces *scope)
    {
        size_t begin = position;
        std::string word = read_word();
        if (word == ".loc" || word == ".file") {
            skip_line();
        } else if (word == ".pragma") {
            read_until(";");
        } else {
            position = begin;
            add_variables(read_until(";"), false, &scope->variables);
        }
    }

    void read_statement(Function *function, int scope)
    {
        Statement statement = {line, scope, "", "", "", {}};
        size_t begin = position;
        std::string word = read_word();
        if (word.size() > 1 && word.back() == ':') {
            statement.label = word.substr(0, word.size() - 1);
            function->statements.push_back(statement);
            return;
        }
        position = begin;
        std::string text = read_until(";");
        if (text[0] == '@') {
            size_t end = text.find_first_of(" \t\n");
            statement.guard = text.substr(1, end - 1);
            text = trimmed(text.substr(end));
        }
        size_t end = text.find_first_of(" \t\n");
        statement.mnemonic = text.substr(0, end);
        if (end != std::string::npos)
            statement.operands = split(text.substr(end), ',');
        function->statements.push_back(statement);
    }
};

} // namespace

Module read_module(const std::string &name, const std::string &text)
{
    return Reader(name, text).read();
}

} // namespace ptx
