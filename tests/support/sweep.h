/*
 * sweep.h -- a life that is lived again and again, each time with another thing failing in it.
 *
 *     static const struct sweep_life life = {"recovery", prepare, live, check};
 *     CHECK_OK(sweep_world_new(&w, &e), &e);                    // shared by the processes of a case
 *     if (!sweep_once(&life, w, &fault, why)) violation(why);   // one case: fault.arm ... fault.disarm
 *
 * Each case has a fresh directory.  A life whose process may end in the midst of it has a process of its own; others
 * live in the caller's, which is many times faster.  What fails in life or check (an assert of cmocka; in a process of
 * its own also a signal) is the case's violation, in words; a crash in the caller's own process, or a minute without
 * an end, ends the program.
 */
#ifndef TESTS_SUPPORT_SWEEP_H
#define TESTS_SUPPORT_SWEEP_H

#include <stddef.h>

#include "common/base/error.h"

enum { SWEEP_PATH = 64, SWEEP_TOLD = 4096, SWEEP_WHY = 1024, SWEEP_COUNTS = 8 };

struct sweep_world {
    char path[SWEEP_PATH]; /* the case's directory */
    bool ended;            /* the life came to its end, and then: */
    enum rc rc;            /* ... and this is what it said */
    char text[ERROR_TEXT_MAX];
    bool fired;                    /* what was to fail did */
    unsigned counts[SWEEP_COUNTS]; /* of the fault's own */
    /* What the life was told, and so may rely on; of its own making. */
    _Alignas(max_align_t) unsigned char told[SWEEP_TOLD];
};

struct sweep_life {
    const char *name;
    void (*prepare)(struct sweep_world *w); /* nothing fails yet */
    enum rc (*live)(struct sweep_world *w, struct error *e);
    void (*leave)(void);                  /* what prepare and live hold; NULL: nothing */
    void (*check)(struct sweep_world *w); /* nothing fails any more */
};

struct sweep_fault {
    void (*arm)(const void *ctx);
    void (*disarm)(struct sweep_world *w); /* sets fired and counts */
    const void *ctx;
    int ends_with; /* the life's process may end with this status; 0: it may not */
};

/* Of mmap(2), until the program ends. */
enum rc sweep_world_new(struct sweep_world **out, struct error *e);
bool sweep_once(const struct sweep_life *life, struct sweep_world *w,
                const struct sweep_fault *fault, char why[static SWEEP_WHY]);

#endif
