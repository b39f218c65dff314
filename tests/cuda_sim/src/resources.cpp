#include "resources.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <unordered_map>

extern "C" char __executable_start;

namespace sim
{

static std::unordered_map<std::string, Resources> known;

/* binutils' nm lists the symbols. Programs are position independent by default, and nm prints
 * offsets. */
static std::map<uintptr_t, std::string> list_symbols()
{
    const uintptr_t start = reinterpret_cast<uintptr_t>(&__executable_start);
    const uintptr_t base = start >= 0x10000000 ? start : 0;
    std::map<uintptr_t, std::string> symbols;
    char command[64], line[4096];
    snprintf(command, sizeof command, "nm /proc/%d/exe 2>/dev/null", static_cast<int>(getpid()));
    FILE *answer = popen(command, "r");
    while (answer != nullptr && fgets(line, sizeof line, answer) != nullptr) {
        std::istringstream words(line);
        uintptr_t offset = 0;
        std::string type, name;
        if (words >> std::hex >> offset >> type >> name &&
            (type == "T" || type == "t" || type == "W"))
            symbols.emplace(base + offset, name);
    }
    if (answer != nullptr)
        pclose(answer);
    return symbols;
}

const char *symbol_of(const void *function)
{
    static const std::map<uintptr_t, std::string> symbols = list_symbols();
    auto found = symbols.find(reinterpret_cast<uintptr_t>(function));
    return found != symbols.end() ? found->second.c_str() : "";
}

Resources resources_of(const void *kernel)
{
    if (known.empty())
        return {};
    auto found = known.find(symbol_of(kernel));
    return found != known.end() ? found->second : Resources{};
}

/* A line has the PTX, the machine code, "built" or "checked", the kernel's mangled name, its
 * registers and its static shared memory. What a device runs is what was built for it. */
void read_resources(int capability)
{
    known.clear();
    const char *path = getenv("LYRNN_SIM_RESOURCES");
    if (path == nullptr || *path == '\0')
        return;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string ptx, use, kernel;
        int machine = 0;
        Resources resources{};
        if (words >> ptx >> machine >> use >> kernel >> resources.registers >>
                resources.shared_bytes &&
            machine == capability && use == "built")
            known[kernel] = resources;
    }
    if (known.empty()) {
        fprintf(stderr,
                "lyrnn_sim: LYRNN_SIM_RESOURCES=%s: has no kernel for compute capability %d.%d; "
                "run scripts/kernel_report.sh, which writes build/kernels/resources\n",
                path, capability / 10, capability % 10);
        abort();
    }
}

} // namespace sim
