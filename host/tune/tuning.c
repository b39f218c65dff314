/* Measures plans on the first layer's recurrence (model/plan_probe.h). All plans of a direction are
 * tried together, twice, with the other direction between the two trials, and choice.c then
 * chooses. */
#include "tune/tuning.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/plain_text.h"
#include "model/plan_probe.h"
#include "tune/plan_cache.h"

enum { NUM_TRIALS = 2 };

/* A probe is short: over many steps, a trained network may amplify what rounding changes. */
enum { PROBE_STEPS = 32 };

typedef struct {
    lyrnn_trainer *trainer;
    lyrnn_backend *backend;
    const tuning_request *request;
    tuning_request followed; /* that of a rank which takes the plans of rank 0 */
    tuning *result;
    plan_cache cache;
    plan_cache_key key;
    bool is_decided[PLAN_DIRECTIONS];
    bool has_no_cache; /* a notice has said so */
    double start;
} tuner;

/* Says once that the cache cannot be used, with the error text. */
static void check_cache(tuner *t, lyrnn_status status)
{
    if (status == LYRNN_OK || t->has_no_cache)
        return;
    lyrnn_print_plain(t->request->log, "notice: the cache of plans is not used: %s\n",
                      lyrnn_error_text());
    t->has_no_cache = true;
}

static void list_plans(const tuner *t, int direction)
{
    plan_set *set = &t->result->sets[direction];
    *set = (plan_set){.shape = lyrnn_trainer_recurrence(t->trainer, direction == PLAN_BACKWARD)};
    set->num = t->backend->plan_list(t->backend, &set->shape, set->plans);
    for (int i = 0; i < set->num; i++) {
        set->plans[i].us = set->plans[i].error = NAN;
        set->plans[i].fault[0] = '\0';
    }
}

/* Tries all plans of a set over so many steps. LYRNN_ERR_MEMORY: there is no room for it. */
static lyrnn_status try_steps(const tuner *t, int direction, int num_steps, plan_set *set)
{
    const lyrnn_plan_probe probe =
        lyrnn_trainer_probe(t->trainer, direction == PLAN_BACKWARD, num_steps);
    LYRNN_TRY(t->backend->plan_try(t->backend, &probe, set->num, set->plans));
    plan_set_judge(set, t->backend->precision);
    return LYRNN_OK;
}

/* Tries all plans of a set. A plan may begin with work for the whole sequence, such as loading
 * W_hh, which makes a step of a short probe look slow. So a sequence that is longer than the probe
 * has the time that follows from two lengths: us = step + load / steps. */
static lyrnn_status try_plans(const tuner *t, int direction, plan_set *set)
{
    plan_set half = *set;
    LYRNN_TRY(try_steps(t, direction, PROBE_STEPS, set));
    if (set->shape.T <= PROBE_STEPS)
        return LYRNN_OK;
    LYRNN_TRY(try_steps(t, direction, PROBE_STEPS / 2, &half));
    for (int i = 0; i < set->num; i++) {
        lyrnn_plan *plan = &set->plans[i];
        double load = PROBE_STEPS * (half.plans[i].us - plan->us);
        plan->us += load / set->shape.T - load / PROBE_STEPS;
        if (plan->fault[0] == '\0')
            memcpy(plan->fault, half.plans[i].fault, sizeof plan->fault);
    }
    return LYRNN_OK;
}

/* Without memory the device's own choice stands. */
static lyrnn_status forgive_memory(const tuner *t, lyrnn_status status)
{
    if (status != LYRNN_ERR_MEMORY)
        return status;
    lyrnn_print_plain(t->request->log, "notice: plans are not measured: %s\n", lyrnn_error_text());
    return LYRNN_OK;
}

static void warn_of_faults(const tuner *t, int direction)
{
    const plan_set *set = &t->result->sets[direction];
    for (int i = 0; i < set->num; i++)
        if (set->plans[i].fault[0] != '\0')
            lyrnn_print_plain(t->request->log, "warning: plan %s=%s is not used: %s\n",
                              plan_directions[direction], set->plans[i].text, set->plans[i].fault);
}

/* Makes the given plan the choice; a plan that the device does not list is then the only one. */
static void choose_given(plan_set *set, const char *text)
{
    set->chosen = plan_set_find(set, text);
    if (set->chosen >= 0)
        return;
    lyrnn_plan *plan = &set->plans[0];
    *plan = (lyrnn_plan){.expected_us = NAN, .us = NAN, .error = NAN};
    snprintf(plan->text, sizeof plan->text, "%s", text);
    set->num = 1;
    set->chosen = 0;
}

/* Verifies the given plan, unless the cache knows it. */
static lyrnn_status verify_given(const tuner *t, int direction)
{
    plan_set *set = &t->result->sets[direction];
    int given = set->chosen;
    plan_set tried = {.shape = set->shape, .num = 1, .plans = {set->plans[given]}};
    if (t->request->mode == LYRNN_TUNE_OFF)
        return LYRNN_OK;
    bool is_known =
        t->request->mode == LYRNN_TUNE_CACHE && plan_cache_find(&t->cache, &t->key, set);
    set->chosen = given;
    if (is_known)
        return LYRNN_OK;
    LYRNN_TRY(forgive_memory(t, try_plans(t, direction, &tried)));
    set->plans[given] = tried.plans[0];
    return LYRNN_OK;
}

/* Why a given plan cannot be used. */
typedef struct {
    lyrnn_status status;
    const char *problem, *remedy;
} rejection;

/* "forward=PLAN", as the given text has it. */
static void print_given(const tuning_request *request, int direction, plan_pair_text text)
{
    plan_pair part = {0};
    memcpy(part.texts[direction], request->given.texts[direction], sizeof part.texts[direction]);
    plan_pair_print(&part, text);
}

static void warn_of_other_plan(const tuning_request *request, const char *plan, const char *problem)
{
    lyrnn_print_plain(request->log,
                      "warning: the run's plan %s: %s; another one takes its place, and sums round "
                      "differently from here on\n",
                      plan, problem);
}

/* The user's plan is an error. The run's plan gives way to another one. */
static lyrnn_status reject_given(const tuner *t, int direction, const rejection *why)
{
    plan_pair_text plan;
    print_given(t->request, direction, plan);
    if (!t->request->is_of_run)
        return lyrnn_fail(why->status, "--plan %s: %s; %s", plan, why->problem, why->remedy);
    warn_of_other_plan(t->request, plan, why->problem);
    return LYRNN_OK;
}

static lyrnn_status reject_unfit(const tuner *t, int direction)
{
    const plan_set *set = &t->result->sets[direction];
    char fitting[LYRNN_MAX_PLANS * (LYRNN_PLAN_BYTES + 2)] = "choose one of ";
    size_t length = strlen(fitting);
    for (int i = 0; i < set->num; i++)
        length += (size_t)snprintf(fitting + length, sizeof fitting - length, "%s%s",
                                   i > 0 ? ", " : "", set->plans[i].text);
    const rejection why = {LYRNN_ERR_USAGE, "does not fit this device and model", fitting};
    return reject_given(t, direction, &why);
}

static lyrnn_status reject_faulty(const tuner *t, int direction)
{
    plan_set *set = &t->result->sets[direction];
    char fault[sizeof set->plans[0].fault];
    memcpy(fault, set->plans[set->chosen].fault, sizeof fault);
    const rejection why = {LYRNN_ERR_UNSUPPORTED, fault, "leave the option out"};
    list_plans(t, direction);
    LYRNN_TRY(t->backend->plan_use(t->backend, &set->shape, NULL));
    return reject_given(t, direction, &why);
}

/* Decides for the plan that the user or the run names, if it names one. */
static lyrnn_status take_given(tuner *t, int direction)
{
    const char *text = t->request->given.texts[direction];
    plan_set *set = &t->result->sets[direction];
    if (text[0] == '\0')
        return LYRNN_OK;
    if (t->backend->plan_use(t->backend, &set->shape, text) != LYRNN_OK)
        return reject_unfit(t, direction);
    choose_given(set, text);
    LYRNN_TRY(verify_given(t, direction));
    if (set->plans[set->chosen].fault[0] != '\0')
        return reject_faulty(t, direction);
    t->is_decided[direction] = true;
    t->result->sources[direction] = t->request->is_of_run ? PLAN_OF_RUN : PLAN_GIVEN;
    return LYRNN_OK;
}

static void take_cached(tuner *t, int direction)
{
    if (t->is_decided[direction] || t->request->mode != LYRNN_TUNE_CACHE)
        return;
    t->is_decided[direction] = plan_cache_find(&t->cache, &t->key, &t->result->sets[direction]);
    if (t->is_decided[direction])
        t->result->sources[direction] = PLAN_FROM_CACHE;
}

/* The trials of one direction. */
typedef struct {
    plan_set sets[NUM_TRIALS];
    int num;        /* trials so far */
    double seconds; /* how long the last one took */
} trials;

/* Runs the next trial of a direction. The first one verifies, and always runs. The second one makes
 * the times certain, and runs if there is time. */
static lyrnn_status run_trial(const tuner *t, int direction, trials *done)
{
    double begin = lyrnn_seconds(), most = t->request->max_seconds;
    if (done->num > 0 && most > 0.0 && begin - t->start + done->seconds > most)
        return LYRNN_OK;
    plan_set *set = &done->sets[done->num];
    *set = t->result->sets[direction];
    LYRNN_TRY(try_plans(t, direction, set));
    done->num++;
    done->seconds = lyrnn_seconds() - begin;
    return LYRNN_OK;
}

/* Chooses by the trials of a direction. After a single one, which noise may have disturbed, only
 * faults count. */
static void choose_measured(tuner *t, int direction, trials *done)
{
    plan_set *set = &t->result->sets[direction];
    bool is_whole = done->num == NUM_TRIALS;
    if (done->num == 0)
        return;
    *set = done->sets[0];
    for (int i = 0; !is_whole && i < set->num; i++)
        done->sets[0].plans[i].us = NAN;
    plan_set_choose(set, &done->sets[done->num - 1]);
    warn_of_faults(t, direction);
    if (!is_whole || set->chosen < 0)
        return;
    t->result->sources[direction] = PLAN_MEASURED;
    check_cache(t, plan_cache_add(&t->cache, &t->key, set));
}

static lyrnn_status measure(tuner *t)
{
    trials done[PLAN_DIRECTIONS] = {0};
    lyrnn_status status = LYRNN_OK;
    if (t->request->mode == LYRNN_TUNE_OFF)
        return LYRNN_OK;
    t->start = lyrnn_seconds();
    for (int i = 0; status == LYRNN_OK && i < NUM_TRIALS * PLAN_DIRECTIONS; i++) {
        int direction = i % PLAN_DIRECTIONS;
        if (!t->is_decided[direction])
            status = run_trial(t, direction, &done[direction]);
    }
    t->result->seconds = lyrnn_seconds() - t->start;
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        if (!t->is_decided[i])
            choose_measured(t, i, &done[i]);
    return forgive_memory(t, status);
}

static lyrnn_status use_chosen(const tuner *t, int direction)
{
    const plan_set *set = &t->result->sets[direction];
    if (set->chosen < 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "%s: no plan of the recurrence works on this device (%s=%s: %s); use "
                          "--device cpu",
                          t->backend->name, plan_directions[direction], set->plans[0].text,
                          set->plans[0].fault);
    return t->backend->plan_use(t->backend, &set->shape, set->plans[set->chosen].text);
}

static lyrnn_status decide(tuner *t)
{
    if (t->request->mode != LYRNN_TUNE_OFF)
        check_cache(t, plan_cache_open(&t->cache));
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        LYRNN_TRY(take_given(t, i));
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        take_cached(t, i);
    LYRNN_TRY(measure(t));
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        LYRNN_TRY(use_chosen(t, i));
    return LYRNN_OK;
}

lyrnn_status tuning_check_given(lyrnn_backend *backend, const lyrnn_recurrence_shape *shape,
                                const plan_pair *given)
{
    lyrnn_plan plans[LYRNN_MAX_PLANS];
    plan_pair_text text;
    plan_pair_print(given, text);
    if (text[0] == '\0' || backend->plan_list(backend, shape, plans) > 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--plan %s: device %s has only one way to compute a recurrence; leave the "
                      "option out, or use --device cuda",
                      text, backend->name);
}

/* A run that began on another device has plans that this one lacks. */
static lyrnn_status do_without_plans(const tuner *t)
{
    plan_pair_text text;
    plan_pair_print(&t->request->given, text);
    if (!t->request->is_of_run)
        return tuning_check_given(t->backend, &t->result->sets[0].shape, &t->request->given);
    if (text[0] != '\0')
        warn_of_other_plan(t->request, text, "does not fit this device");
    return LYRNN_OK;
}

static lyrnn_status decide_alone(tuner *t)
{
    return t->result->sets[PLAN_FORWARD].num > 0 ? decide(t) : do_without_plans(t);
}

/* Decides as rank 0 did: all ranks must add in the same order. The others verify its plans on their
 * own devices, as if the user had given them. They fail with rank 0, so that none waits for it. */
static lyrnn_status decide_with_ranks(tuner *t, lyrnn_comm *comm)
{
    struct {
        lyrnn_status status;
        plan_pair plans;
    } decision = {.status = LYRNN_OK};
    if (comm->rank == 0) {
        decision.status = decide_alone(t);
        decision.plans = tuning_plans(t->result);
    }
    LYRNN_TRY(comm->broadcast(comm, &decision, sizeof decision));
    if (comm->rank == 0)
        return decision.status;
    if (decision.status != LYRNN_OK)
        return lyrnn_fail(decision.status, "plan: rank 0 has none; see its line");
    t->followed = *t->request;
    t->followed.given = decision.plans;
    t->followed.is_of_run = false;
    t->request = &t->followed;
    return decide_alone(t);
}

lyrnn_status tuning_run(lyrnn_trainer *trainer, const tuning_request *request, tuning *result)
{
    tuner t = {.trainer = trainer,
               .backend = trainer->model->backend,
               .request = request,
               .result = result,
               .key = {.precision = trainer->model->backend->precision}};
    *result = (tuning){0};
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        list_plans(&t, i);
    if (result->sets[PLAN_FORWARD].num > 0)
        t.backend->plan_device(t.backend, t.key.device, sizeof t.key.device);
    lyrnn_comm *comm = t.backend->comm;
    lyrnn_status status = comm != NULL ? decide_with_ranks(&t, comm) : decide_alone(&t);
    plan_cache_close(&t.cache);
    return status;
}

lyrnn_status tuning_release(const tuning *result, lyrnn_backend *backend)
{
    for (int i = 0; i < PLAN_DIRECTIONS && result->sets[i].num > 0; i++)
        LYRNN_TRY(backend->plan_use(backend, &result->sets[i].shape, NULL));
    return LYRNN_OK;
}

plan_pair tuning_plans(const tuning *result)
{
    plan_pair pair = {0};
    for (int i = 0; i < PLAN_DIRECTIONS; i++) {
        const plan_set *set = &result->sets[i];
        if (set->num > 0)
            memcpy(pair.texts[i], set->plans[set->chosen].text, sizeof pair.texts[i]);
    }
    return pair;
}

/* Writes the times that are known, and where the choice comes from. */
static void describe(const tuning *result, int direction, char *text, size_t size)
{
    const plan_set *set = &result->sets[direction];
    const lyrnn_plan *plan = &set->plans[set->chosen];
    char measured[64] = "", expected[64] = "", source[64];
    static const char *const sources[] = {
        [PLAN_BY_ESTIMATE] = "by estimate",
        [PLAN_FROM_CACHE] = "from the cache",
        [PLAN_GIVEN] = "given by --plan",
        [PLAN_OF_RUN] = "as the run began",
    };
    if (plan->us > 0.0)
        snprintf(measured, sizeof measured, "%.3g us per time step, ", plan->us);
    if (plan->expected_us > 0.0)
        snprintf(expected, sizeof expected, "%.3g expected, ", plan->expected_us);
    if (result->sources[direction] == PLAN_MEASURED)
        snprintf(source, sizeof source, "measured in %.1f s", result->seconds);
    else
        snprintf(source, sizeof source, "%s", sources[result->sources[direction]]);
    snprintf(text, size, "%s%s%s", measured, expected, source);
}

void tuning_log(const tuning *result, FILE *log)
{
    char texts[PLAN_DIRECTIONS][256];
    plan_pair pair = tuning_plans(result);
    if (pair.texts[PLAN_FORWARD][0] == '\0')
        return;
    for (int i = 0; i < PLAN_DIRECTIONS; i++)
        describe(result, i, texts[i], sizeof texts[i]);
    lyrnn_print_plain(log, "plan: forward=%s (%s), backward=%s (%s)\n", pair.texts[PLAN_FORWARD],
                      texts[PLAN_FORWARD], pair.texts[PLAN_BACKWARD], texts[PLAN_BACKWARD]);
}
