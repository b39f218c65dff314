/* Defects: their names, the text with the location, and what happens next. binutils' addr2line
 * translates code addresses into files and lines. It runs only after a defect was found. */
#include "report.h"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "grid.h"
#include "queue.h"

extern "C" char __executable_start;

static lyrnn_sim_report_hook report_hook;

extern "C" void lyrnn_sim_set_report_hook(lyrnn_sim_report_hook hook)
{
    report_hook = hook;
}

extern "C" const char *lyrnn_sim_defect_name(lyrnn_sim_defect defect)
{
#define LYRNN_SIM_NAME(name) #name,
    static const char *const names[] = {LYRNN_SIM_DEFECTS(LYRNN_SIM_NAME)};
#undef LYRNN_SIM_NAME
    return names[defect];
}

namespace sim
{

struct Place {
    std::string function, file_and_line;
};

static std::string without_newline(const char *line)
{
    std::string text(line);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

/* Returns what addr2line prints for a code address, innermost inlined function first. Programs are
 * position independent by default, so addr2line needs the offset. */
static std::vector<Place> ask_addr2line(uintptr_t pc)
{
    uintptr_t base = reinterpret_cast<uintptr_t>(&__executable_start);
    uintptr_t offset = base >= 0x10000000 ? pc - base : pc;
    char command[256], function[1024], place[1024];
    snprintf(command, sizeof command, "addr2line -i -f -C -e /proc/%d/exe %#zx 2>/dev/null",
             static_cast<int>(getpid()), static_cast<size_t>(offset));
    std::vector<Place> places;
    FILE *answer = popen(command, "r");
    while (answer != nullptr && fgets(function, sizeof function, answer) != nullptr &&
           fgets(place, sizeof place, answer) != nullptr)
        places.push_back({without_newline(function), without_newline(place)});
    if (answer != nullptr)
        pclose(answer);
    return places;
}

/* The simulator's own headers play the device's part. A defect is never there, but in their
 * caller. */
static bool is_own_header(const std::string &place)
{
    return place.find("/cuda_sim/include/") != std::string::npos;
}

std::string source_place(uintptr_t pc)
{
    /* The return address is just after the call. */
    for (const Place &place : ask_addr2line(pc - 1)) {
        const std::string &text = place.file_and_line;
        if (is_own_header(text))
            continue;
        size_t slash = text.rfind('/');
        std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
        return name.substr(0, name.find(' '));
    }
    return "?";
}

/* They begin at the first bracket that is not in a template argument. */
std::string without_parameters(const std::string &name)
{
    size_t end = 0;
    for (int depth = 0; end < name.size() && (depth > 0 || name[end] != '('); end++)
        depth += name[end] == '<' ? 1 : name[end] == '>' ? -1 : 0;
    return name.substr(0, end);
}

std::string function_name(uintptr_t pc)
{
    std::vector<Place> places = ask_addr2line(pc);
    return places.empty() ? "?" : without_parameters(places.back().function);
}

static std::string thread_name(const Thread &thread)
{
    const Block &block = *thread.block;
    char text[128];
    snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u)", block.index.x, block.index.y,
             block.index.z, thread.index.x, thread.index.y, thread.index.z);
    return text;
}

static void deliver(lyrnn_sim_defect defect, uintptr_t pc, const char *format, va_list arguments)
{
    watched = nullptr;
    char what[1024];
    vsnprintf(what, sizeof what, format, arguments);
    std::string text = lyrnn_sim_defect_name(defect);
    if (grid != nullptr) {
        text += ": kernel " + function_name(reinterpret_cast<uintptr_t>(grid->call->kernel));
        if (running != nullptr)
            text += ", " + thread_name(*running);
    }
    if (pc != 0)
        text += ", " + source_place(pc);
    text += ": ";
    text += what;
    report_text(defect, text);
    if (grid != nullptr)
        cancel_grid();
}

void report_text(lyrnn_sim_defect defect, const std::string &text)
{
    if (report_hook == nullptr) {
        fprintf(stderr, "lyrnn_sim: %s\n", text.c_str());
        abort();
    }
    report_hook(defect, text.c_str());
    fail_device(cudaErrorLaunchFailure);
}

void report(lyrnn_sim_defect defect, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    deliver(defect, 0, format, arguments);
    va_end(arguments);
}

void report_at(lyrnn_sim_defect defect, uintptr_t pc, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    deliver(defect, pc, format, arguments);
    va_end(arguments);
}

} // namespace sim
