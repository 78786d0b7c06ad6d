/*
 * snapshot_internal.h -- what the files of this folder share: volumes, the table of drivers, the host.
 *
 * Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_SNAPSHOT_INTERNAL_H
#define AGENT_SNAPSHOT_SNAPSHOT_INTERNAL_H

#include <pthread.h>
#include <sys/stat.h>

#include "agent/snapshot/ledger.h"
#include "agent/snapshot/mounts.h"
#include "agent/snapshot/snapshot.h"

enum {
    SNAPSHOT_VOLUMES_MAX = 256, /* of a set; a cut of more would not be one moment */
    SNAPSHOT_POINTS_MAX = 4096, /* mounts and subvolumes below the paths of a source */
};

/* One volume of a set, from plan to release. */
struct snapshot_volume {
    const struct snapshot_ops *ops;
    dev_t origin;              /* st_dev of the live volume */
    uint64_t part;             /* btrfs: number of the subvolume */
    struct ledger_entry entry; /* serial 0: the ledger does not name it */
    int live;                  /* btrfs: root of the live subvolume; until taken */
    int top;                   /* btrfs: the mounted file system again; lvm: the mounted snapshot */
    int root;                  /* of the snapshot; -1: not mounted */
    dev_t device;              /* st_dev below root */
    bool taken;
    uint64_t wanted; /* bytes, as configured; 0: the driver decides */
    void *own;       /* the driver's */
};

/* A place on a volume, as a driver is asked about it. */
struct snapshot_place {
    const struct mounts_mount *mount;
    const char *path; /* live; the volume's root, or the mount's when that is below it */
    int fd;           /* the same, open for reading */
};

/*
 * A driver.  Each call is made by one thread per volume; several volumes at once.
 * prepare .. remove take what is in `entry` as decided; remove may be called in another process than take.
 */
struct snapshot_ops {
    const char *name;
    enum ledger_driver ledger;
    bool (*serves)(const struct mounts_mount *mount);
    /* Which volume this is: origin, part, entry.volume, entry.origin, live; `what`: for the snapshot's name. */
    enum rc (*locate)(const struct snapshot_place *place, struct snapshot_volume *volume,
                      char what[static LEDGER_WHAT_MAX + 1], struct error *e);
    /* Path of place->path in the volume: "" is its root.  malloc'ed. */
    enum rc (*inside)(const struct snapshot_place *place, char **out, struct error *e);
    /* The ledger has the entry; room is checked, what take needs is opened. */
    enum rc (*prepare)(struct snapshot_host *host, const struct snapshot_place *place,
                       struct snapshot_volume *volume, struct error *e);
    enum rc (*take)(struct snapshot_host *host, struct snapshot_volume *volume,
                    const _Atomic(bool) *cancel, struct error *e);
    enum rc (*mount)(struct snapshot_volume *volume, struct error *e);
    enum rc (*check)(struct snapshot_host *host, struct snapshot_volume *volume, struct error *e);
    /* Optional from here on, but for remove.  From any thread: does it show that check would fail? */
    bool (*is_lost)(const struct snapshot_volume *volume);
    void (*stop)(struct snapshot_volume *volume); /* its threads; before anything is closed */
    /* Nothing open any more.  A snapshot that is not there is gone already. */
    enum rc (*remove)(struct snapshot_host *host, const struct ledger_entry *entry,
                      struct error *e);
    /* What is ours and not in the ledger; *left grows by what stays. */
    enum rc (*strays)(struct snapshot_host *host, size_t *left, struct error *e);
    void (*forget)(struct snapshot_host *host, struct snapshot_volume *volume); /* frees `own` */
    const char *(*kind)(
        const struct snapshot_volume *volume); /* for people, when `name` says too little */
    /* Of a prepared volume, for people: "btrfs subvolume 257", "lvm vg0/mail, 4.2 GiB for changes". */
    void (*describe)(const struct snapshot_volume *volume, char *out, size_t size);
};

extern const struct snapshot_ops snapshot_btrfs, snapshot_lvm;
/* All of them; the first that serves a mount is taken.  NULL at the end. */
extern const struct snapshot_ops *const snapshot_drivers[];

/* Where a walk leaves the live tree. */
struct snapshot_point {
    char *path;
    char *inside;  /* NULL: left out */
    size_t volume; /* when not left out */
    bool quiet;    /* nobody needs to be told */
    bool hidden;   /* ours: not even an entry */
};

struct snapshot_set {
    struct snapshot_host *host;
    struct snapshot_volume *volumes; /* room for SNAPSHOT_VOLUMES_MAX */
    size_t volume_count;
    struct snapshot_point *points; /* room for SNAPSHOT_POINTS_MAX; ascending once planned */
    size_t point_count;
    struct snapshot_view *views;
    size_t view_count;
    struct snapshot_taken taken;
    char driver[64];
};

struct snapshot_leftover { /* what could not be removed, and when to try again */
    uint64_t serial;
    unsigned tries;
    struct mono next;
};

struct snapshot_room { /* promised to a snapshot that is not made yet */
    uint64_t serial, bytes;
    char group[LEDGER_VOLUME_MAX + 1];
};

struct snapshot_host {
    int statefd;
    unsigned reaped;      /* times */
    pthread_mutex_t lock; /* of all below, and of the file of churn */
    struct snapshot_room rooms[SNAPSHOT_VOLUMES_MAX];
    size_t room_count;
    struct ledger *ledger;
    uint64_t live[LEDGER_ENTRIES_MAX]; /* serials that a set owns */
    size_t live_count;
    struct snapshot_leftover leftovers[LEDGER_ENTRIES_MAX];
    size_t leftover_count;
};

/* Enter it, durably, as owned by a living set. */
enum rc snapshot_host_promise(struct snapshot_host *host, struct ledger_entry *entry,
                              const char *what, struct error *e);
/* It is gone: out of the ledger, durably. */
enum rc snapshot_host_done(struct snapshot_host *host, uint64_t serial, struct error *e);
/* No set owns it any more; the reaper may take it. */
void snapshot_host_disown(struct snapshot_host *host, uint64_t serial);
/* Calls `act` under the lock unless the ledger names another snapshot in the same place. */
void snapshot_host_if_last(struct snapshot_host *host, const struct ledger_entry *entry,
                           void (*act)(void *ctx), void *ctx);

/* Is there an entry of this serial? */
bool snapshot_host_knows(struct snapshot_host *host, uint64_t serial);

/* snapshot_room.c: what of a volume group is promised to snapshots that were planned and not made yet. */
uint64_t snapshot_host_promised_room(struct snapshot_host *host, const char *group);
enum rc snapshot_host_promise_room(struct snapshot_host *host, uint64_t serial, const char *group,
                                   uint64_t bytes, struct error *e);
void snapshot_host_forget_room(struct snapshot_host *host, uint64_t serial);
enum rc snapshot_host_note_churn(struct snapshot_host *host, const char *name, uint64_t used,
                                 struct error *e);

/* snapshot_plan.c: volumes and points of the request, entered in the ledger and prepared. */
enum rc snapshot_plan_volumes(struct snapshot_set *set, const struct snapshot_request *request,
                              const struct snapshot_notes *notes, struct error *e);

#endif
