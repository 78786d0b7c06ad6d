/*
 * lvm_internal.h -- what the files of the LVM driver share.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_LVM_INTERNAL_H
#define AGENT_SNAPSHOT_LVM_INTERNAL_H

#include <pthread.h>

#include "agent/snapshot/lvm_decide.h"
#include "agent/snapshot/snapshot_internal.h"

enum { LVM_DEVICE_MAX = 300, LVM_WHY_MAX = 512, LVM_PATH_MAX = 2 * LVM_NAME_MAX + 2 };

/* The driver's own of a volume. */
struct lvm_own {
    char type[16]; /* of the file system */
    bool thin;
    uint64_t size, extent; /* classic: space for changes, as asked for; as made once mounted */
    char watched
        [LVM_DEVICE_MAX]; /* device-mapper's name of what is watched: the snapshot, or its thin pool */
    char path[LVM_PATH_MAX]; /* of the snapshot: "vg0/koffer_17_mail_1" */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    bool watching, stop, lost, cramped;
    char why[LVM_WHY_MAX]; /* it is lost */
    uint64_t used;         /* bytes, as last seen */
};

/* lvm_mount.c: the device's file system, read-only, without a name in any table of mounts. */
enum rc lvm_mount_detached(const char *type, const char *device, int *out, struct error *e);

/* lvm_watch.c: looks every second; lets a classic snapshot grow; says when it is lost. */
enum rc lvm_watch_start(struct lvm_own *own, struct error *e);
void lvm_watch_stop(struct lvm_own *own);
/* Looks once, now.  RC_STALE: lost. */
enum rc lvm_watch_look(struct lvm_own *own, struct error *e);

/* lvm_remove.c */
enum rc lvm_remove(struct snapshot_host *host, const struct ledger_entry *entry, struct error *e);
/* What has our tags and no entry in the ledger: a late lvcreate's. */
enum rc lvm_remove_strays(struct snapshot_host *host, size_t *left, struct error *e);

#endif
