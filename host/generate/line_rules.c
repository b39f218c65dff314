/* Checks line rules and prompts before the generation starts, and follows the lines of a text
 * (lyrnn/line_rules.h). Error texts name the options of lyrnn generate. */
#include "lyrnn/line_rules.h"

static bool has_rules(const lyrnn_line_rules *rules)
{
    return rules->min_line > 0 || rules->max_line > 0 || rules->num_lines > 0 ||
           rules->num_acrostic > 0;
}

static lyrnn_status check_acrostic(const lyrnn_line_rules *rules)
{
    for (int i = 0; i < rules->num_acrostic; i++)
        if (rules->acrostic[i] == rules->newline)
            return lyrnn_fail(LYRNN_ERR_USAGE, "--acrostic: holds a newline, which cannot begin a "
                                               "line; leave it out");
    if (rules->num_lines > 0 && rules->num_acrostic > rules->num_lines)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--acrostic: has %d characters, one for each line, but --lines %d ends the text "
            "earlier; raise --lines, or shorten --acrostic",
            rules->num_acrostic, rules->num_lines);
    return LYRNN_OK;
}

lyrnn_status lyrnn_line_rules_check(const lyrnn_line_rules *rules)
{
    if (!has_rules(rules))
        return LYRNN_OK;
    if (rules->newline < 0)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--lines, --min-line, --max-line, --acrostic and --suggest: the model knows no "
            "newline, because its text was a single line or was learned with "
            "--newlines space; leave them out, or train on a text of several lines");
    if (rules->max_line > 0 && rules->min_line > rules->max_line)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--min-line %d: is above --max-line %d; lower --min-line",
                          rules->min_line, rules->max_line);
    return check_acrostic(rules);
}

/* Says which rule the next character of the prompt, id, breaks. */
static lyrnn_status explain(const lyrnn_line_rules *rules, const lyrnn_vocab *vocab,
                            const lyrnn_text_state *state, int32_t id)
{
    int line = state->line + 1;
    char name[LYRNN_CHAR_NAME_BYTES];
    if (state->column == 0 && state->line < rules->num_acrostic) {
        lyrnn_char_name(vocab->chars[rules->acrostic[state->line]], name, sizeof name);
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--prefix: its line %d does not begin with %s of --acrostic; begin the "
                          "line with it, or leave --prefix or --acrostic out",
                          line, name);
    }
    if (id == rules->newline)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--prefix: its line %d is shorter than --min-line %d; lower --min-line, "
                          "or write a longer line",
                          line, rules->min_line);
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--prefix: its line %d is longer than --max-line %d; raise --max-line, or "
                      "write a shorter line",
                      line, rules->max_line);
}

/* Minimum number of characters that the rest of the lines needs. */
static size_t count_needed(const lyrnn_line_rules *rules, const lyrnn_text_state *state)
{
    size_t needed = 0;
    for (int line = state->line; line < rules->num_lines; line++) {
        int minimum = rules->min_line;
        if (line < rules->num_acrostic && minimum < 1)
            minimum = 1;
        int written = line == state->line ? state->column : 0;
        needed += (size_t)(minimum > written ? minimum - written : 0);
        needed += line + 1 < rules->num_lines;
    }
    return needed;
}

lyrnn_status lyrnn_line_rules_check_prompt(const lyrnn_line_rules *rules, const lyrnn_vocab *vocab,
                                           const lyrnn_prompt *prompt, size_t length)
{
    lyrnn_text_state state = {0};
    if (rules->newline < 0)
        return LYRNN_OK;
    for (size_t i = 0; i < prompt->length; i++) {
        int32_t id = prompt->ids[i];
        if (!lyrnn_line_rules_allow(rules, &state, id))
            return explain(rules, vocab, &state, id);
        if (lyrnn_line_rules_end(rules, &state, id))
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--prefix: begins a line beyond --lines %d; raise --lines, or "
                              "shorten the prefix",
                              rules->num_lines);
        lyrnn_line_rules_move(rules, &state, id);
    }
    size_t needed = count_needed(rules, &state);
    if (length < needed)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--length %zu: the lines need at least %zu characters after the prefix; raise "
            "--length",
            length, needed);
    return LYRNN_OK;
}

/* What the character id does in this state: twice the next state of the table of clusters, plus 1
 * if it begins a cluster. */
static int32_t cluster_step(const lyrnn_line_rules *rules, const lyrnn_text_state *state,
                            int32_t id)
{
    const lyrnn_clusters *clusters = rules->clusters;
    return clusters == NULL
               ? 1
               : clusters->steps[state->cluster * clusters->num_classes + clusters->classes[id]];
}

bool lyrnn_line_rules_allow(const lyrnn_line_rules *rules, const lyrnn_text_state *state,
                            int32_t id)
{
    if (rules->newline < 0)
        return true;
    if (state->column == 0 && state->line < rules->num_acrostic &&
        id != rules->acrostic[state->line])
        return false;
    if (id == rules->newline)
        return state->column >= rules->min_line;
    return rules->max_line == 0 || state->column < rules->max_line ||
           cluster_step(rules, state, id) % 2 == 0;
}

bool lyrnn_line_rules_end(const lyrnn_line_rules *rules, const lyrnn_text_state *state, int32_t id)
{
    return rules->newline >= 0 && id == rules->newline && rules->num_lines > 0 &&
           state->line + 1 >= rules->num_lines;
}

void lyrnn_line_rules_move(const lyrnn_line_rules *rules, lyrnn_text_state *state, int32_t id)
{
    bool is_newline = rules->newline >= 0 && id == rules->newline;
    int32_t step = is_newline ? 0 : cluster_step(rules, state, id);
    state->line += is_newline;
    state->column = is_newline ? 0 : state->column + step % 2;
    state->cluster = step / 2;
    state->length++;
}
