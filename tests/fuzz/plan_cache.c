/* Fuzzes plans.json, the user's cache of plans. Any bytes are refused in one line that names the
 * file, or read, with memory bounded by their number. The cache only chooses among the plans that
 * the device lists, and takes a new entry whatever the file held.
 *
 * An input is a file; '@' stands for the seam of this build, which the fuzzer cannot guess. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "lyrnn/status.h"
#include "tune/plan_cache.h"

enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 65536 + 16384 };

static const plan_cache_key key = {.device = "card"};

static plan_set listed(void)
{
    return (plan_set){.shape = {LYRNN_LSTM, false, 35, 32, 256},
                      .num = 2,
                      .plans = {{.text = "grid.c2.s32"}, {.text = "steps"}}};
}

static void check_found(const plan_cache *cache, plan_set *set)
{
    if (!plan_cache_find(cache, &key, set))
        return;
    LYRNN_CHECK(set->num == 2 && set->chosen >= 0 && set->chosen < set->num);
    LYRNN_CHECK(set->plans[set->chosen].fault[0] == '\0');
    for (int i = 0; i < set->num; i++) {
        LYRNN_CHECK(strcmp(set->plans[i].text, listed().plans[i].text) == 0);
        LYRNN_CHECK(memchr(set->plans[i].fault, '\0', sizeof set->plans[i].fault) != NULL);
    }
}

/* An entry is found again after it was added. */
static void add(plan_cache *cache)
{
    plan_set set = listed();
    set.chosen = 1;
    LYRNN_CHECK(plan_cache_add(cache, &key, &set) == LYRNN_OK);
    plan_cache_close(cache);
    if (plan_cache_open(cache) != LYRNN_OK)
        return; /* what others wrote fills the file */
    set.chosen = 0;
    LYRNN_CHECK(plan_cache_find(cache, &key, &set) && set.chosen == 1);
}

static size_t write_input(const char *path, const uint8_t *bytes, size_t num_bytes)
{
    static const char seam[] = LYRNN_SEAM;
    size_t length = 0;
    char *text = malloc(num_bytes * (sizeof seam - 1) + 1);
    LYRNN_CHECK(text != NULL);
    for (size_t i = 0; i < num_bytes; i++) {
        if (bytes[i] != '@') {
            text[length++] = (char)bytes[i];
            continue;
        }
        memcpy(text + length, seam, sizeof seam - 1);
        length += sizeof seam - 1;
    }
    fuzz_write_file(path, text, length);
    free(text);
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    char folder[4096], path[4096 + sizeof "/lyrnn/plans.json"];
    plan_cache cache;
    plan_set set = listed();
    LYRNN_CHECK(getcwd(folder, sizeof folder) != NULL);
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(path, sizeof path, "%s/lyrnn/plans.json", folder);
    mkdir("lyrnn", 0777);
    size_t file_bytes = write_input(path, bytes, num_bytes);
    fuzz_watch_memory();
    lyrnn_status status = plan_cache_open(&cache);
    fuzz_check_memory(file_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status != LYRNN_OK) {
        LYRNN_CHECK(status == LYRNN_ERR_IO && cache.entries == NULL);
        fuzz_check_error_text(path);
    }
    check_found(&cache, &set);
    add(&cache);
    plan_cache_close(&cache);
    return 0;
}
