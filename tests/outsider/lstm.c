/* A two-layer LSTM as a C program outside lyrnn uses it: forward over a sequence at once and in two
 * halves with the state carried by hand, then backward, and one gradient compared with a difference
 * quotient.
 *
 *     cc lstm.c $(pkg-config --cflags --libs lyrnn) -o lstm
 *     lstm [DEVICE] */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <lyrnn/device.h>
#include <lyrnn/rnn.h>

enum { T = 6, B = 2, IN = 3, H = 4, L = 2, NUM_GATES = 4 };

static float input[T * B * IN];  /* (T,B,IN) */
static float output[T * B * H];  /* (T,B,H) */
static float doutput[T * B * H]; /* (T,B,H) */

/* Ends the program with lyrnn's error if a call failed. */
static void must(lyrnn_status status)
{
    if (status != LYRNN_OK) {
        fprintf(stderr, "lstm: %s\n", lyrnn_error_text());
        exit(EXIT_FAILURE);
    }
}

/* Half the sum of the squared outputs. The gradient of the output is then the output itself. */
static double loss_of(lyrnn_rnn *rnn)
{
    double loss = 0;
    must(lyrnn_rnn_forward(
        rnn, &(lyrnn_rnn_forward_args){.T = T, .B = B, .input = input, .output = output}));
    for (size_t i = 0; i < T * B * H; i++)
        loss += 0.5 * (double)output[i] * (double)output[i];
    return loss;
}

static void compare_halves(lyrnn_rnn *rnn)
{
    float halves[T * B * H], h[L * B * H], c[L * B * H]; /* (T,B,H), (L,B,H), (L,B,H) */
    const size_t half = T / 2;
    must(lyrnn_rnn_forward(
        rnn, &(lyrnn_rnn_forward_args){.T = T, .B = B, .input = input, .output = output}));
    must(lyrnn_rnn_forward(
        rnn, &(lyrnn_rnn_forward_args){
                 .T = T / 2, .B = B, .input = input, .output = halves, .h_n = h, .c_n = c}));
    must(lyrnn_rnn_forward(rnn, &(lyrnn_rnn_forward_args){.T = T / 2,
                                                          .B = B,
                                                          .input = input + half * B * IN,
                                                          .h_0 = h,
                                                          .c_0 = c,
                                                          .output = halves + half * B * H}));
    float largest = 0;
    for (size_t i = 0; i < T * B * H; i++)
        largest = fmaxf(largest, fabsf(halves[i] - output[i]));
    printf("whole against halves: %.9f\n", (double)largest);
}

static void compare_gradients(lyrnn_rnn *rnn)
{
    const char *name = "weight_hh_l0";
    const float step = 1e-2f;
    float weight[NUM_GATES * H * H], dweight[NUM_GATES * H * H]; /* (4*H,H) */
    loss_of(rnn);
    for (size_t i = 0; i < T * B * H; i++)
        doutput[i] = output[i];
    must(lyrnn_rnn_backward(rnn, &(lyrnn_rnn_backward_args){.doutput = doutput}));
    must(lyrnn_rnn_get_gradient(rnn, name, dweight));

    must(lyrnn_rnn_get_parameter(rnn, name, weight));
    const float middle = weight[0];
    weight[0] = middle + step;
    must(lyrnn_rnn_set_parameter(rnn, name, weight));
    const double above = loss_of(rnn);
    weight[0] = middle - step;
    must(lyrnn_rnn_set_parameter(rnn, name, weight));
    const double below = loss_of(rnn);
    printf("gradient: %.9f, difference quotient: %.9f\n", (double)dweight[0],
           (above - below) / (2.0 * (double)step));
}

int main(int argc, char **argv)
{
    lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = IN, .hidden_size = H, .num_layers = L};
    lyrnn_backend backend;
    lyrnn_rnn *rnn;
    must(lyrnn_backend_open(argc > 1 ? argv[1] : "cpu", 1, LYRNN_FP32, &backend));
    must(lyrnn_rnn_open(&rnn, &config, false, &backend, 1));
    for (size_t i = 0; i < T * B * IN; i++)
        input[i] = sinf((float)i);
    compare_halves(rnn);
    compare_gradients(rnn);
    lyrnn_rnn_close(rnn);
    lyrnn_backend_close(&backend);
    return EXIT_SUCCESS;
}
