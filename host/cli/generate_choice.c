/* A text is generated in one of three ways: the most likely character each time, characters sampled
 * at random, or beam search. The options that the user gave decide which. */
#include "cli/generate_choice.h"

/* Options that sample at random, then those that only change the logits. */
static const char *const sampling_options[] = {"temperature",  "top-k",          "top-p",
                                               "min-p",        "num-samples",    "seed",
                                               "first-sample", "repeat-penalty", "repeat-last-n"};
enum { NUM_RANDOM = 7, NUM_SAMPLING = 9 };

/* Returns the first option of sampling_options[first .. end-1] that the user gave, or NULL. */
static const char *find_given(const generate_choice *choice, int first, int end)
{
    for (int i = first; i < end; i++)
        if (options_given(choice->table, choice->result, sampling_options[i]))
            return sampling_options[i];
    return NULL;
}

/* Settles how characters are chosen: the most likely one, at random, or by beam search. */
static lyrnn_status choose_way(const generate_choice *choice, lyrnn_sampler *sampler,
                               bool *is_random)
{
    /* --temperature 0 is --greedy, so it contradicts neither --greedy nor the other samplers. */
    bool is_cold = sampler->temperature == 0.0f;
    const char *random = find_given(choice, is_cold ? 1 : 0, NUM_RANDOM);
    const char *any = find_given(choice, 0, NUM_SAMPLING);
    if (choice->num_beams > 0 && (any != NULL || choice->greedy))
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--beam: searches for the most likely text, and --%s chooses another way; "
            "leave one of them out",
            any != NULL ? any : "greedy");
    if (choice->greedy && random != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--greedy: takes the most likely character, and --%s samples at random; "
                          "leave one of them out",
                          random);
    if (is_cold && choice->num_samples > 1)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--num-samples %zu: with --temperature 0 all texts are the same; raise "
                          "the temperature, or leave one of them out",
                          choice->num_samples);
    *is_random = !choice->greedy && choice->num_beams == 0 && !is_cold &&
                 (any != NULL || choice->num_suggestions > 0);
    if (!*is_random)
        sampler->temperature = 0.0f;
    return LYRNN_OK;
}

/* --suggest decides itself how many samples it needs and how long they are. */
static lyrnn_status check_suggest(const generate_choice *choice, const lyrnn_sampler *sampler)
{
    static const char *const others[] = {"greedy", "num-samples", "first-sample", "beam",
                                         "lines",  "acrostic",    "stop"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (options_given(choice->table, choice->result, others[i]))
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--suggest: samples lines of its own, and --%s asks for other texts; "
                              "leave one of them out",
                              others[i]);
    if (sampler->temperature == 0.0f)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--suggest: with --temperature 0 all lines are the same; raise the "
                          "temperature");
    return LYRNN_OK;
}

lyrnn_status generate_choose(const generate_choice *choice, lyrnn_sampler *sampler, bool *is_random)
{
    if (choice->num_suggestions > 0)
        LYRNN_TRY(check_suggest(choice, sampler));
    return choose_way(choice, sampler, is_random);
}
