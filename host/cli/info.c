/* lyrnn info: a model's card, or what this program is and what it can compute on. */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lyrnn/backend.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/run_dir.h"
#include "options.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const option_table table = {
    .name = "lyrnn info",
    .arguments = "[MODEL|RUN_DIR]",
    .doc = "Describes a model: a model.safetensors, or a run, whose latest model it takes. Without "
           "one it describes this program, its devices and its paths.",
    .max_arguments = 1,
};

static void print_device(const char *device)
{
    lyrnn_backend backend;
    char text[256];
    if (lyrnn_backend_open(device, 0, LYRNN_FP32, &backend) == LYRNN_OK) {
        backend.describe(&backend, text, sizeof text);
        printf("device      %s: %s\n", device, text);
        lyrnn_backend_close(&backend);
    } else {
        const char *reason = strstr(lyrnn_error_text(), ": ");
        printf("device      %s: not available%s\n", device, reason != NULL ? reason : "");
    }
}

static void print_program(void)
{
    char folder[4096];
    printf("lyrnn       " LYRNN_VERSION "\n");
    printf("build       " COMPILER "\n");
    print_device("cpu");
    print_device("cuda");
    printf("runs        %s/runs\n", getcwd(folder, sizeof folder) != NULL ? folder : ".");
}

/* With some from all over it; control characters would disturb the terminal. */
static void print_vocab(const lyrnn_vocab *vocab)
{
    enum { SAMPLE = 32 };
    int stride = vocab->V / SAMPLE + 1;
    printf("vocabulary  %d characters, such as ", vocab->V);
    for (int id = 0; id < vocab->V; id += stride) {
        uint32_t c = vocab->chars[id];
        char utf8[LYRNN_UTF8_MAX];
        if (c > 0x20 && !(c >= 0x7F && c < 0xA0))
            fwrite(utf8, 1, lyrnn_utf8_encode(c, utf8), stdout);
    }
    putchar('\n');
}

static void print_model(const char *path, const lyrnn_checkpoint *checkpoint)
{
    const lyrnn_rnn_config *config = &checkpoint->config;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    printf("model       %s\n", path);
    printf("cell        %s%s, %d layer%s%s\n", lyrnn_cell_name(config->cell),
           checkpoint->is_tanh_or_relu ? " or rnn_relu" : "", config->num_layers,
           config->num_layers == 1 ? "" : "s", config->bidirectional ? ", both directions" : "");
    printf("hidden size %d\n", config->hidden_size);
    if (checkpoint->vocab.V > 0)
        print_vocab(&checkpoint->vocab);
    else
        printf("vocabulary  not in the file, %d characters\n", config->input_size);
    printf("parameters  %zu\n", lyrnn_parameters_total(&parameters));
    for (int i = 0; i < parameters.num; i++) {
        const lyrnn_parameter *p = &parameters.items[i];
        if (p->cols == 0)
            printf("  %-20s (%d)\n", p->name, p->rows);
        else
            printf("  %-20s (%d, %d)\n", p->name, p->rows, p->cols);
    }
}

lyrnn_status command_info(int argc, char **argv)
{
    option_result result;
    LYRNN_TRY(options_parse(&table, argc, argv, NULL, &result));
    if (result.help)
        return LYRNN_OK;
    if (result.num_arguments == 0) {
        print_program();
        return LYRNN_OK;
    }
    char path[4096];
    lyrnn_checkpoint checkpoint = {0};
    LYRNN_TRY(lyrnn_run_dir_find_model(result.arguments[0], path, sizeof path));
    LYRNN_TRY(lyrnn_checkpoint_read_state_dict(&checkpoint, path));
    print_model(path, &checkpoint);
    lyrnn_checkpoint_free(&checkpoint);
    return LYRNN_OK;
}
