#include "storage.h"

#include <cstdlib>
#include <cstring>

#include "memory.h" /* of the simulator */

namespace ptx
{

static std::map<std::pair<std::string, std::string>, uint64_t> variables;

static uint64_t value_of(const std::string &text)
{
    bool is_bits = text.size() > 2 && text[0] == '0' && strchr("fFdD", text[1]) != nullptr;
    return is_bits ? strtoull(text.c_str() + 2, nullptr, 16)
                   : static_cast<uint64_t>(strtoll(text.c_str(), nullptr, 0));
}

uint64_t address_of_variable(const std::string &module_name, const Variable &variable)
{
    auto inserted = variables.insert({{module_name, variable.name}, 0});
    if (!inserted.second)
        return inserted.first->second;
    const size_t size = size_of_type(variable.type), bytes = variable.count * size;
    sim::Region *region = sim::region_create(bytes, sim::Space::device);
    char *memory = reinterpret_cast<char *>(region->begin);
    memset(memory, 0, bytes); /* values that are not given */
    for (size_t i = 0; i < variable.values.size(); i++) {
        uint64_t value = value_of(variable.values[i]);
        memcpy(memory + i * size, &value, size);
    }
    sim::mark_initialized(memory, bytes);
    inserted.first->second = region->begin;
    return region->begin;
}

} // namespace ptx
