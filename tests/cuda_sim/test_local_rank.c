/* Which simulated device a rank takes. Only device 0 of the simulator works; the error for another
 * one names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn_sim.h"

/* Whether the rank opens device 0. If not, the error must name device `other`. */
static bool takes_first(const char *device, int local_rank, const char *other)
{
    lyrnn_backend backend;
    lyrnn_status status = lyrnn_backend_open_local(device, local_rank, 1, LYRNN_FP32, &backend);
    if (status != LYRNN_OK)
        assert_non_null(strstr(lyrnn_error_text(), other));
    lyrnn_backend_close(&backend);
    return status == LYRNN_OK;
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
    assert_true(takes_first("cuda", 0, ""));
    assert_false(takes_first("cuda", 1, "cuda:1: "));
    assert_false(takes_first("cuda", 2, "cuda:2: "));
}

/* As where a scheduler shows each rank one device. */
static void numbers_begin_again(void **state)
{
    (void)state;
    simulate_devices("1");
    assert_true(takes_first("cuda", 3, ""));
    assert_true(takes_first("auto", 1, ""));
    simulate_devices("2");
    assert_true(takes_first("cuda", 4, ""));
    assert_false(takes_first("cuda", 3, "cuda:1: "));
}

static void a_named_device_is_that_of_all_ranks(void **state)
{
    (void)state;
    simulate_devices("2");
    assert_true(takes_first("cuda:0", 1, ""));
    assert_false(takes_first("cuda:2", 0, "cuda:2: there is no such device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_rank_takes_its_own),
                                       cmocka_unit_test(numbers_begin_again),
                                       cmocka_unit_test(a_named_device_is_that_of_all_ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
