/* lyrnn_device_alloc: the wording of the error when a backend has no device memory left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/device_memory.h"

static int place;

static lyrnn_status give_up_to_100(lyrnn_backend *self, size_t bytes, void **memory)
{
    (void)self;
    *memory = &place;
    if (bytes <= 100)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "memory: %zu bytes requested, 100 available", bytes);
}

static void memory_is_the_backends(void **state)
{
    (void)state;
    lyrnn_backend backend = {.memory_alloc = give_up_to_100};
    void *memory = NULL;
    assert_int_equal(lyrnn_device_alloc(&backend, 100, "the net", "lower it", &memory), LYRNN_OK);
    assert_ptr_equal(memory, &place);
}

static void a_refusal_names_purpose_and_remedy(void **state)
{
    (void)state;
    lyrnn_backend backend = {.memory_alloc = give_up_to_100};
    void *memory = &backend;
    assert_int_equal(lyrnn_device_alloc(&backend, 101, "the net", "lower it", &memory),
                     LYRNN_ERR_MEMORY);
    assert_null(memory);
    assert_string_equal(lyrnn_error_text(),
                        "memory: 101 bytes requested, 100 available for the net; lower it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_backends),
        cmocka_unit_test(a_refusal_names_purpose_and_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
