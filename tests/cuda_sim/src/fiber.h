/* Coroutines. Each has its own stack, and one host thread switches between them. */
#ifndef LYRNN_SIM_FIBER_H
#define LYRNN_SIM_FIBER_H

#include <cstddef>
#include <cstdint>

namespace sim
{

struct Fiber {
    void *stack_pointer = nullptr; /* while the fiber does not run */
    char *stack = nullptr;         /* lowest address; nullptr: the host's own stack */
    size_t stack_bytes = 0;
    void *fake_stack = nullptr; /* AddressSanitizer's */
};

/* Creates a fiber that runs body() again each time it is switched to after body has ended by
 * switching away. Aborts if there is no memory. */
Fiber *fiber_create(void (*body)());
/* Makes a fiber start from the beginning of body, wherever it stopped. */
void fiber_restart(Fiber *fiber);
void fiber_switch(Fiber *from, Fiber *to);
/* Fetches what a switch to the fiber reads first. */
inline void fiber_prefetch(const Fiber &fiber)
{
    __builtin_prefetch(fiber.stack_pointer);
    __builtin_prefetch(static_cast<char *>(fiber.stack_pointer) + 64);
}
/* Returns whether the address is in the fiber's stack. */
inline bool fiber_owns(const Fiber &fiber, uintptr_t address)
{
    return address - reinterpret_cast<uintptr_t>(fiber.stack) < fiber.stack_bytes;
}

/* The host's stack. Kernels are scheduled from it. */
extern Fiber host_fiber;

} // namespace sim

#endif
