/*
 * lvm_report.h -- what LVM says of its volumes: `lvs --reportformat json`, and `dmsetup status` of one device.
 *
 *     TRY(lvm_report_read(json, &report, e));              // RC_PROTOCOL: not what LVM 2.03 prints
 *     const struct lvm_volume *v = lvm_report_find(&report, "vg0", "mail");
 *
 * Pure: bytes in, values out.  Every field of LVM's report is a text; what does not apply is "" or "unknown".
 * Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_LVM_REPORT_H
#define AGENT_SNAPSHOT_LVM_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/span.h"

enum {
    LVM_NAME_MAX = 127, /* LVM's own bound */
    LVM_TAGS_MAX = 1023,
    LVM_VOLUMES_MAX = 65536, /* a report longer than that is no report */
    LVM_REPORT_MAX = 64 * 1024 * 1024,
};

/* The fields that a report must have been asked for, for -o. */
extern const char lvm_report_fields[];

struct lvm_volume {
    char group[LVM_NAME_MAX + 1], name[LVM_NAME_MAX + 1], origin[LVM_NAME_MAX + 1];
    char pool[LVM_NAME_MAX + 1], attr[16], health[32], device[300];
    char tags[LVM_TAGS_MAX + 1]; /* separated by commas */
    uint64_t size, group_free, group_size, extent;
    int64_t major, minor; /* -1: not active */
    int data, metadata;   /* permille; -1: does not apply */
    bool open, invalid;
};

struct lvm_report {
    struct lvm_volume *at; /* malloc'ed */
    size_t count;
};
enum rc lvm_report_read(struct span json, struct lvm_report *out, struct error *e);
void lvm_report_free(struct lvm_report *report); /* what it holds */
/* NULL: there is none. */
const struct lvm_volume *
lvm_report_find(const struct lvm_report *report, const char *group, const char *name);
bool lvm_report_has_tag(const struct lvm_volume *v, const char *tag);

/* The state of a snapshot, by device-mapper: needs no lock of LVM's, and answers while LVM hangs. */
struct lvm_status {
    bool valid;
    uint64_t used, total; /* bytes of the space for changes; of a thin pool's data */
    int metadata;         /* thin pool: permille; else -1 */
};
/* One line of `dmsetup status`, without a name; RC_PROTOCOL: of no snapshot and no thin pool. */
enum rc lvm_report_status(const char *line, struct lvm_status *out, struct error *e);

#endif
