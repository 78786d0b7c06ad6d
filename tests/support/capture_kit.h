/*
 * capture_kit.h -- a capture from a directory into memory, and back out to another directory.
 *
 *     kit = capture_kit_new();                    // a private directory: src/ out/ memory
 *     write files below kit->source_fd ...
 *     CHECK_OK(capture_kit_run(kit, &e), &e);     // begin, deliver, finish, remember
 *     CHECK_OK(capture_kit_unpack(kit, &e), &e);  // src of the archive into out/
 */
#ifndef TESTS_SUPPORT_CAPTURE_KIT_H
#define TESTS_SUPPORT_CAPTURE_KIT_H

#include "agent/capture/capture.h"
#include "agent/capture/capture_limits.h"
#include "tests/support/memstore.h"

struct capture_kit;

struct capture_kit_store {
    struct capture_store store; /* first */
    struct memstore *blobs;
    size_t asked, puts, put_bytes; /* of the last run */
    size_t fail_at;                /* the n-th call of have or put fails; 0: never */
    size_t calls;
    void (*on_call)(struct capture_kit *kit,
                    struct span blob); /* blob empty: have; NULL: nothing */
    struct capture_kit *kit;
};

struct capture_kit {
    char directory[64], source[80], memory[80];
    int fd, source_fd;
    struct capture_kit_store store;
    struct blob_domain domain;
    struct arena *arena;
    struct source_report report;      /* of the last run */
    struct capture_progress progress; /* of the last run */
    struct capture_options options;   /* change before a run */
    struct capture_limits limits;     /* other bounds than usual, when set */
    struct capture_result result;     /* of the last run */
    bool cross, forget;               /* of paths; do not remember */
    bool keep;                        /* the directory, when the kit is freed */
    void *test;                       /* of the test */
    source_exclude *exclude;          /* its ctx is the kit */
    /* Delivers to the collector; NULL: the source directory. */
    enum rc (*deliver)(struct capture_kit *kit, struct source_collector *c, struct error *e);
};

struct capture_kit *capture_kit_new(void);
/* In a directory that is there, and may hold what an earlier kit left. */
struct capture_kit *capture_kit_new_at(const char *directory);
void capture_kit_free(struct capture_kit *kit); /* removes the directory */
DEFINE_FREEP(capture_kit)
enum rc capture_kit_run(struct capture_kit *kit, struct error *e);
/* Replaces out/ by what the last run captured of src/. */
enum rc capture_kit_unpack(struct capture_kit *kit, struct error *e);
/* Of src/ in the last archive: its content, whatever changes around it. */
struct id capture_kit_source_id(struct capture_kit *kit);
/* Both directories described and compared; fails the test where they differ. */
void capture_kit_check_equal(struct capture_kit *kit);
/* Of an entry of the last archive; in the kit's arena. */
enum rc capture_kit_find(struct capture_kit *kit, const char *path, bool *found,
                         struct node_entry *entry, struct error *e);

void capture_kit_write(struct capture_kit *kit, const char *name, struct span bytes);
void capture_kit_write_text(struct capture_kit *kit, const char *name, const char *text);
/* Waits until a file written before now is not "changed just now" any more: the memory trusts it.
 * */
void capture_kit_settle(struct capture_kit *kit);

#endif
