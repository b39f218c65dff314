/* JSON and CSV print the same row, a JSON object. CSV prints its scalars as columns. Its list of
 * operations becomes one column per known operation, so that all rows have the same columns. The
 * keys and columns are a contract: scripts/bench reads them. */
#include "cli/bench_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "bench/op_cost.h"
#include "cli/bench_table.h"
#include "cli/build_info.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "files/plain_json.h"
#include "lyrnn/ranks.h"
#include "lyrnn/version.h"

static double ratio_or_zero(double above, double below)
{
    return below > 0 ? above / below : 0;
}

/* Returns the end of the CUDA backend's description, for example "CUDA 13.0, driver for 13.1". */
static const char *driver_of(const char *device)
{
    const char *driver = strstr(device, ", CUDA ");
    return driver != NULL ? driver + 2 : "none";
}

/* JSON has no infinity and no NaN, and none can occur here: a divisor is the time of a whole step
 * or of a call that is long enough for the clock, or the quotient comes from ratio_or_zero. */
static void put_real(json_t **row, const char *key, double value)
{
    LYRNN_CHECK(isfinite(value));
    json_put(row, key, json_real(value));
}

static void put_time(json_t **row, const char *key, const lyrnn_bench_time *time)
{
    char p10[32], p90[32];
    snprintf(p10, sizeof p10, "%s_p10", key);
    snprintf(p90, sizeof p90, "%s_p90", key);
    put_real(row, key, time->median_ms);
    put_real(row, p10, time->p10_ms);
    put_real(row, p90, time->p90_ms);
}

static void put_operation(json_t **row, const char *name_key, const lyrnn_bench_operation *op)
{
    double ms = op->time.median_ms;
    json_put(row, name_key, json_string(op->name));
    put_real(row, "calls", op->calls);
    put_time(row, "ms", &op->time);
    put_real(row, "share", op->share);
    put_real(row, "gflop", 1e-9 * op->flop);
    put_real(row, "gflops", ratio_or_zero(1e-6 * op->flop, ms));
    put_real(row, "gbytes", 1e-9 * op->bytes);
    put_real(row, "gbytes_per_second", ratio_or_zero(1e-6 * op->bytes, ms));
    put_real(row, "intensity", ratio_or_zero(op->flop, op->bytes));
    put_real(row, "time_steps", op->time_steps);
    put_real(row, "estimate_ms", op->estimate_ms);
    put_real(row, "predicted_ms", op->predicted_ms);
    put_real(row, "times_predicted", ratio_or_zero(ms, op->predicted_ms));
}

void bench_put_shape(json_t **row, const bench_shape *shape)
{
    static const char *const keys[] = {
        [BENCH_VOCAB_SIZE] = "vocab_size", [BENCH_HIDDEN_SIZE] = "hidden_size",
        [BENCH_NUM_LAYERS] = "num_layers", [BENCH_BATCH_SIZE] = "batch_size",
        [BENCH_NUM_STEPS] = "num_steps",
    };
    json_put(row, "row", json_string(shape->row));
    json_put(row, "cell", json_string(lyrnn_cell_name(shape->cell)));
    for (int i = 0; i < BENCH_NUM_SIZES; i++)
        json_put(row, keys[i], json_integer(shape->sizes[i]));
}

void bench_put_machine(json_t **row, lyrnn_backend *backend)
{
    char device[256], date[32];
    time_t now = time(NULL);
    struct tm utc;
    backend->describe(backend, device, sizeof device);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_put(row, "backend", json_string(backend->name));
    json_put(row, "device_name", json_string(device));
    json_put(row, "driver", json_string(driver_of(device)));
    json_put(row, "compiler", json_string(BUILD_COMPILER));
    json_put(row, "commit", json_string(build_commit()));
    json_put(row, "flags", json_string(build_flags()));
    json_put(row, "version", json_string(LYRNN_VERSION));
    json_put(row, "date", json_string(date));
}

static void put_rates(json_t **row, const lyrnn_bench_result *result)
{
    const lyrnn_device_rates *rates = &result->rates;
    put_real(row, "gemm_gflops", 1e-9 * rates->flop_per_second);
    put_real(row, "copy_gbytes_per_second", 1e-9 * rates->bytes_per_second);
    put_real(row, "bare_step_us", 1e6 * rates->step_seconds);
    put_real(row, "bare_call_us", 1e6 * rates->call_seconds);
    json_put(row, "device_bytes", json_integer((json_int_t)result->device_bytes));
    json_put(row, "peak_bytes", json_integer((json_int_t)result->peak_bytes));
}

static void put_step(json_t **row, const lyrnn_bench_result *result)
{
    double ms = result->step.median_ms;
    put_time(row, "ms_per_step", &result->step);
    put_real(row, "chars_per_second", result->chars_per_second);
    put_real(row, "gflop_per_step", 1e-9 * result->flop);
    put_real(row, "gflops", ratio_or_zero(1e-6 * result->flop, ms));
    put_real(row, "gbytes_per_step", 1e-9 * result->bytes);
    put_real(row, "gbytes_per_second", ratio_or_zero(1e-6 * result->bytes, ms));
    put_real(row, "estimate_ms", result->estimate_ms);
    put_real(row, "times_estimate", ratio_or_zero(ms, result->estimate_ms));
}

int bench_ranks_of(const bench_output *output)
{
    const lyrnn_comm *comm = output->backend->comm;
    return comm == NULL || output->scaling == BENCH_ONE_RANK ? 1 : comm->size;
}

/* What moves the gradients from rank to rank. */
static const char *carrier_of(const lyrnn_backend *backend)
{
    return backend->shares_host_memory ? lyrnn_comm_carrier(backend->comm) : "NCCL";
}

/* Speeds are 0 for --task operations. */
static void put_scaling(json_t **row, const bench_output *output, const lyrnn_bench_result *result)
{
    static const char *const names[] = {
        [BENCH_ONE_RANK] = "one", [BENCH_STRONG] = "strong", [BENCH_WEAK] = "weak"};
    const lyrnn_bench_communication *c = &result->communication;
    int num = bench_ranks_of(output);
    double speedup = ratio_or_zero(result->chars_per_second, output->one_rank_speed);
    json_put(row, "ranks", json_integer(num));
    json_put(row, "scaling", json_string(names[output->scaling]));
    json_put(row, "carrier", json_string(carrier_of(output->backend)));
    put_real(row, "speedup", speedup);
    put_real(row, "efficiency", speedup / num);
    put_real(row, "communication_ms", c->ms);
    put_real(row, "communication_share", c->share);
    put_real(row, "communication_floor_ms", c->floor_ms);
    put_real(row, "communication_mbytes", 1e-6 * c->bytes);
    put_real(row, "link_gbytes_per_second", 1e-9 * c->links.bytes_per_second);
    put_real(row, "link_latency_us", 1e6 * c->links.latency_seconds);
}

static void put_operations(json_t **row, const lyrnn_bench_result *result)
{
    json_t *list = json_array();
    for (int i = 0; i < result->num_operations; i++) {
        json_t *item = json_object();
        put_operation(&item, "name", &result->operations[i]);
        json_add(&list, item);
    }
    json_put(row, "operations", list);
}

static void print_csv_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv_value(const json_t *value)
{
    if (json_is_string(value))
        print_csv_text(json_string_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "true" : "false", stdout);
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        printf("%.9g", json_real_value(value));
}

/* Prints one column per known operation. It is empty if the operation was not called. */
static void print_csv_operations(const json_t *operations, bool is_head)
{
    for (int op = 0; op < LYRNN_NUM_OPERATIONS; op++) {
        const char *name = lyrnn_operation_name((lyrnn_operation)op);
        size_t i;
        const json_t *item;
        if (is_head)
            printf(",op_%s_ms", name);
        else
            putchar(',');
        json_array_foreach(operations, i, item)
        {
            if (!is_head && strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
                print_csv_value(json_object_get(item, "ms"));
        }
    }
}

static void print_csv_line(json_t *row, bool is_head)
{
    const char *key, *comma = "";
    json_t *value;
    json_object_foreach(row, key, value)
    {
        if (json_is_array(value)) {
            print_csv_operations(value, is_head);
            continue;
        }
        fputs(comma, stdout);
        if (is_head)
            fputs(key, stdout);
        else
            print_csv_value(value);
        comma = ",";
    }
    putchar('\n');
}

static const char json_head[] = "{\"rows\": [\n";

/* Whether this process prints: it is rank 0, or there are no ranks. */
static bool prints(const bench_output *output)
{
    return output->backend->comm == NULL || output->backend->comm->rank == 0;
}

lyrnn_status bench_output_end(const bench_output *output)
{
    if (!prints(output))
        return LYRNN_OK;
    if (output->format == BENCH_JSON)
        printf("%s\n]}\n", output->has_begun ? "" : json_head);
    return standard_output_check();
}

/* Prints the row of a shape if op is NULL, else the row of one of its operations. */
static lyrnn_status bench_print_row(bench_output *output, const bench_shape *shape,
                                    const lyrnn_bench_result *result,
                                    const lyrnn_bench_operation *op)
{
    json_t *row = json_object();
    json_put_all(&row, output->options);
    json_put(&row, "plan", json_string(output->plan));
    bench_put_shape(&row, shape);
    bench_put_machine(&row, output->backend);
    if (op != NULL)
        put_operation(&row, "operation", op);
    else
        put_step(&row, result);
    put_rates(&row, result);
    if (output->backend->comm != NULL)
        put_scaling(&row, output, result);
    if (op == NULL)
        put_operations(&row, result);
    char *line = json_dumps_plain(row, JSON_REAL_PRECISION(9));
    if (line == NULL) {
        json_decref(row);
        return lyrnn_out_of_memory("bench", 0, "close other programs");
    }
    if (output->format == BENCH_CSV) {
        if (!output->has_begun)
            print_csv_line(row, true);
        print_csv_line(row, false);
    } else if (output->format == BENCH_JSONL) {
        puts(line);
    } else {
        printf("%s%s", output->has_begun ? ",\n" : json_head, line);
    }
    output->has_begun = true;
    free(line);
    json_decref(row);
    return LYRNN_OK;
}

void bench_label_of(const lyrnn_bench_config *config, const bench_shape *shape, bench_label label)
{
    const lyrnn_rnn_config *model = &config->model;
    char length[32];
    snprintf(length, sizeof length,
             config->task == LYRNN_BENCH_GENERATE ? "text length %d" : "time steps %d",
             config->task == LYRNN_BENCH_GENERATE ? config->num_steps : config->T);
    snprintf(label, sizeof(bench_label), "%s%s%s%s, vocab %d, hidden %d, layers %d%s, batch %d, %s",
             shape->row[0] != '\0' ? "shape " : "", shape->row, shape->row[0] != '\0' ? ": " : "",
             lyrnn_cell_name(model->cell), model->input_size, model->hidden_size, model->num_layers,
             model->bidirectional ? ", bidirectional" : "", config->B, length);
}

lyrnn_status bench_output_print(bench_output *output, const lyrnn_bench_config *config,
                                const bench_shape *shape, const lyrnn_bench_result *result)
{
    lyrnn_status status = LYRNN_OK;
    if (!prints(output))
        return LYRNN_OK;
    if (output->scaling == BENCH_ONE_RANK)
        output->one_rank_speed = result->chars_per_second;
    if (output->format == BENCH_TABLE) {
        bench_table_ranks ranks = {.is_weak = output->scaling == BENCH_WEAK,
                                   .one_rank_speed = output->one_rank_speed};
        if (output->backend->comm != NULL) {
            ranks.num = bench_ranks_of(output);
            ranks.carrier = carrier_of(output->backend);
        }
        bench_label label;
        bench_label_of(config, shape, label);
        if (!output->has_begun)
            bench_table_head(output->backend);
        bench_table_shape(label, output->plan, &ranks, config, result);
        output->has_begun = true;
    } else if (config->task == LYRNN_BENCH_OPERATIONS) {
        for (int i = 0; i < result->num_operations && status == LYRNN_OK; i++)
            status = bench_print_row(output, shape, result, &result->operations[i]);
    } else {
        status = bench_print_row(output, shape, result, NULL);
    }
    /* Flush, so that a row appears when it is measured, and a closed pipe ends the measurement. */
    return status == LYRNN_OK ? standard_output_flush() : status;
}
