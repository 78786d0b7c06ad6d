/* api_internal.h -- what the verbs share.  Layer: controller/api. */
#ifndef CONTROLLER_API_API_INTERNAL_H
#define CONTROLLER_API_API_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "controller/api/api.h"
#include "controller/restore/archive.h"
#include "proto/message.h"

struct api {
    struct api_options options;
    struct wall started;
    struct tree_reader *reader; /* over the vault; remembers the blobs it opened last */
    /* The archive that was browsed last. */
    uint64_t full;
    char source[2 * LIMIT_LABEL + 2];
    struct blob_ref root;
};

struct api_call {
    struct api *api;
    struct arena *arena;
    const ProtobufCMessage *request; /* of the type in the table; NULL for Empty */
    const ProtobufCMessage *reply;   /* set by the verb; lives in the arena */
    const char *who;                 /* "root" or the operator's name */
    bool local;                      /* root on this machine, through the local socket */
    const char *remedy;              /* set by the verb when it fails and knows one */
};

typedef enum rc api_verb(struct api_call *call, struct error *e);

/* RC_NO_MEMORY when the arena is full: the answer would be too large. */
#define API_NEW(call, type) ((type *)arena_alloc((call)->arena, sizeof(type)))

/* A copy in the arena; "" when the arena is full (the answer is then cut short, never wrong memory). */
char *api_text(struct api_call *call, const char *text);

/* A growing array of pointers in the arena, for repeated fields. */
struct api_list {
    void **items;
    size_t count, capacity;
};
enum rc api_push(struct api_call *call, struct api_list *list, void *item, struct error *e);

api_verb api_status, api_agent_add, api_agent_list, api_operator_add, api_operator_list,
    api_source_list, api_source_forget, api_cycle_start, api_cycle_status, api_cycle_cancel,
    api_cycle_list, api_full_list, api_full_show, api_full_ls, api_full_cat, api_full_verify,
    api_restore_files, api_vault_verify, api_vault_stats, api_job_status, api_job_cancel;

#endif
