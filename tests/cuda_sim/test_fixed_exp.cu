/* The weight of a character, which cuda/sampler.cuh computes from integers. It is compared here,
 * because a choice of characters hardly shows its last bits. fixed_exp is a device function, and
 * the simulator makes it a plain one. */
#include <random> /* before cmocka, whose macros have names of its functions */

#include "sampler.cuh"
#include "sim_test.h"

/* The one unit that sampler.cuh allows, and half a unit for the rounding of the other side. */
static const long double most_units = 1.5L;

static void check(float logit, float largest, double inverse_temperature)
{
    const float high = (float)inverse_temperature;
    const precise_sum factor = {high, (float)(inverse_temperature - (double)high)};
    const long double x =
        ((long double)logit - (long double)largest) * (long double)inverse_temperature;
    const long double expected = expl(x) * 0x1p42L;
    const long double actual = (long double)fixed_exp(logit, largest, factor);
    if (!(fabsl(actual - expected) <= most_units))
        fail_msg("e^%.9Lg: %.3Lf instead of %.3Lf", x, actual, expected);
}

/* Up to weights that round to 0, e^-30 * 2^42 = 0.4. */
static void a_weight_is_e_to_the_power(void **)
{
    std::mt19937 random(1);
    std::uniform_real_distribution<float> logit(-40.0f, 40.0f);
    std::uniform_real_distribution<double> inverse_temperature(0.1, 4.0);
    for (int i = 0; i < 200000; i++) {
        const float a = logit(random), b = logit(random);
        check(std::min(a, b), std::max(a, b), inverse_temperature(random));
    }
    /* A large difference times a small factor: both need more than 24 bits. */
    for (int i = 0; i < 20000; i++)
        check(-1000.0f - logit(random), 1000.0f + logit(random), inverse_temperature(random) / 400);
}

static void ends_of_the_range(void **)
{
    const precise_sum one = {1.0f, 0.0f};
    assert_true(fixed_exp(3.0f, 3.0f, one) == (weight_sum)1 << 42);
    assert_true(fixed_exp(-INFINITY, 3.0f, one) == 0);
    assert_true(fixed_exp(NAN, 3.0f, one) == 0);
    assert_true(fixed_exp(-100.0f, 3.0f, one) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weight_is_e_to_the_power),
        cmocka_unit_test(ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
