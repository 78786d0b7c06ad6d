/* api_internal.h -- what the verbs share.  Layer: controller/api. */
#ifndef CONTROLLER_API_API_INTERNAL_H
#define CONTROLLER_API_API_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "controller/api/api.h"
#include "controller/authority/authority.h"
#include "controller/restore/archive.h"
#include "proto/message.h"

/* Who is connected from afar, and who started which job: enough of both for all there can be. */
enum { API_PRESENT_MAX = HUB_PEERS, API_STARTED_KEPT = 2 * JOBS_KEPT };

struct api_present {
    uint64_t peer; /* 0: a free place */
    char name[CERTIFICATE_NAME_MAX + 1];
};

struct api_started {
    uint64_t job;
    bool local;
    char who[CERTIFICATE_NAME_MAX + 1];
};

struct api {
    struct api_options options;
    struct api_present present[API_PRESENT_MAX];
    struct api_started started_jobs[API_STARTED_KEPT]; /* a ring */
    size_t next_started;
    struct id last_read; /* what an operator looks into, and who: kept once in the audit log */
    struct wall started;
    struct tree_reader *reader; /* over the vault; remembers the blobs it opened last */
    /* The archive that was browsed last. */
    uint64_t full;
    char source[2 * LIMIT_LABEL + 2];
    struct blob_ref root;
    /* The last challenge to a sheet; answered once. */
    struct id challenged, challenge;
    bool challenge_open;
};

struct api_call {
    struct api *api;
    struct arena *arena;
    const ProtobufCMessage *request; /* of the type in the table; NULL for Empty */
    const ProtobufCMessage *reply;   /* set by the verb; lives in the arena */
    const char *who;                 /* "root" or the operator's name */
    const struct tls_peer *tls;      /* of an operator from afar */
    enum authority_role role;
    bool recorded;      /* in the audit log, before it was done */
    bool local;         /* root on this machine, through the local socket */
    const char *remedy; /* set by the verb when it fails and knows one */
};

/* api_cut.c */
enum rc api_cut_of(struct api_call *call, const struct catalogue_cut *cut, Koffer__Cut **made,
                   struct error *e);

typedef enum rc api_verb(struct api_call *call, struct error *e);
/* Whose is what the request is about? */
typedef enum authority_object api_object(const struct api_call *call);

/* RC_NO_MEMORY when the arena is full: the answer would be too large. */
#define API_NEW(call, type) ((type *)arena_alloc((call)->arena, sizeof(type)))

/* A copy in the arena; "" when the arena is full (the answer is then cut short, never wrong memory). */
char *api_text(struct api_call *call, const char *text);

/* The answer of verbs that make a job. */
enum rc api_reply_job(struct api_call *call, uint64_t job, struct error *e);
/* Of those that have nothing to say. */
enum rc api_reply_empty(struct api_call *call, struct error *e);
/* *full 0 becomes the newest good one. */
enum rc api_resolve_full(struct api_call *call, uint64_t *full, struct error *e);
ProtobufCBinaryData api_bytes(struct api_call *call, struct span from);

/* A growing array of pointers in the arena, for repeated fields. */
struct api_list {
    void **items;
    size_t count, capacity;
};
enum rc api_push(struct api_call *call, struct api_list *list, void *item, struct error *e);

/* The asker started this job, so it is his to cancel. */
void api_job_started(struct api_call *call, uint64_t job);
api_object api_whose_job, api_whose_disk, api_own;
api_verb api_certificate_renew;

/* Of the requests of this verb; NULL when there is no such verb. */
const ProtobufCMessageDescriptor *api_request_type(uint16_t verb);

/* The deed is in the audit log before it is done; RC_OK too when it need not be. */
enum rc api_audit_before(struct api_call *call, const struct hub_event *event, struct error *e);
/* It failed, or was refused. */
void api_audit_after(struct api_call *call, const struct hub_event *event, const struct error *why);

api_verb api_key_list, api_key_add, api_key_remove, api_key_prove, api_key_rewrap, api_key_envelope,
    api_agent_key, api_root_list, api_restore_begin, api_restore_report;
api_verb api_audit_show, api_audit_verify, api_agent_revoke, api_operator_revoke, api_operator_role,
    api_status, api_agent_add, api_agent_list, api_operator_add, api_operator_list, api_source_list,
    api_source_forget, api_cycle_start, api_cycle_status, api_cycle_cancel, api_cycle_list,
    api_full_list, api_full_show, api_full_ls, api_full_cat, api_full_verify, api_restore_files,
    api_vault_verify, api_vault_repair, api_vault_accept_gap, api_vault_stats, api_job_status,
    api_job_cancel;

#endif
