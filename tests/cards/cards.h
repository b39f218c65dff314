/* Cards that people train on: what of a card decides which launches fit. cards.cpp has the sources
 * of each number. */
#ifndef LYRNN_CARDS_H
#define LYRNN_CARDS_H

#include <cstddef>

/* The limits of a compute capability. */
struct capability_limits {
    int capability; /* 90 is 9.0 */
    int threads_per_sm, blocks_per_sm, registers_per_sm;
    size_t shared_per_sm, shared_per_block, reserved_per_block; /* bytes; after the opt-in */
};

enum { MAX_GPCS = 12 };

/* A card, with one of the layouts that it is sold with: which GPCs lack multiprocessors differs
 * from one piece to the next. */
struct card {
    const char *name;
    int capability;
    int num_sms;
    bool is_worst;      /* a layout that holds fewer clusters than the usual one */
    int gpcs[MAX_GPCS]; /* multiprocessors of each GPC, then zeros; all zeros: has no clusters */
};

extern const card CARDS[];
extern const int NUM_CARDS;

const capability_limits &limits_of(const card &c);

/* How many clusters fit if each multiprocessor has room for so many blocks. A cluster lies within
 * one GPC. cluster 1: a block by itself. */
int count_clusters(const card &c, int blocks_per_sm, int cluster);

/* Makes the simulator simulate the card, with the resources of the kernels in this file. NULL: they
 * are unknown. */
void simulate(const card &c, const char *resources);

#endif
