/*
 * capture.h -- read, cut, seal and hand over one source: the agent's data path.
 *
 *     TRY(capture_begin(&options, &c, e));                 // CLEANUP(capture_freep): aborts
 *     kind->capture(&step, capture_collector(c), e);       // the source delivers
 *     TRY(capture_finish(c, &result, e));                  // all handed over; root known
 *
 * Made files are read when they are delivered, which is at once.  Paths are only noted then;
 * capture_finish walks them all, merged and in order, so a source may deliver them in any order,
 * and what it passes as exclude_ctx must live until capture_finish returns.
 *
 * Inside: a scanner (the caller's thread) walks directories in order of names and compares each
 * file with what the last capture remembered (size, mtime, ctime, inode, device, and owner and
 * mode); unchanged files keep their references and are not opened.  Others are read: short ones
 * into bundles, long ones by content-defined chunks, holes kept.  `threads` workers seal; an
 * in-order finisher builds the directory nodes.  Every queue is bounded, so memory does not depend
 * on the number or size of files, nor on how slow the sink is.
 *
 * A file that changes while it is read is read again, at most CAPTURE_REREADS times, then kept and
 * flagged fuzzy.  One that cannot be read (EACCES, EIO) is flagged unreadable, reported by name,
 * and makes the archive incomplete.  One that vanished is counted; but a path that the source asked
 * for and that vanished makes the archive incomplete.  Our own want of memory or descriptors fails
 * the capture: it never makes an archive smaller.
 *
 * Memory file: what was captured, in walking order (docs/formats/memory.md).  It belongs to one
 * vault epoch; it is used only when vault and epoch are the same, and replaced only when the
 * controller says the archive was committed (capture_remember).  Losing it costs time, never
 * correctness.  It holds keys of live content only.
 *
 * Threads: one capture from one thread (plus its own); several captures at once.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_CAPTURE_H
#define AGENT_CAPTURE_CAPTURE_H

#include "agent/snapshot/snapshot_view.h"
#include "agent/source/source.h"
#include "common/record/record.h"
#include "common/tree/tree.h"

enum { CAPTURE_REREADS = 3 };

/* Where sealed blobs go: asks "have?" first.  Implemented over the data stream by agent/net, over a
 * plain map in tests. */
struct capture_store {
    /* known[i] = is ids[i] stored already?  May be called ahead of put, from one thread. */
    enum rc (*have)(struct capture_store *s, const struct id *ids, size_t count, bool *known,
                    struct error *e);
    enum rc (*put)(struct capture_store *s, const struct id *id, struct span blob, struct error *e);
};

enum { CAPTURE_PHASE_SIZE = 64 };

struct capture_progress { /* read by others at any time */
    _Atomic(uint64_t) files, bytes, bytes_read, bytes_sent, bytes_known;
    _Atomic(uint64_t) files_before,
        bytes_before; /* totals of the last capture: for the ETA; 0 unknown */
    /* A text of its own, for it outlives the capture; capture_progress_say writes it, _phase reads it. */
    _Atomic(uint64_t) phase[CAPTURE_PHASE_SIZE / sizeof(uint64_t)];
};

/* Longer texts are cut.  One thread at a time. */
void capture_progress_say(struct capture_progress *p, const char *phase);
/* From any thread; a mixture of two texts when it just changes.  Returns `out`. */
const char *
capture_progress_phase(const struct capture_progress *p, char out[static CAPTURE_PHASE_SIZE]);

struct capture_options {
    const char *memory_path; /* of the last committed capture; may not exist; NULL: none is kept */
    struct record_vault_id vault;
    uint64_t epoch;
    const struct blob_domain *domain;
    int level;        /* zstd; BLOB_LEVEL_DEFAULT */
    unsigned threads; /* workers; 0: one per processor, at most 4 */
    /* Where the walk goes on in snapshots; lives until the capture is freed.  NULL: everything is read live. */
    const struct snapshot_views *views;
    struct wall
        cut; /* when the first of them was begun: files changed since may change unseen; {0}: live */
    struct capture_store *store;
    struct source_report *report;
    struct capture_progress *progress;
    const _Atomic(bool) *cancel;
};

struct capture_result {
    struct blob_ref root;
    struct record_totals totals;
    bool incomplete;
};

struct capture;
enum rc capture_begin(const struct capture_options *options, struct capture **out, struct error *e);
struct source_collector *capture_collector(struct capture *c);
enum rc capture_finish(struct capture *c, struct capture_result *result, struct error *e);
/* The archive was committed: the new memory replaces the old, durably.  RC_INVALID unless
 * capture_finish was RC_OK.  RC_OK also when there is
 * none to keep, because it could not be written: the report has a warning then. */
enum rc capture_remember(struct capture *c, struct error *e);
void capture_free(struct capture *c); /* aborts what still runs; removes the unused new memory */
DEFINE_FREEP(capture)

#endif
