/*
 * job_kit.h -- a job board of one host with sources of the kind files, whose ports end in memory.
 *
 *     struct job_kit *kit = job_kit_new();                    // sources "etc" (required paths: kit->capture->source) and "other"
 *     job_kit_do(kit, JOB_CHECK, "etc", 1, &result);          // submit, wait, copy, drop
 *
 * `order` is what the next step adds to its order.
 */
#ifndef TESTS_SUPPORT_JOB_KIT_H
#define TESTS_SUPPORT_JOB_KIT_H

#include <semaphore.h>

#include "agent/job/job.h"
#include "tests/support/capture_kit.h"

struct job_kit_result {
    enum rc rc;
    char text[ERROR_TEXT_MAX], remedy[256];
    struct capture_result captured;
    size_t warnings;
    uint64_t files_restored, bytes_read;
    struct buffer record; /* of the last seal; freed with the kit */
};

struct job_kit {
    struct capture_kit *capture; /* its store, its directory */
    char state[96], staging[96], roots[96];
    const char *root_list[1];
    struct config *config;
    struct keys_private *signing, *receiving, *custody, *controller;
    struct job_vault vault;
    struct job_options options; /* change, then job_kit_restart() */
    struct job_board *board;
    sem_t woken;
    uint64_t next_job;
    bool fail_finish;
    unsigned stores_open, sources_open;
    struct job_order order;
    struct job_kit_result result;
};

struct job_kit *job_kit_new(void);
/* In a directory that is there, and may hold what an earlier kit left; its keys are others. */
struct job_kit *job_kit_new_at(const char *directory);
void job_kit_free(struct job_kit *kit);
DEFINE_FREEP(job_kit)
/* The board as a new process would make it. */
void job_kit_restart(struct job_kit *kit);
/* Fills kit->order with these, its job's number, and for a restore the controller's signature. */
void job_kit_fill(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle);
/* Submits kit->order with these; the job's number. */
enum rc job_kit_submit(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle,
                       uint64_t *job, struct error *e);
/* Waits for its end and fills kit->result; drops it. */
void job_kit_wait(struct job_kit *kit, uint64_t job);
/* Both, and clears kit->order.  Refusals count as results. */
enum rc job_kit_do(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle);

#endif
