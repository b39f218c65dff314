/* Which simulated device a rank takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn_sim.h"
#include "lyrnn_sim_library.h"

/* Returns the number of the device that the rank opens, or -1 if there is none. */
static int device_of(const char *device, int local_rank)
{
    lyrnn_backend backend;
    lyrnn_status status = lyrnn_backend_open_local(device, local_rank, 1, LYRNN_FP32, &backend);
    int number = status == LYRNN_OK ? lyrnn_sim_bus() - 1 : -1;
    lyrnn_backend_close(&backend);
    return number;
}

static void simulate_devices(const char *num)
{
    setenv("LYRNN_SIM_DEVICES", num, 1);
    lyrnn_sim_reset();
}

static void each_rank_takes_its_own(void **state)
{
    (void)state;
    simulate_devices("3");
    assert_int_equal(device_of("cuda", 0), 0);
    assert_int_equal(device_of("cuda", 1), 1);
    assert_int_equal(device_of("cuda", 2), 2);
}

/* As where a scheduler shows each rank one device. */
static void numbers_begin_again(void **state)
{
    (void)state;
    simulate_devices("1");
    assert_int_equal(device_of("cuda", 3), 0);
    assert_int_equal(device_of("auto", 1), 0);
    simulate_devices("2");
    assert_int_equal(device_of("cuda", 4), 0);
    assert_int_equal(device_of("cuda", 3), 1);
}

static void a_named_device_is_that_of_all_ranks(void **state)
{
    (void)state;
    simulate_devices("2");
    assert_int_equal(device_of("cuda:0", 1), 0);
    assert_int_equal(device_of("cuda:2", 0), -1);
    assert_non_null(strstr(lyrnn_error_text(), "cuda:2: there is no such device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_rank_takes_its_own),
                                       cmocka_unit_test(numbers_begin_again),
                                       cmocka_unit_test(a_named_device_is_that_of_all_ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
