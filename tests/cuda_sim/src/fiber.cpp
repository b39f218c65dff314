/* Switches between coroutines. On x86-64 a switch stores six registers and exchanges the stack
 * pointer, which takes a few nanoseconds. Other processors use ucontext. AddressSanitizer is
 * notified of every switch. */
#include "fiber.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "asan.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace sim
{

Fiber host_fiber;

static std::deque<Fiber> fibers;
static void (*fiber_body)();
#if LYRNN_SIM_ASAN
static const void *asan_host_stack;
#endif

/* The fiber that the current switch came from, for the half of the switch that runs on the new
 * stack. */
static Fiber *switched_from;

static void finish_switch(Fiber *here)
{
#if LYRNN_SIM_ASAN
    const void *bottom = nullptr;
    size_t bytes = 0;
    __sanitizer_finish_switch_fiber(here->fake_stack, &bottom, &bytes);
    if (switched_from->stack == nullptr && here != switched_from) {
        host_fiber.stack_bytes = bytes;
        host_fiber.stack = nullptr;
        asan_host_stack = bottom;
    }
#else
    (void)here;
#endif
}

static Fiber *switching_to;

static void fiber_main()
{
    finish_switch(switching_to);
    for (;;)
        fiber_body();
}

#if defined(__x86_64__)

extern "C" void lyrnn_sim_switch(void **save, void *load);
__asm__(".text\n"
        ".globl lyrnn_sim_switch\n"
        ".hidden lyrnn_sim_switch\n"
        ".type lyrnn_sim_switch, @function\n"
        "lyrnn_sim_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size lyrnn_sim_switch, . - lyrnn_sim_switch\n");

static void prepare(Fiber *fiber)
{
    /* Six registers, the return address, and one word that aligns the stack as a call would. */
    void **top = reinterpret_cast<void **>(fiber->stack + fiber->stack_bytes);
    top -= 8;
    memset(top, 0, 8 * sizeof *top);
    top[6] = reinterpret_cast<void *>(fiber_main);
    fiber->stack_pointer = top;
}

static void switch_stacks(Fiber *from, Fiber *to)
{
    lyrnn_sim_switch(&from->stack_pointer, to->stack_pointer);
}

#else

static ucontext_t *context_of(Fiber *fiber)
{
    if (fiber->stack_pointer == nullptr)
        fiber->stack_pointer = calloc(1, sizeof(ucontext_t));
    return static_cast<ucontext_t *>(fiber->stack_pointer);
}

static void prepare(Fiber *fiber)
{
    ucontext_t *context = context_of(fiber);
    getcontext(context);
    context->uc_stack.ss_sp = fiber->stack;
    context->uc_stack.ss_size = fiber->stack_bytes;
    context->uc_link = nullptr;
    makecontext(context, fiber_main, 0);
}

static void switch_stacks(Fiber *from, Fiber *to)
{
    swapcontext(context_of(from), context_of(to));
}

#endif

Fiber *fiber_create(void (*body)())
{
    const size_t guard_bytes = 4096;
    /* The stack frames of sanitizer builds are several times larger. */
    const size_t stack_bytes = LYRNN_SIM_ASAN ? 256 << 10 : 64 << 10;
    fiber_body = body;
    fibers.emplace_back();
    Fiber *fiber = &fibers.back();
    void *memory = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* A guarded stack needs two memory mappings, and a process may have 65,530. Stacks without a
     * guard page merge into one. */
    const size_t max_guards = 16384;
    if (memory == MAP_FAILED ||
        (fibers.size() <= max_guards && mprotect(memory, guard_bytes, PROT_NONE) != 0)) {
        fprintf(stderr, "lyrnn_sim: no memory for the stack of one more thread\n");
        abort();
    }
    fiber->stack = static_cast<char *>(memory) + guard_bytes;
    fiber->stack_bytes = stack_bytes;
    prepare(fiber);
    return fiber;
}

void fiber_restart(Fiber *fiber)
{
    asan_unpoison(fiber->stack, fiber->stack_bytes);
    fiber->fake_stack = nullptr;
    prepare(fiber);
}

void fiber_switch(Fiber *from, Fiber *to)
{
    switched_from = from;
    switching_to = to;
#if LYRNN_SIM_ASAN
    const void *bottom = to->stack != nullptr ? to->stack : asan_host_stack;
    __sanitizer_start_switch_fiber(&from->fake_stack, bottom, to->stack_bytes);
#endif
    switch_stacks(from, to);
    finish_switch(from);
}

} // namespace sim
