/*
 * source.h -- one thing to protect on this host, behind one table of operations per kind.
 *
 * A source is declared in the agent's configuration; the controller knows only its name and kind.  Its
 * folder (agent/source/ldap, imap, mariadb, files) knows the server: what to check, what to export, which paths to
 * read, what to leave out, what must be true for the result to be good.
 *
 * The steps of a cycle, in order; each is called once per cycle on its own thread, release always and
 * as often as needed (idempotent; also after a restart of the agent):
 *
 *     check     preflight: tools, reachability, space, reality against configuration -> warnings, facts
 *     paths     name what capture will read, so that it can be snapshotted; NULL: nothing that a snapshot helps
 *     ready     before the cut: connect, wait for long statements; holds no lock; NULL: nothing to do
 *     freeze    the lock, just before the snapshots; thaw must follow, also after a failure; NULL: none
 *     thaw      the end of the lock, right after the snapshots, well or not; RC_STALE when it did not last so long
 *     capture   deliver made files and paths to the collector, in this order: made files first
 *     release   end locks and connections, remove staging, forget
 *
 * A source delivers, the collector (agent/capture) reads, cuts, seals and uploads.  A step that fails
 * returns the tool's own words (the last lines of stderr) in the error.
 *
 * Threads: one step of one source at a time; different sources run at once.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_SOURCE_H
#define AGENT_SOURCE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/span.h"
#include "common/config/config.h"

enum { SOURCE_WARNINGS_MAX = 100, SOURCE_FACTS_MAX = 400 };

/* What a step found out.  Texts are copied into the arena. */
struct source_report {
    struct arena *arena;
    const char *warnings[SOURCE_WARNINGS_MAX];
    size_t warning_count, warnings_dropped;
    struct source_fact {
        const char *name, *value;
        bool kept; /* also in the archive record */
    } facts[SOURCE_FACTS_MAX];
    size_t fact_count;
    bool incomplete; /* the archive may not count as whole */
};
void source_report_warn(struct source_report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void source_report_fact(struct source_report *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A fact that also stands in the archive record: what must be known of the cut years later. */
void source_report_keep(struct source_report *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A warning that also says: this archive is not whole. */
void source_report_incomplete(struct source_report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Is this directory entry to be left out?  `path` is absolute on the host, without trailing slash. */
typedef bool source_exclude(void *ctx, const char *path, const char *name, mode_t mode);

/* Where a capture delivers to; implemented by agent/capture. */
struct source_collector {
    /*
     * A stream made by a tool becomes export/<name> (a relative path of good names).  `read` gives
     * bytes until *got == 0; it is called on this thread.  Chunked as a dump.  On failure of `read` the file is dropped and the
     * error returned.  *size: bytes taken.
     */
    enum rc (*made)(struct source_collector *c, const char *name,
                    enum rc (*read)(void *ctx, void *out, size_t size, size_t *got,
                                    struct error *e),
                    void *ctx, uint64_t *size, struct error *e);
    /*
     * An absolute path of the host and all below it becomes fs/<path>.  Other file systems below it
     * are entered only when `cross` is set.  `exclude` may be NULL.  RC_NOT_FOUND when it does not
     * exist.  Paths that overlap with one given before in this capture are read once.  `exclude` is
     * asked after the capture step, until the release: what it looks at lives in step->memory.
     */
    enum rc (*path)(struct source_collector *c, const char *path, bool cross,
                    source_exclude *exclude, void *exclude_ctx, struct error *e);
    /* Shown to the operator: "export example_org", "read /var/spool/cyrus". */
    void (*phase)(struct source_collector *c, const char *phase);
};

/* Where a kind names what it will read to; as source_collector.path, without what is left out. */
struct source_places {
    /* `must`: where no driver serves, the step fails; else it is read live, like what the kind does not name. */
    enum rc (*path)(struct source_places *p, const char *path, bool cross, bool must,
                    struct error *e);
    bool
        optional; /* set by the kind: where no driver serves it has another way, and is told by `snapshotted` */
};

/* When it was: of a snapshot, an export, a dump; {0}: read live. */
struct source_cut {
    struct wall from, until;
};

struct source_step {
    const struct config_section *config; /* the source's own section */
    const char *name;                    /* as configured */
    const char *
        staging; /* absolute, made empty and 0700 root for this source; removed by the caller after release */
    uint64_t cycle;
    struct mono deadline;        /* {0}: none */
    const _Atomic(bool) *cancel; /* look at it now and then: RC_CANCELLED */
    struct source_report *report;
    /* Of the snapshots, from capture on; a kind that exports or dumps sets it in capture. */
    struct source_cut cut;
    bool snapshotted; /* from ready on: the paths are to be, or are, read from snapshots */
    /* Capture: the name by which this process may open in the snapshot what is `path` live, "/proc/self/fd/N" and names below, in
     * the report's arena; NULL: it is read live.  Valid until the capture ends.  Whoever opens it follows links of the snapshot
     * into the live system unless he takes care. */
    const char *(*place)(const struct source_step *step, const char *path);
    void *place_ctx;
    void *
        memory; /* of this source between steps of a cycle: set by check or capture, freed by release */
};

struct source_kind {
    const char *name;              /* "ldap" */
    const struct config_key *keys; /* of a section of this kind, beyond the common ones */
    /* More than the keys say, at configuration time.  NULL fine. */
    enum rc (*validate)(const struct config *config, const struct config_section *section,
                        struct error *e);
    /* One line for the operator; into `out`. */
    void (*describe)(const struct config_section *section, char *out, size_t size);
    enum rc (*check)(struct source_step *step, struct error *e);
    enum rc (*paths)(struct source_step *step, struct source_places *p, struct error *e);
    enum rc (*ready)(struct source_step *step, struct error *e);
    enum rc (*freeze)(struct source_step *step, struct error *e);
    enum rc (*thaw)(struct source_step *step, struct error *e);
    enum rc (*capture)(struct source_step *step, struct source_collector *c, struct error *e);
    enum rc (*release)(struct source_step *step, struct error *e);
};

/* All kinds, NULL at the end. */
extern const struct source_kind *const source_kinds[];
const struct source_kind *source_kind_of(const char *name); /* NULL: unknown */

/*
 * Keys of a titled section `source`: kind, required (default yes), description, and those of every kind.
 *
 *     source "mail" {
 *         kind = imap
 *         imapd-conf = /etc/imapd.conf
 *     }
 *
 * source_validate: the title is a good name, only keys of its own kind are set, and kind->validate is content.
 */
extern const struct config_key source_keys[];
extern const struct config_key source_common_keys[]; /* those of every kind */
extern const char
    *const source_snapshot_names[]; /* choices of `snapshot`; as enum snapshot_driver */
enum rc
source_validate(const struct config *config, const struct config_section *section, struct error *e);

/* For the kinds: RC_CANCELLED or RC_TIMEOUT when the step should end. */
enum rc source_go_on(const struct source_step *step, struct error *e);
/* Wait between two questions to a server that cannot notify; ends early when the step should. */
enum rc source_pause(const struct source_step *step, unsigned ms, struct error *e);
/* Tell the collector what is being done; the text is kept in the report's arena. */
void source_phase(struct source_step *step, struct source_collector *c, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A made file from text in memory. */
enum rc
source_made_text(struct source_collector *c, const char *name, struct span text, struct error *e);

/* RC_NOT_FOUND when there is no such user on this host. */
enum rc source_find_user(const char *name, uid_t *uid, gid_t *gid, struct error *e);

/*
 * A name from a server as one component of a made file's name: letters, digits, '_', '-' and inner '.' stay, the rest becomes %XX.
 * False when it does not fit.
 */
enum { SOURCE_COMPONENT_MAX = 256 };
bool source_component(struct span name, char out[static SOURCE_COMPONENT_MAX]);

#endif
