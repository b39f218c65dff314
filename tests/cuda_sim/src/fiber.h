/* Coroutines: stacks of their own between which one host thread switches. */
#ifndef LYRNN_SIM_FIBER_H
#define LYRNN_SIM_FIBER_H

#include <cstddef>
#include <cstdint>

namespace sim
{

struct Fiber {
    void *stack_pointer =
        nullptr;           /* where it stands while it does not run                        */
    char *stack = nullptr; /* lowest address; the host's own stack has none                */
    size_t stack_bytes = 0;
    void *fake_stack = nullptr; /* AddressSanitizer's                                             */
};

/* A fibre that calls body() again and again, each time it is switched to after body has switched away
 * at its end. Aborts when there is no memory. */
Fiber *fiber_create(void (*body)());
/* Makes a fibre start anew, wherever it stood. */
void fiber_restart(Fiber *fiber);
void fiber_switch(Fiber *from, Fiber *to);
/* Whether an address lies in the stack of fiber. */
inline bool fiber_owns(const Fiber &fiber, uintptr_t address)
{
    return address - reinterpret_cast<uintptr_t>(fiber.stack) < fiber.stack_bytes;
}

/* The host's stack, from which kernels are scheduled. */
extern Fiber host_fiber;

} // namespace sim

#endif
