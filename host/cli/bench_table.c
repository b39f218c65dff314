/* Lines for a shape's whole steps and for the floors, then a line an operation, which leaves to JSON what does
 * not fit into 100 columns. */
#include "cli/bench_table.h"

#include <stdio.h>

#include "cli/build_info.h"
#include "lyrnn/version.h"

void bench_table_head(lyrnn_backend *backend)
{
    char device[256];
    backend->describe(backend, device, sizeof device);
    printf("%s: %s\nlyrnn %s, commit %s, %s, %s\n", backend->name, device, LYRNN_VERSION,
           build_commit(), BUILD_COMPILER, build_flags());
}

static void print_step(const lyrnn_bench_config *config, const lyrnn_bench_result *result)
{
    double ms = result->step.median_ms;
    printf("  %.4g ms %s (p10 %.4g, p90 %.4g), %.0f characters/s, %.4g GFLOP/s, %.4g GB/s\n", ms,
           config->task == LYRNN_BENCH_GENERATE ? "a character of every text" : "a step",
           result->step.p10_ms, result->step.p90_ms, result->chars_per_second,
           1e-6 * result->flop / ms, 1e-6 * result->bytes / ms);
    printf("  floor %.4g ms: takes %.2f times that\n", result->floor_ms, ms / result->floor_ms);
}

static void print_operation(const lyrnn_bench_operation *op)
{
    double ms = op->time.median_ms;
    printf("  %-30s %5.3g %8.3g %5.1f%% %8.3g %8.3g %8.3g %9.3g %6.2f\n", op->name, op->calls, ms,
           100 * op->share, ms > 0 ? 1e-6 * op->flop / ms : 0, ms > 0 ? 1e-6 * op->bytes / ms : 0,
           op->floor_ms, op->predicted_ms, ms / op->predicted_ms);
}

void bench_table_shape(const char *label, const lyrnn_bench_config *config,
                       const lyrnn_bench_result *result)
{
    const lyrnn_device_rates *rates = &result->rates;
    const double mib = 1024.0 * 1024.0;
    printf("\n%s\n", label);
    if (config->task != LYRNN_BENCH_OPERATIONS)
        print_step(config, result);
    printf("  GEMM %.4g GFLOP/s, copy %.4g GB/s, bare time step %.3g us, bare call %.3g us\n",
           1e-9 * rates->flop_per_second, 1e-9 * rates->bytes_per_second, 1e6 * rates->step_seconds,
           1e6 * rates->call_seconds);
    printf("  %.1f MiB of the device, at most %.1f MiB\n", (double)result->device_bytes / mib,
           (double)result->peak_bytes / mib);
    printf("  %-30s %5s %8s %6s %8s %8s %8s %9s %6s\n", "operations, one by one", "calls", "ms",
           "share", "GFLOP/s", "GB/s", "floor", "predicted", "times");
    for (int i = 0; i < result->num_operations; i++)
        print_operation(&result->operations[i]);
}
