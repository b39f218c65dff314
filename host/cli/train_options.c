/* The table of lyrnn train: every option with its help, limits and default. train.c uses it, and
 * train_presets.h says what the presets stand for. */
#include "cli/train_options.h"

#include <limits.h>

#include "cli/ranks_start.h"
#include "cli/reading.h"
#include "cli/train_presets.h"

_Static_assert(LYRNN_MAX_HIDDEN_SIZE == 65536, "the limit of --hidden-size");
_Static_assert(LYRNN_MAX_SHARDS == 1024, "the limit of --shards");
_Static_assert(LYRNN_MAX_LAYERS == 16, "the limit of --num-layers");

/* What a preset stands for, in the man page. */
#define WORDS(name, value)   " --" name " " value
#define WORD(name)           " --" name
#define MEANING(name, lists) #name " stands for these options:" lists(WORDS, WORD) ". "
/* clang-format off */
#define PRESET_DETAIL                                                                              \
    MEANING(tutorial, PRESET_TUTORIAL)                                                             \
    MEANING(small, PRESET_SMALL)                                                                   \
    MEANING(medium, PRESET_MEDIUM)                                                                 \
    MEANING(large, PRESET_LARGE)                                                                   \
    "small is for up to about 50,000 characters, such as the songs of one lyricist, medium for up" \
    " to about a million, and large for more. A line on standard error says what such a preset"    \
    " sets, and another one if the corpus has another size. An option on the command line"         \
    " replaces the preset's value, whether it comes before or after --preset. --init keeps the"    \
    " shape of its model, and cannot be used with tutorial."
/* clang-format on */

/* The limit of --seed is that of the integers in config.json. */
#define FIELD(member) .offset = offsetof(train_fields, member)
static const option_spec specs[] = {
    {OPTION_CHOICE, "preset", PRESET_WORDS,
     "begin with all choices of the tutorial, or with a recipe for a small, medium or large corpus",
     FIELD(preset), .fallback = "none", .if_missing = "none", .detail = PRESET_DETAIL},

    READING_OPTIONS(train_fields, train.text),

    {OPTION_HEADING, .help = "Model:"},
    {OPTION_CHOICE, "cell", "rnn_tanh|rnn_relu|lstm|gru", "recurrent cell", FIELD(train.model.cell),
     .fallback = "rnn_tanh"},
    {OPTION_INT, "hidden-size", "N", "hidden units per layer and direction",
     FIELD(train.model.hidden_size), .fallback = "256", .min = "1", .max = "65536"},
    {OPTION_INT, "num-layers", "N", "stacked recurrent layers", FIELD(train.model.num_layers),
     .fallback = "1", .min = "1", .max = "16"},
    {OPTION_FLAG, "bidirectional", NULL, "also read each piece of text backward",
     FIELD(train.model.bidirectional),
     .detail = "Such a model sees the characters that it is asked to predict, and a warning says "
               "so."},
    {OPTION_FLOAT, "dropout", "P", "probability to drop an output between two layers",
     FIELD(train.model.dropout), .fallback = "0", .min = "0", .max = "1"},
    {OPTION_INT, "embedding-size", "E",
     "learn an embedding of E numbers per character; 0: one-hot vectors",
     FIELD(train.model.embedding_size), .fallback = "0", .min = "0", .max = "65536",
     .detail = "With a large vocabulary such a model has far fewer parameters. The RNNModel of the "
               "tutorial cannot load it.",
     .if_missing = "0"},
    {OPTION_FLAG, "tie", NULL, "the output layer shares the weights of the embedding",
     FIELD(train.model.tied),
     .detail = "If the embedding is smaller or larger than the output of the layers, a projection "
               "without a bias leads from one size to the other."},
    {OPTION_FLOAT, "dropout-input", "P", "probability to drop a number of the embedding",
     FIELD(train.model.dropout_input), .fallback = "0", .min = "0", .max = "1",
     .detail = "A number that is dropped stays dropped for all --num-steps characters of a text "
               "sequence (locked dropout).",
     .if_missing = "0"},
    {OPTION_FLOAT, "dropout-output", "P", "probability to drop an output of the last layer",
     FIELD(train.model.dropout_output), .fallback = "0", .min = "0", .max = "1",
     .detail = "As --dropout-input, it is the same for all --num-steps characters.",
     .if_missing = "0"},
    {OPTION_FLOAT, "dropout-weight", "P", "probability to drop a recurrent weight",
     FIELD(train.model.dropout_weight), .fallback = "0", .min = "0", .max = "1",
     .detail = "The weights are those from hidden units to hidden units (DropConnect). Those that "
               "are dropped are the same for a whole batch.",
     .if_missing = "0"},
    {OPTION_TEXT, "init", "MODEL|RUN_DIR",
     "start from the shape and weights of this model instead of a new one", FIELD(init_path),
     .detail =
         "MODEL may also be a state_dict that PyTorch saved as safetensors. The vocabulary is "
         "that of the lyrics: characters that the model knows keep their weights, new ones "
         "begin as in a new model, and the others are dropped. A line on standard error "
         "names all three. The shape is that of the model; an option that contradicts it is "
         "an error. --dropout, --dropout-input, --dropout-output and --dropout-weight are no part "
         "of it.",
     .completes = COMPLETE_MODEL},

    {OPTION_HEADING, .help = "Training:"},
    {OPTION_INT, "num-epochs", "N", "passes over the lyrics; 0: save the untrained model",
     FIELD(train.num_epochs), .fallback = "250", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_INT, "batch-size", "N", "text sequences per batch, read in parallel",
     FIELD(train.batch_size), .fallback = "32", .min = "1", .max = "65536"},
    {OPTION_INT, "num-steps", "N", "time steps per batch, through which gradients reach back",
     FIELD(train.num_steps), .fallback = "35", .min = "1", .max = "8192",
     .detail = "A time step is a character."},
    {OPTION_FLOAT, "lr", "RATE", "learning rate of Adam", FIELD(train.optimizer.learning_rate),
     .fallback = "1e-3", .min = "0", .max = "1e6", .may_change = true},
    {OPTION_CHOICE, "schedule", LYRNN_SCHEDULE_WORDS, "how the learning rate changes",
     FIELD(train.optimizer.schedule), .fallback = "constant",
     .detail = "cosine lowers it along half a cosine to 0 at the end of --num-epochs. plateau "
               "halves it after 3 epochs without a better validation perplexity, and again after "
               "3 more.",
     .if_missing = "constant"},
    {OPTION_UINT64, "warmup", "STEPS", "let the learning rate rise from 0 over the first STEPS",
     FIELD(train.optimizer.warmup_steps), .fallback = "0", .min = "0", .max = "1000000000000",
     .detail = "A step is a batch. The plan on standard error says how many an epoch has.",
     .if_missing = "0"},
    {OPTION_FLOAT, "weight-decay", "W", "weight decay of AdamW; 0: Adam",
     FIELD(train.optimizer.weight_decay), .fallback = "0", .min = "0", .max = "1000",
     .detail = "Each step makes a weight smaller by the learning rate times W of it. Biases and "
               "the embedding do not decay.",
     .if_missing = "0"},
    {OPTION_DOUBLE, "beta2", "B", "decay of Adam's mean of squared gradients",
     FIELD(train.optimizer.beta2), .fallback = "0.999", .min = "0.001", .max = "0.999999",
     .if_missing = "0.999"},
    {OPTION_DOUBLE, "ema", "DECAY",
     "validate and save an exponential moving average of the weights; 0: none",
     FIELD(train.optimizer.average_decay), .fallback = "0", .min = "0", .max = "0.999999",
     .detail = "After each step the average is DECAY of itself and the rest of the new weights. "
               "Over the first steps DECAY is at most (1 + step) / (10 + step). The checkpoint "
               "has the average as its model, and for --resume the weights too.",
     .if_missing = "0"},
    {OPTION_INT, "shards", "S", "compute the gradients of a batch in S parts, to save memory",
     FIELD(train.optimizer.num_shards), .fallback = "1", .min = "1", .max = "1024",
     .detail = "S must divide --batch-size. The activations take as much memory as those of a "
               "batch S times smaller. The results are those of one part up to rounding. Several "
               "ranks share the parts equally, and S is their number unless it is given. The "
               "results depend on S. They are the same for every number of ranks N where S / N is "
               "a power of two.",
     .if_missing = "1"},
    {OPTION_FLOAT, "clip-norm", "NORM", "clip gradients to this L2 norm; 0: no clipping",
     FIELD(train.optimizer.clip_norm), .fallback = "1e-2", .min = "0", .max = "1e6",
     .detail = "The norm is that of all gradients together.", .may_change = true},
    {OPTION_CHOICE, "sampling", LYRNN_SAMPLING_WORDS,
     "consecutive: carry the state through the text; random: shuffle pieces; songs: shuffle whole "
     "songs [songs]",
     FIELD(train.sampling),
     .detail = "songs starts each song from the zero state, as generate and eval do, and shuffles "
               "the songs. Short songs are padded, and --batch-size is lowered if fewer songs at a "
               "time take as many batches. consecutive is the tutorial's way: it carries the "
               "hidden state from batch to batch through the whole text. A model that is trained "
               "like that knows the zero state little, and may write nonsense from it. random "
               "starts each piece of --num-steps characters from the zero state, and shuffles the "
               "pieces. A corpus of one song, and any corpus of a bidirectional model, is sampled "
               "consecutively unless this option says otherwise; --songs says what a song is."},
    {OPTION_CHOICE, "offset", "zero|random", "first character of an epoch", FIELD(offset),
     .fallback = "zero",
     .detail = "random leaves out up to --num-steps characters at the start of each epoch, as "
               "later editions of the tutorial do. --sampling songs has no offset.",
     .if_missing = "zero"},
    {OPTION_FLOAT, "val-songs", "SHARE", "hold out this SHARE of the songs for validation; 0: none",
     FIELD(train.val_songs), .fallback = "0", .min = "0", .max = "0.9",
     .detail = "The perplexity of these songs, each read from its start, is printed too, and best "
               "is the checkpoint where it was lowest. A hash of a song's text and of --seed "
               "decides whether it is held out. So the share is met approximately, and adding "
               "or removing a song moves no other one. But at least one song is held out, and at "
               "least one is learned. A line says how many are held out, and how much of them the "
               "other songs have too.",
     .if_missing = "0"},
    {OPTION_FLOAT, "val-fraction", "SHARE",
     "hold out the last SHARE of the text for validation; 0: none", FIELD(train.val_fraction),
     .fallback = "0", .min = "0", .max = "0.9",
     .detail = "As --val-songs, but with the end of the text, for texts without songs. It begins "
               "where the training text ends, so validation continues with the state of the "
               "training. If songs are sampled, the last songs are held out instead, and each is "
               "read from its start."},
    {OPTION_FLAG, "drop-leaks", NULL,
     "do not learn lines that share 8 or more characters in a row with the held-out text",
     FIELD(train.drop_leaks)},
    {OPTION_INT, "patience", "N",
     "stop after N epochs without a better validation perplexity; 0: never", FIELD(train.patience),
     .fallback = "0", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_INT, "report-every", "STEPS",
     "also report and validate every STEPS steps; 0: only after epochs", FIELD(train.report_every),
     .fallback = "0", .min = "0", .max = "1000000000",
     .detail =
         "For texts whose epochs take long. A step is a batch, and the plan on standard error "
         "says how many an epoch has. A report prints the perplexity of the epoch so "
         "far, the validation perplexity and sample texts, and adds a line to metrics.jsonl. If "
         "the validation is the best so far, a checkpoint is saved.",
     .may_change = true, .if_missing = "0"},
    {OPTION_UINT64, "seed", "N", "seed of all random numbers: same seed, same model",
     FIELD(train.seed), .fallback = "1", .min = "0", .max = "9223372036854775807"},

    {OPTION_HEADING, .help = "Sample texts while training:"},
    {OPTION_INT, "pred-period", "N", "generate them every N epochs", FIELD(train.pred_period),
     .fallback = "50", .min = "1", .max = "1000000", .may_change = true},
    {OPTION_INT, "pred-len", "N", "characters to generate after each prefix", FIELD(train.pred_len),
     .fallback = "50", .min = "0", .max = "1000000", .may_change = true},
    {OPTION_TEXTS, "prefix", "TEXT", "begin a sample text with TEXT (\\n: newline); repeatable",
     FIELD(prefixes), .fallback = "分开, 不分开",
     .detail = "In TEXT, \\n is a newline, \\t a tab and \\\\ a backslash.", .may_change = true},

    {OPTION_HEADING, .help = "Results:"},
    {OPTION_TEXT, "resume", "RUN_DIR", "continue this run where it stopped, with its own options",
     FIELD(resume_path),
     .detail =
         "A resumed run ends with the same bytes as one that never stopped, on the same "
         "backend and number of threads. Only options whose text says so may change. The lyrics "
         "are found where they were, or named again; their hash must be that of the run.",
     .completes = COMPLETE_RUN, .may_change = true},
    {OPTION_FLAG, "continue", NULL,
     "begin the run that --out names, or continue it; do nothing if it is complete",
     FIELD(train.is_repeated),
     .detail = "For schedulers, which repeat a command: the same command line begins the run, "
               "begins it again if nothing was saved before a kill, continues it from its latest "
               "checkpoint, and ends with status 0 once it is complete. The other options must be "
               "those that the run began with, as for --resume, and --init is used only when it "
               "begins."},
    {OPTION_TEXT, "trial", "FILE.jsonl",
     "train once per line of this file, with the options of the line, and compare",
     FIELD(trial_path),
     .detail =
         "Each line is a JSON object of options, with the names of config.json: {\"hidden_size\": "
         "512, \"lr\": 0.002}. The other options are those of the command line. All lines are "
         "checked before the first training. The runs are trial-001, trial-002 and so on in the "
         "directory that --out names. A table on standard output ranks them by their best "
         "validation perplexity, or by their best perplexity if nothing is held out; trials.jsonl "
         "in the directory has the ranks too. A trial that fails, for example because its loss is "
         "not finite, is reported, and the others are trained; the exit status is then 1. Ctrl-C "
         "stops all of them. The same command with --continue skips the trials that are complete "
         "and continues the others. The line of a trial that has a run must stay as it was, except "
         "for what may change on resume; --lr and --clip-norm may not. What is read and what is "
         "held out cannot vary, also not by a preset, and neither can --sampling and the "
         "directory. Another --seed holds out other songs for --val-songs, but not for "
         "--val-fraction.",
     .completes = COMPLETE_FILE},
    {OPTION_TEXT, "out", "DIR", "directory of the run [runs/<date-time>]", FIELD(train.out_path),
     .completes = COMPLETE_DIRECTORY},
    {OPTION_FLAG, "overwrite", NULL, "replace the run that --out names", FIELD(train.overwrite),
     .detail = "The first checkpoint of the new run replaces it. Until then it stays as it was."},
    {OPTION_INT, "checkpoint-every", "N", "save a checkpoint every N epochs and after the last",
     FIELD(train.checkpoint_every), .fallback = "50", .min = "1", .max = "1000000",
     .detail = "The checkpoint with the best validation perplexity is saved in any case, until a "
               "better one replaces it.",
     .may_change = true},
    {OPTION_FLOAT, "checkpoint-minutes", "M",
     "also save one when M minutes have passed since the last; 0: never",
     FIELD(train.checkpoint_minutes), .fallback = "10", .min = "0", .max = "1e6",
     .detail = "Such a checkpoint may be within an epoch; the next one replaces it. It does not "
               "change the training.",
     .may_change = true, .if_missing = "10"},
    {OPTION_INT, "keep", "N", "keep the last N checkpoints and the best one; 0: all",
     FIELD(train.keep), .fallback = "0", .min = "0", .max = "1000000", .may_change = true},

    {OPTION_HEADING, .help = "Ranks:"},
    RANKS_OPTION(train_fields, num_ranks),
    {OPTION_INT, "rendezvous-timeout", "SECONDS", "how long the ranks wait for each other to start",
     FIELD(rendezvous_timeout), .fallback = "300", .min = "1", .max = "86400",
     .detail = "Ranks are processes that train one model together, each with a device of its own. "
               "A launcher such as torchrun, srun or mpirun starts them.",
     .may_change = true, .if_missing = "300"},

    MACHINE_OPTIONS(train_fields, machine),
    PLAN_OPTIONS(train_fields, train.tune, train.plan),
};
#undef FIELD

static const option_file files[] = {
    {"runs/NAME/config.json", "every option as it was resolved, the version and the seed"},
    {"runs/NAME/metrics.jsonl",
     "one JSON object per epoch or report: loss, perplexity, characters per second"},
    {"runs/NAME/checkpoints/epoch-000050/model.safetensors",
     "weights by PyTorch's names, vocabulary and shape"},
    {"runs/NAME/checkpoints/epoch-000050/trainer.safetensors",
     "what --resume needs: Adam's moments, the carried state and counters"},
    {"runs/NAME/latest", "link to the latest checkpoint"},
    {"runs/NAME/best", "link to the checkpoint with the best validation perplexity"},
    {"runs/NAME/lock", "names the process that trains"},
    {"runs/NAME/.new/", "with --overwrite: the new run, until its first checkpoint"},
    {NULL, NULL},
};

const option_table train_table = {
    .name = "lyrnn train",
    .summary = "train a model on lyrics",
    .arguments = "[CORPUS...]",
    .doc = "Trains a model on lyrics: files, folders or archives of texts, LRC and JSON (-: "
           "standard input). Without a CORPUS it learns the sample lyrics that come with lyrnn. "
           "Perplexity and sample texts go to standard output, everything else to standard "
           "error.",
    .detail = READING_DETAIL
    " A text from standard input or a pipe must be named again to resume.\n"
    "On Ctrl-C and on SIGTERM, SIGHUP, SIGXCPU and SIGUSR2 the training finishes its "
    "step, saves a checkpoint and ends; --resume and --continue continue there. Signals "
    "that follow within a second count as one. A later one ends it at once, and the last "
    "checkpoint stays as it was. On SIGUSR1 it saves a checkpoint and continues. A signal "
    "that was ignored when the program started, as with nohup, stays ignored.",
    .examples = "lyrnn train --prefix 月光 --out runs/mine my_lyrics.txt\n"
                "lyrnn generate runs/mine --prefix 月光",
    .files = files,
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
    .max_arguments = INT_MAX,
    .first_argument = COMPLETE_FILE,
    .more_arguments = COMPLETE_FILE,
};
