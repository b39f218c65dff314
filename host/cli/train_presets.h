/* The presets of lyrnn train: lists of options and their values. train_options.c has their texts
 * for the man page, from the same lists. */
#ifndef LYRNN_CLI_TRAIN_PRESETS_H
#define LYRNN_CLI_TRAIN_PRESETS_H

#include "cli/train_options.h"

/* Their names, in the order of the option's index. */
#define PRESET_WORDS "none|tutorial|small|medium|large"
enum { PRESET_IS_TUTORIAL = 1 };

/* The job of the tutorial: its model, its way to read and to sample the text, its report. Each
 * option is named here, also those whose default is the same, because defaults may change. A list
 * calls X for each option with a value, and F for a flag. */
#define PRESET_TUTORIAL(X, F)                                                                      \
    X("songs", "none")                                                                             \
    X("script", "keep")                                                                            \
    X("width", "keep")                                                                             \
    X("repeats", "keep")                                                                           \
    X("min-count", "1")                                                                            \
    X("max-chars", "10000")                                                                        \
    X("newlines", "space")                                                                         \
    X("normalize", "none")                                                                         \
    X("cell", "rnn_tanh")                                                                          \
    X("hidden-size", "256")                                                                        \
    X("num-layers", "1")                                                                           \
    X("dropout", "0")                                                                              \
    X("embedding-size", "0")                                                                       \
    X("dropout-input", "0")                                                                        \
    X("dropout-output", "0")                                                                       \
    X("dropout-weight", "0")                                                                       \
    X("num-epochs", "250")                                                                         \
    X("batch-size", "32")                                                                          \
    X("num-steps", "35")                                                                           \
    X("lr", "1e-3")                                                                                \
    X("schedule", "constant")                                                                      \
    X("warmup", "0")                                                                               \
    X("weight-decay", "0")                                                                         \
    X("beta2", "0.999")                                                                            \
    X("ema", "0")                                                                                  \
    X("shards", "1")                                                                               \
    X("clip-norm", "1e-2")                                                                         \
    X("sampling", "consecutive")                                                                   \
    X("offset", "zero")                                                                            \
    X("val-fraction", "0")                                                                         \
    X("pred-period", "50")                                                                         \
    X("report-every", "0")                                                                         \
    X("pred-len", "50")                                                                            \
    X("prefix", "分开")                                                                            \
    X("prefix", "不分开")

/* A lyricist's own songs, up to about 50,000 characters. */
#define PRESET_SMALL(X, F)                                                                         \
    X("cell", "gru")                                                                               \
    X("hidden-size", "512")                                                                        \
    X("num-layers", "1")                                                                           \
    X("embedding-size", "512")                                                                     \
    F("tie")                                                                                       \
    X("dropout-input", "0.5")                                                                      \
    X("dropout-output", "0.5")                                                                     \
    X("num-epochs", "10")                                                                          \
    X("batch-size", "16")                                                                          \
    X("num-steps", "35")                                                                           \
    X("lr", "2e-3")                                                                                \
    X("schedule", "cosine")                                                                        \
    X("warmup", "30")                                                                              \
    X("clip-norm", "1")                                                                            \
    X("val-songs", "0.1")                                                                          \
    X("pred-period", "5")

/* A collection, up to about a million characters. */
#define PRESET_MEDIUM(X, F)                                                                        \
    X("cell", "gru")                                                                               \
    X("hidden-size", "384")                                                                        \
    X("num-layers", "1")                                                                           \
    X("embedding-size", "384")                                                                     \
    F("tie")                                                                                       \
    X("dropout-input", "0.7")                                                                      \
    X("dropout-output", "0.6")                                                                     \
    X("dropout-weight", "0.5")                                                                     \
    X("num-epochs", "32")                                                                          \
    X("batch-size", "32")                                                                          \
    X("num-steps", "35")                                                                           \
    X("lr", "3e-3")                                                                                \
    X("schedule", "cosine")                                                                        \
    X("warmup", "50")                                                                              \
    X("weight-decay", "0.3")                                                                       \
    X("clip-norm", "1")                                                                            \
    X("val-songs", "0.05")                                                                         \
    X("pred-period", "5")

/* More than that, on a GPU. */
#define PRESET_LARGE(X, F)                                                                         \
    X("cell", "lstm")                                                                              \
    X("hidden-size", "1024")                                                                       \
    X("num-layers", "1")                                                                           \
    X("embedding-size", "512")                                                                     \
    F("tie")                                                                                       \
    X("dropout-input", "0.3")                                                                      \
    X("dropout-output", "0.4")                                                                     \
    X("dropout-weight", "0.3")                                                                     \
    X("num-epochs", "15")                                                                          \
    X("batch-size", "64")                                                                          \
    X("num-steps", "100")                                                                          \
    X("lr", "2e-3")                                                                                \
    X("schedule", "cosine")                                                                        \
    X("warmup", "200")                                                                             \
    X("weight-decay", "0.01")                                                                      \
    X("ema", "0.99")                                                                               \
    X("clip-norm", "1")                                                                            \
    X("val-songs", "0.02")                                                                         \
    X("pred-period", "1")

/* Sets the options of the preset that the fields name, if they name one, to their values there,
 * except those that the command line has. model is the network of --init, whose shape is taken;
 * NULL: a new one. Prints which options a preset for a size of corpus sets. LYRNN_ERR_MEMORY. */
lyrnn_status train_take_preset(train_fields *fields, const option_result *result,
                               const lyrnn_rnn_config *model);

/* Whether the preset that the fields name sets the option --name. */
bool train_preset_has(const train_fields *fields, const char *name);

#endif
