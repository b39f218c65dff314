/* The functions that -fsanitize=thread makes the compiler call at every load and store. Only the
 * compiler's instrumentation is ThreadSanitizer's: this file defines the functions, and libtsan is
 * not linked. */
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "access.h"
#include "memory.h"

using sim::Access;

#define PC reinterpret_cast<uintptr_t>(__builtin_return_address(0))

extern "C" {

void __tsan_init()
{
    sim::has_hooks = true;
}
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit()
{
}
void __tsan_ignore_thread_begin()
{
}
void __tsan_ignore_thread_end()
{
}
void __tsan_vptr_update(void **, void *)
{
}
void __tsan_vptr_read(void **)
{
}

#define LYRNN_SIM_HOOKS(bytes)                                                                     \
    void __tsan_read##bytes(void *memory)                                                          \
    {                                                                                              \
        sim::check_aligned_access(memory, bytes, Access::read, PC);                                \
    }                                                                                              \
    void __tsan_write##bytes(void *memory)                                                         \
    {                                                                                              \
        sim::check_aligned_access(memory, bytes, Access::write, PC);                               \
    }                                                                                              \
    void __tsan_read_write##bytes(void *memory)                                                    \
    {                                                                                              \
        sim::check_aligned_access(memory, bytes, Access::read, PC);                                \
        sim::check_aligned_access(memory, bytes, Access::write, PC);                               \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(void *memory)                                                \
    {                                                                                              \
        sim::check_access(memory, bytes, Access::read, PC);                                        \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(void *memory)                                               \
    {                                                                                              \
        sim::check_access(memory, bytes, Access::write, PC);                                       \
    }
LYRNN_SIM_HOOKS(1)
LYRNN_SIM_HOOKS(2)
LYRNN_SIM_HOOKS(4)
LYRNN_SIM_HOOKS(8)
LYRNN_SIM_HOOKS(16)

void __tsan_read_range(void *memory, size_t bytes)
{
    sim::check_access(memory, bytes, Access::read, PC);
}
void __tsan_write_range(void *memory, size_t bytes)
{
    sim::check_access(memory, bytes, Access::write, PC);
}

/* The functions that -fsanitize=alignment makes the compiler call. They report an access that is
 * wider than its address allows, even where the compiler splits it into narrower ones. The struct's
 * first fields are those of libubsan's data. */
struct type_mismatch {
    const char *file;
    uint32_t line, column;
    const void *type;
    unsigned char log_alignment, kind;
};

void __ubsan_handle_type_mismatch_v1(const type_mismatch *where, uintptr_t address)
{
    if (sim::in_kernel())
        sim::report_misaligned(address, size_t{1} << where->log_alignment, PC);
}

/* Copies of whole structs. Clang calls the C functions, which the linker redirects here (--wrap).
 * Clang 15 and later call the second set of names. */
void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__real_memmove(void *to, const void *from, size_t bytes);
void *__real_memset(void *memory, int value, size_t bytes);

static void check_copy(void *to, const void *from, size_t bytes, uintptr_t pc)
{
    if (!sim::in_kernel())
        return;
    sim::check_access(from, bytes, Access::read, pc);
    sim::check_access(to, bytes, Access::write, pc);
}

#define LYRNN_SIM_COPIES(prefix)                                                                   \
    void *prefix##memcpy(void *to, const void *from, size_t bytes)                                 \
    {                                                                                              \
        check_copy(to, from, bytes, PC);                                                           \
        return __real_memcpy(to, from, bytes);                                                     \
    }                                                                                              \
    void *prefix##memmove(void *to, const void *from, size_t bytes)                                \
    {                                                                                              \
        check_copy(to, from, bytes, PC);                                                           \
        return __real_memmove(to, from, bytes);                                                    \
    }                                                                                              \
    void *prefix##memset(void *memory, int value, size_t bytes)                                    \
    {                                                                                              \
        if (sim::in_kernel())                                                                      \
            sim::check_access(memory, bytes, Access::write, PC);                                   \
        return __real_memset(memory, value, bytes);                                                \
    }
LYRNN_SIM_COPIES(__wrap_)
LYRNN_SIM_COPIES(__tsan_)

} // extern "C"
