/* Prints for each shape its speed, the device's rates, the estimate that follows from them and the
 * memory, then one line per operation. Lines of operations fit into 100 columns; JSON and CSV have
 * more figures. What is printed as latency is the bare time step and the bare call of
 * bench/device_rates.h. */
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

static void print_speed(const lyrnn_bench_config *config, const lyrnn_bench_result *result)
{
    double ms = result->step.median_ms;
    bool generates = config->task == LYRNN_BENCH_GENERATE;
    printf("  speed         %.0f characters/s, %.4g ms per step%s (p10 %.4g, p90 %.4g)\n",
           result->chars_per_second, ms, generates ? " of one character per text" : "",
           result->step.p10_ms, result->step.p90_ms);
    printf("  throughput    %.4g GFLOP/s, %.4g GB/s\n", 1e-6 * result->flop / ms,
           1e-6 * result->bytes / ms);
}

static void print_ranks(const bench_table_ranks *ranks)
{
    if (ranks->num == 1)
        printf("  ranks         1; the others wait\n");
    else
        printf("  ranks         %d over %s, %s\n", ranks->num, ranks->carrier,
               ranks->is_weak ? "weak scaling: as many times the batch"
                              : "strong scaling: they divide the same batch");
}

static void print_scaling(const bench_table_ranks *ranks, double speed)
{
    double speedup = speed / ranks->one_rank_speed;
    printf("  scaling       %.3g times the speed of 1 rank, efficiency %.0f%%\n", speedup,
           100 * speedup / ranks->num);
}

static void print_communication(const lyrnn_bench_communication *c)
{
    printf("  communication %.3g ms per step, %.1f%% of the operations; %.4g MB sent per rank\n"
           "  links         %.3g ms at least, at %.3g GB/s and %.3g us per sum over the ranks\n",
           c->ms, 100 * c->share, 1e-6 * c->bytes, c->floor_ms, 1e-9 * c->links.bytes_per_second,
           1e6 * c->links.latency_seconds);
}

static void print_rates(const lyrnn_device_rates *rates)
{
    printf("  device rates  GEMM %.4g GFLOP/s, copy %.4g GB/s; latency %.3g us per time step, %.3g "
           "us per call\n",
           1e-9 * rates->flop_per_second, 1e-9 * rates->bytes_per_second, 1e6 * rates->step_seconds,
           1e6 * rates->call_seconds);
}

/* Less than the estimate is no error: it is for data from memory, and caches are faster. */
static void print_estimate(const lyrnn_bench_result *result)
{
    printf("  estimate      %.4g ms per step at these rates; measured: %.2f times the estimate\n",
           result->estimate_ms, result->step.median_ms / result->estimate_ms);
}

static void print_operation(const lyrnn_bench_operation *op)
{
    double ms = op->time.median_ms;
    printf("  %-30s %5.3g %8.3g %5.1f%% %8.3g %8.3g %8.3g %9.3g %6.2f\n", op->name, op->calls, ms,
           100 * op->share, ms > 0 ? 1e-6 * op->flop / ms : 0, ms > 0 ? 1e-6 * op->bytes / ms : 0,
           op->estimate_ms, op->predicted_ms, ms / op->predicted_ms);
}

static void print_operations(const lyrnn_bench_result *result)
{
    printf(
        "  operations, timed one at a time, per step; predicted = estimate + calls; ratio = ms / "
        "predicted\n");
    printf("  %-30s %5s %8s %6s %8s %8s %8s %9s %6s\n", "operation", "calls", "ms", "share",
           "GFLOP/s", "GB/s", "estimate", "predicted", "ratio");
    for (int i = 0; i < result->num_operations; i++)
        print_operation(&result->operations[i]);
}

void bench_table_shape(const char *label, const char *plan, const bench_table_ranks *ranks,
                       const lyrnn_bench_config *config, const lyrnn_bench_result *result)
{
    const double mib = 1024.0 * 1024.0;
    bool has_steps = config->task != LYRNN_BENCH_OPERATIONS;
    printf("\n%s\n", label);
    if (plan[0] != '\0')
        printf("  plan          %s\n", plan);
    if (ranks->num > 0)
        print_ranks(ranks);
    if (has_steps)
        print_speed(config, result);
    if (has_steps && ranks->num > 1)
        print_scaling(ranks, result->chars_per_second);
    if (ranks->num > 1)
        print_communication(&result->communication);
    print_rates(&result->rates);
    if (has_steps)
        print_estimate(result);
    printf("  memory        %.1f MiB on the device, %.1f MiB at the peak\n",
           (double)result->device_bytes / mib, (double)result->peak_bytes / mib);
    print_operations(result);
}
