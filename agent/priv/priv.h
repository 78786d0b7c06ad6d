/*
 * priv.h -- the words between the two halves of an agent (docs/formats/priv.md).
 *
 * koffer-agent, the network side, is a stranger to koffer-priv: whatever it sends is decoded totally, by this codec, into one
 * structure of fixed size with checked lengths, counts and enums.  One message is one packet of a SOCK_SEQPACKET socket.
 *
 *     TRY(priv_encode(&message, &bytes, e));
 *     TRY(priv_decode(bytes, PRIV_FROM_NETWORK, &message, e));   // RC_PROTOCOL: anything but a whole, valid message
 *
 * No message holds plain text of a backup, a private key, a domain secret or the key of a blob: what a capture found is its
 * root's name, without the root's key.
 * Threads: any.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_H
#define AGENT_PRIV_PRIV_H

#include "agent/job/job.h"

enum {
    PRIV_VERSION = 1,
    PRIV_PACKET_MAX = 12 * 1024, /* an order with two paths; everything else is below 4 KiB */
    PRIV_URL_MAX = 320,
    PRIV_DESCRIPTION_MAX = 200,
    PRIV_REMARK_NAME_MAX = 256,
    PRIV_REMARK_VALUE_MAX = 1024,
    PRIV_RECORD_PIECE_MAX = 3072,
    PRIV_REMEDY_MAX = 256,
};

enum priv_type {
    /* from the network side */
    PRIV_HELLO = 1,
    PRIV_VAULT,
    PRIV_ORDER,
    PRIV_CANCEL,
    PRIV_DROP,
    PRIV_ALIVE,
    PRIV_NETWORK_TYPES_,
    /* from koffer-priv */
    PRIV_WELCOME = 64,
    PRIV_SOURCE,
    PRIV_READY,
    PRIV_ANSWER,
    PRIV_STREAM,
    PRIV_PROGRESS,
    PRIV_RESULT,
    PRIV_REMARK,
    PRIV_RECORD,
    PRIV_END,
    PRIV_PRIVILEGED_TYPES_,
};

enum priv_from { PRIV_FROM_NETWORK, PRIV_FROM_PRIVILEGED };

struct priv_source {
    char name[LIMIT_LABEL + 1], kind[LIMIT_LABEL + 1], description[PRIV_DESCRIPTION_MAX];
    bool required;
};

struct priv_answer { /* to an order */
    uint64_t job;
    enum rc rc;
    char text[ERROR_TEXT_MAX];
};

struct priv_stream { /* a descriptor comes with it: one end of the job's channel, priv_pipe.h */
    uint64_t job;
    bool restore; /* blobs come in; else they go out */
    struct id token;
};

struct priv_progress {
    uint64_t files, bytes, bytes_read, bytes_sent, bytes_known, files_before, bytes_before;
    char phase[CAPTURE_PHASE_SIZE];
};

struct priv_restored {
    uint64_t files, directories, others, bytes, skipped, failed, owners_not_set, existing_kept;
};

struct
    priv_status { /* PROGRESS: the job runs; RESULT: it has ended, remarks and the record follow, then END */
    uint64_t job;
    enum job_verb verb;
    bool has_progress, has_restored, has_captured;
    struct priv_progress progress;
    struct priv_restored restored;
    /* RESULT only */
    enum rc rc;
    char text[ERROR_TEXT_MAX], remedy[PRIV_REMEDY_MAX];
    int64_t started, finished, cut_from, cut_until;
    struct record_totals totals;
    bool incomplete;
    struct id root;
};

struct priv_remark {
    uint64_t job;
    bool fact; /* else a warning, which has no name */
    char name[PRIV_REMARK_NAME_MAX], value[PRIV_REMARK_VALUE_MAX];
};

struct priv_record { /* the next piece of a signed archive record */
    uint64_t job;
    uint16_t length;
    uint8_t bytes[PRIV_RECORD_PIECE_MAX];
};

struct priv_message {
    enum priv_type type;
    union {
        uint32_t version;       /* HELLO */
        struct job_vault vault; /* VAULT */
        struct job_order order; /* ORDER */
        uint64_t job;           /* CANCEL, DROP, END */
        bool connected;         /* ALIVE: is the controller there? */
        uint64_t instance;      /* WELCOME: random per start of koffer-priv */
        struct priv_source source;
        struct priv_answer answer;
        struct priv_stream stream;
        struct priv_status status;
        struct priv_remark remark;
        struct priv_record record;
    } is;
};

enum rc priv_encode(const struct priv_message *m, struct buffer *out, struct error *e);
enum rc
priv_decode(struct span bytes, enum priv_from from, struct priv_message *out, struct error *e);

#endif
