/*
 * memory.h -- read and write the memory of a capture (docs/formats/memory.md).
 *
 * Reading is a merge join with the walk: both go through names in ascending order, so one record is
 * held at a time, however many files there are.
 *
 *     TRY(memory_open(path, &key, &m, &totals, e));       // RC_NOT_FOUND, RC_INVALID: none to use
 *     memory_enter(m, name); ... memory_leave(m);         // as the walk does
 *     record = memory_find(m, name);                      // NULL: not there; else until next
 *
 *     TRY(memory_writer_new(path, &key, &w, e));          // "<path>.new"
 *     TRY(memory_writer_add(w, &record, e)); ...
 *     TRY(memory_writer_close(w, &root, &totals, e));     // complete, not yet in force
 *     TRY(memory_writer_publish(w, e));                   // durable, replaces <path>
 *
 * The checksum is verified before the first record is believed: one pass over the file.
 * A writer that is freed before publish removes what it wrote.
 * Threads: reader and writer each belong to one.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_MEMORY_H
#define AGENT_CAPTURE_MEMORY_H

#include "agent/capture/memory_record.h"
#include "common/record/record.h"

struct memory_key { /* whose memory it is */
    struct record_vault_id vault;
    uint64_t epoch;
    uint8_t domain[BLOB_DOMAIN_SIZE];
};

struct memory_totals {
    uint64_t files, bytes;
};

struct memory;
/* RC_NOT_FOUND: there is none.  RC_INVALID: of another version, vault, epoch or domain.
 * RC_CORRUPT, RC_IO. */
enum rc memory_open(const char *path, const struct memory_key *key, struct memory **out,
                    struct memory_totals *totals, struct error *e);
void memory_free(struct memory *m);
DEFINE_FREEP(memory)
void memory_enter(struct memory *m, struct span name);
void memory_leave(struct memory *m);
const struct memory_record *memory_find(struct memory *m, struct span name);

struct memory_writer;
enum rc memory_writer_new(const char *path, const struct memory_key *key,
                          struct memory_writer **out, struct error *e);
void memory_writer_free(struct memory_writer *w);
DEFINE_FREEP(memory_writer)
enum rc
memory_writer_add(struct memory_writer *w, const struct memory_record *record, struct error *e);
enum rc memory_writer_close(struct memory_writer *w, const struct id *root,
                            const struct memory_totals *totals, struct error *e);
enum rc memory_writer_publish(struct memory_writer *w, struct error *e);

enum { MEMORY_HEADER_SIZE = 48, MEMORY_TRAILER_SIZE = 80, MEMORY_VERSION = 2 };

#endif
