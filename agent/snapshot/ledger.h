/*
 * ledger.h -- the snapshots that this agent has promised to remove (docs/formats/ledger.md).
 *
 *     TRY(ledger_open(state, &ledger, e));                   // RC_CORRUPT: refused, with the remedy
 *     TRY(ledger_add(ledger, &entry, "home", e));            // serial and name are filled in; durable now
 *     ... the snapshot is made, and removed again ...
 *     TRY(ledger_drop(ledger, entry.serial, e));             // durably forgotten
 *
 * After a failure ledger_add has promised nothing and ledger_drop has forgotten nothing, as far as this object goes; the file is
 * what it was or what it should be, and either is safe: an entry without a snapshot costs a look.
 * Threads: the caller keeps them apart.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_LEDGER_H
#define AGENT_SNAPSHOT_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/own.h"

enum ledger_driver { LEDGER_BTRFS = 1, LEDGER_LVM = 2 };

enum {
    LEDGER_NAME_MAX = 127, /* LVM's bound */
    LEDGER_VOLUME_MAX =
        255, /* where the mount begins in its btrfs, or the name of a volume group */
    LEDGER_ORIGIN_MAX = 127, /* LVM's bound; btrfs: 16 bytes */
    LEDGER_WHAT_MAX = 48,    /* of a name: leaves room for two numbers of 20 digits */
    LEDGER_FSID_SIZE = 16,
    LEDGER_ENTRIES_MAX =
        1024, /* 256 sources with some volumes each; more means that nothing is ever removed */
    LEDGER_FILE_MAX = 1024 * 1024,
    LEDGER_MARK_TEXT_SIZE = 17,
};

struct ledger_entry {
    enum ledger_driver driver;
    uint64_t serial, cycle;
    struct wall time;
    char name[LEDGER_NAME_MAX + 1];
    char volume[LEDGER_VOLUME_MAX + 1];
    uint8_t origin[LEDGER_ORIGIN_MAX + 1]; /* NUL behind it */
    size_t origin_len;
};

/* What a ledger file says.  `entries`: malloc'ed. */
struct ledger_image {
    uint64_t mark, next;
    struct ledger_entry *entries;
    size_t count;
};
void ledger_image_free(struct ledger_image *image); /* what it holds, not itself */
enum rc ledger_encode(const struct ledger_image *image, struct buffer *out, struct error *e);
/* Any bytes give an image or RC_CORRUPT, RC_UNSUPPORTED, RC_NO_MEMORY. */
enum rc ledger_decode(struct span bytes, struct ledger_image *out, struct error *e);
/* Of the bytes that a name may have? */
bool ledger_is_name(const char *text, size_t len);

struct ledger;
enum rc ledger_open(const char *state, struct ledger **out, struct error *e);
void ledger_free(struct ledger *l);
DEFINE_FREEP(ledger)
/* What the entry's driver, cycle, time, volume and origin are the caller has said; `what`: a part of the name for people. */
enum rc ledger_add(struct ledger *l, struct ledger_entry *entry, const char *what, struct error *e);
/* One that is not there is forgotten already. */
enum rc ledger_drop(struct ledger *l, uint64_t serial, struct error *e);
/* Borrowed until the next change. */
const struct ledger_image *ledger_image_of(const struct ledger *l);
/* "0123456789abcdef": the mark as it stands in a tag.  Returns `out`. */
const char *ledger_mark_text(const struct ledger *l, char out[static LEDGER_MARK_TEXT_SIZE]);

#endif
