/* Compiles utf8proc's rules into a table. utf8proc decides from the class of a character, the class
 * of the one before it and a state of its own. A state of the table is a pair of the latter two.
 * The pairs that can be reached are found from the first character on. */
#include "lyrnn/clusters.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"

#define MEMORY_REMEDY "close other programs"

enum { MAX_CLASSES = 64, MAX_STATES = 1024 };

typedef struct {
    utf8proc_int32_t last; /* a character of the last class */
    utf8proc_int32_t state;
} cluster_state;

typedef struct {
    int num_classes, num_states;
    int keys[MAX_CLASSES];                       /* what tells classes apart */
    utf8proc_int32_t representants[MAX_CLASSES]; /* a character of each class */
    cluster_state states[MAX_STATES];            /* state 0 is the start of a line */
} cluster_work;

static int key_of(utf8proc_int32_t c)
{
    const utf8proc_property_t *property = utf8proc_get_property(c);
#if UTF8PROC_VERSION_MAJOR > 2 || UTF8PROC_VERSION_MINOR >= 9
    return (int)property->boundclass | (int)property->indic_conjunct_break << 8;
#else
    return (int)property->boundclass;
#endif
}

static int find_class(cluster_work *work, utf8proc_int32_t c)
{
    int key = key_of(c), i = 0;
    while (i < work->num_classes && work->keys[i] != key)
        i++;
    if (i == work->num_classes) {
        LYRNN_CHECK(i < MAX_CLASSES);
        work->keys[i] = key;
        work->representants[i] = c;
        work->num_classes++;
    }
    return i;
}

static int find_state(cluster_work *work, cluster_state wanted)
{
    int i = 1;
    while (i < work->num_states && (key_of(work->states[i].last) != key_of(wanted.last) ||
                                    work->states[i].state != wanted.state))
        i++;
    if (i >= work->num_states) {
        LYRNN_CHECK(i < MAX_STATES);
        work->states[i] = wanted;
        work->num_states = i + 1;
    }
    return i;
}

/* What a character of class k does in state s. */
static int32_t step(cluster_work *work, int s, int k)
{
    cluster_state next = {.last = work->representants[k]};
    bool begins = true;
    if (s > 0) {
        next.state = work->states[s].state;
        begins = utf8proc_grapheme_break_stateful(work->states[s].last, next.last, &next.state);
    }
    return 2 * find_state(work, next) + (begins ? 1 : 0);
}

static lyrnn_status fill(lyrnn_clusters *clusters, cluster_work *work, const lyrnn_vocab *vocab)
{
    clusters->V = vocab->V;
    clusters->classes = malloc((size_t)vocab->V * sizeof *clusters->classes);
    if (clusters->classes == NULL)
        return lyrnn_out_of_memory("--max-line", (size_t)vocab->V * sizeof *clusters->classes,
                                   MEMORY_REMEDY);
    for (int id = 0; id < vocab->V; id++)
        clusters->classes[id] = find_class(work, (utf8proc_int32_t)vocab->chars[id]);
    clusters->num_classes = work->num_classes;
    LYRNN_CHECK(work->num_classes > 0);
    work->num_states = 1;
    for (int s = 0; s < work->num_states; s++) {
        size_t row = (size_t)work->num_classes * sizeof *clusters->steps;
        int32_t *steps = realloc(clusters->steps, (size_t)(s + 1) * row);
        if (steps == NULL)
            return lyrnn_out_of_memory("--max-line", (size_t)(s + 1) * row, MEMORY_REMEDY);
        clusters->steps = steps;
        for (int k = 0; k < work->num_classes; k++)
            steps[s * work->num_classes + k] = step(work, s, k);
    }
    clusters->num_states = work->num_states;
    return LYRNN_OK;
}

lyrnn_status lyrnn_clusters_init(lyrnn_clusters *clusters, const lyrnn_vocab *vocab)
{
    *clusters = (lyrnn_clusters){0};
    cluster_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return lyrnn_out_of_memory("--max-line", sizeof *work, MEMORY_REMEDY);
    lyrnn_status status = fill(clusters, work, vocab);
    free(work);
    if (status != LYRNN_OK)
        lyrnn_clusters_free(clusters);
    return status;
}

bool lyrnn_clusters_join(const lyrnn_clusters *clusters)
{
    for (int i = 0; i < clusters->num_states * clusters->num_classes; i++)
        if (clusters->steps[i] % 2 == 0)
            return true;
    return false;
}

void lyrnn_clusters_free(lyrnn_clusters *clusters)
{
    free(clusters->classes);
    free(clusters->steps);
    *clusters = (lyrnn_clusters){0};
}
