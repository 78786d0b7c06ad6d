/*
 * link.h -- an agent's or operator's end of the control protocol.
 *
 * Dials the controller, over and over with back-off (1 s doubling to 30 s, with jitter) unless
 * `once`; reports LINK_UP and LINK_DOWN (also for an attempt that failed for another reason than the last one).  A link that heard nothing for HUB_SILENCE_MS is closed and dialled again.
 *
 *     TRY(link_open(&(struct link_options){.url = url, .identity = &id, .expect = "koffer://controller/main"}, &link, e));
 *     for (;;) { TRY(link_next(link, deadline, &event, e)); ...; link_event_clear(&event); }
 *
 * or, for a command-line tool, one question at a time:
 *
 *     TRY(link_call(link, MESSAGE_TYPE__FULL_LIST, body, deadline, &reply, e));
 *     // a Failure reply becomes the error, with the controller's code and text
 *
 * url: "tls+tcp://host:port" or "ipc:///run/koffer/control" (then identity and expect are NULL).
 * Threads: link_next from one thread; link_send, link_wake from any.  Layer: proto.
 */
#ifndef PROTO_LINK_H
#define PROTO_LINK_H

#include "proto/hub.h"

struct link_options {
    const char *url;
    const struct tls_identity *identity; /* copied */
    const char *expect;                  /* see tls.h */
    bool once; /* give up at the first failure: link_open waits for the connection, 10 s at most */
};

enum link_kind { LINK_UP, LINK_DOWN, LINK_FRAME, LINK_WOKEN, LINK_TIMEOUT };

struct link_event {
    enum link_kind kind;
    struct error why; /* LINK_DOWN: the reason, as far as it is known */
    struct frame frame;
    struct buffer bytes;
};

void link_event_clear(struct link_event *event);

struct link;
enum rc link_open(const struct link_options *options, struct link **out, struct error *e);
void link_close(struct link *link);
static inline void
link_closep(struct link **l)
{
    link_close(*l);
}

enum rc link_next(struct link *link, struct mono deadline, struct link_event *out, struct error *e);
/* RC_AGAIN when not connected or HUB_OUTSTANDING frames are on their way: LINK_WOKEN comes when there
 * is room again. */
enum rc link_send(struct link *link, const struct frame *frame, struct error *e);
void link_wake(struct link *link);

/* Send and wait for the reply with our correlation; other frames meanwhile are dropped. */
enum rc link_call(struct link *link, uint16_t type, struct span body, struct mono deadline,
                  struct buffer *reply, struct error *e);

#endif
