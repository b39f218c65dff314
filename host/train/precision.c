/* The line of the plan that says what --precision brings on this GPU, and what PyTorch does there.
 * PyTorch's RNN layers run in cuDNN, which may use TF32 by default (backends.cudnn.allow_tf32). Its
 * linear layers may not (backends.cuda.matmul.allow_tf32, since PyTorch 1.12). */
#include "base/plain_text.h"
#include "train/job.h"

static void log_fp32(const lyrnn_backend *backend, FILE *log)
{
    char rate[64] = "";
    if (backend->tf32_speedup > 0.0)
        snprintf(rate, sizeof rate, ", at up to %.0f times the peak rate", backend->tf32_speedup);
    if (!backend->has_tf32)
        lyrnn_print_plain(log, "precision: fp32; PyTorch's default on this card is fp32 too\n");
    else if (backend->tf32_speedup == 1.0)
        lyrnn_print_plain(log, "precision: fp32; PyTorch's RNN layers use TF32 by default, which "
                               "has the same peak rate on this card\n");
    else
        lyrnn_print_plain(log,
                          "precision: fp32; PyTorch's RNN layers use TF32 by default; --precision "
                          "tf32 uses it for cuBLAS's matrix products%s; a recurrence on chip stays "
                          "in fp32\n",
                          rate);
}

static void log_tf32(const lyrnn_backend *backend, FILE *log)
{
    char rate[64] = "";
    if (backend->tf32_speedup == 1.0)
        snprintf(rate, sizeof rate, ", at the same peak rate");
    else if (backend->tf32_speedup > 0.0)
        snprintf(rate, sizeof rate, ", at as little as 1/%.0f of the peak rate",
                 backend->tf32_speedup);
    lyrnn_print_plain(log,
                      "precision: tf32 for cuBLAS's matrix products, and by default in PyTorch's "
                      "RNN layers; --precision fp32 does not round their operands%s\n",
                      rate);
}

/* The CPU has one precision and needs no line. */
void train_log_precision(const train_job *job)
{
    const lyrnn_backend *backend = job->backend;
    if (backend->shares_host_memory)
        return;
    if (backend->precision == LYRNN_FP32)
        log_fp32(backend, job->log);
    else if (!backend->has_tf32)
        lyrnn_print_plain(job->log, "precision: this card has no tensor cores for tf32 and bf16; "
                                    "use --precision fp32\n");
    else if (backend->precision == LYRNN_TF32)
        log_tf32(backend, job->log);
    else
        lyrnn_print_plain(job->log, "precision: bf16 for cuBLAS's matrix products; --precision "
                                    "tf32, PyTorch's default for RNN layers, rounds their operands "
                                    "less\n");
}
