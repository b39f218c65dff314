#include "modules.h"

#include <dirent.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "resources.h" /* of the simulator */

namespace ptx
{

/* A module. target: the smallest compute capability that can run it. */
struct File {
    std::string name, text;
    int target;
};

[[noreturn]] static void give_up(const std::string &what)
{
    fprintf(stderr, "lyrnn_sim: %s\n", what.c_str());
    abort();
}

/* Returns 90 for a module with `.target sm_90`, and 0 for what is no PTX. */
static int target_of(const std::string &text)
{
    const std::string word = "\n.target sm_";
    const size_t at = text.find(word);
    return at != std::string::npos ? atoi(text.c_str() + at + word.size()) : 0;
}

static std::vector<File> read_files()
{
    const char *folder = getenv("LYRNN_SIM_PTX");
    if (folder == nullptr)
        give_up("LYRNN_SIM_PTX: not set; name the folder with the PTX of the build");
    DIR *directory = opendir(folder);
    if (directory == nullptr)
        give_up(std::string("LYRNN_SIM_PTX: ") + folder +
                ": cannot be opened; build the target lyrnn_cuda");
    std::vector<File> files;
    while (const dirent *entry = readdir(directory)) {
        const std::string name = entry->d_name;
        if (name.size() < 4 || name.compare(name.size() - 4, 4, ".ptx") != 0)
            continue;
        std::ifstream file(std::string(folder) + "/" + name);
        std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const int target = target_of(text);
        files.push_back({name, std::move(text), target});
    }
    closedir(directory);
    return files;
}

static const Module &module_of(const File &file)
{
    static std::map<std::string, Module> modules;
    auto found = modules.find(file.name);
    if (found == modules.end())
        found = modules.emplace(file.name, read_module(file.name, file.text)).first;
    return found->second;
}

/* The newest PTX that the device can take. */
static const File *file_with(const std::vector<File> &files, const std::string &name,
                             int capability)
{
    const File *best = nullptr;
    for (const File &file : files)
        if (file.target <= capability && (best == nullptr || file.target > best->target) &&
            file.text.find(".entry " + name + "(") != std::string::npos)
            best = &file;
    return best;
}

static const std::vector<File> &all_files()
{
    static const std::vector<File> files = read_files();
    return files;
}

std::vector<const Module *> all_modules()
{
    std::vector<const Module *> modules;
    for (const File &file : all_files())
        modules.push_back(&module_of(file));
    return modules;
}

Program &program_of(const void *kernel, int capability)
{
    static std::map<std::pair<const void *, int>, std::unique_ptr<Program>> programs;
    std::unique_ptr<Program> &program = programs[{kernel, capability}];
    if (program != nullptr)
        return *program;
    const std::string name = sim::symbol_of(kernel);
    const File *file = file_with(all_files(), name, capability);
    if (file == nullptr)
        give_up("no PTX for compute capability " + std::to_string(capability) + " has the kernel " +
                (name.empty() ? "that is launched" : name));
    try {
        program = decode(module_of(*file), name);
    } catch (const Error &error) {
        give_up(error.what());
    }
    return *program;
}

} // namespace ptx
