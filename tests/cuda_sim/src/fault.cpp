#include "fault.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "memory.h"
#include "resources.h"

namespace sim
{

static Fault kind;
static std::string kernel_part;
static bool waits_expire;

void read_fault()
{
    const char *text = getenv("LYRNN_SIM_FAULT");
    kind = Fault::none;
    if (text == nullptr || text[0] == '\0')
        return;
    const std::string whole = text, name = whole.substr(0, whole.find(':'));
    kernel_part = whole.substr(std::min(whole.size(), name.size() + 1));
    kind = name == "wrong"    ? Fault::wrong
           : name == "launch" ? Fault::launch
           : name == "hang"   ? Fault::hang
                              : Fault::none;
    if (kind == Fault::none || kernel_part.empty()) {
        fprintf(stderr,
                "lyrnn_sim: LYRNN_SIM_FAULT=%s is not wrong:KERNEL, launch:KERNEL or "
                "hang:KERNEL\n",
                text);
        abort();
    }
}

Fault fault_of(const void *kernel)
{
    const bool is_meant =
        kind != Fault::none && strstr(symbol_of(kernel), kernel_part.c_str()) != nullptr;
    return is_meant ? kind : Fault::none;
}

/* The bytes of an allocation of device memory. */
struct Copy {
    uintptr_t begin;
    std::vector<char> bytes;
};

static std::vector<Copy> copy_device_memory()
{
    std::vector<Copy> copies;
    for (const Region *region : live_regions())
        if (region->space == Space::device)
            copies.push_back({region->begin,
                              {reinterpret_cast<const char *>(region->begin),
                               reinterpret_cast<const char *>(region->end)}});
    return copies;
}

/* Adds 1 to the first float that differs from its copy. The last one may be scratch. */
static void spoil(const std::vector<Copy> &before)
{
    for (const Copy &copy : before)
        for (size_t i = 0; i + sizeof(float) <= copy.bytes.size(); i += sizeof(float)) {
            float *value = reinterpret_cast<float *>(copy.begin + i);
            if (memcmp(&copy.bytes[i], value, sizeof(float)) != 0) {
                *value += 1.0f;
                return;
            }
        }
}

void run_faulty(const void *kernel, const std::function<void()> &run)
{
    const Fault fault = fault_of(kernel);
    std::vector<Copy> before;
    if (fault == Fault::wrong)
        before = copy_device_memory();
    waits_expire = fault == Fault::hang;
    run();
    waits_expire = false;
    spoil(before);
}

} // namespace sim

bool lyrnn_sim_wait_expires()
{
    return sim::waits_expire;
}
