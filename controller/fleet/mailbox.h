/*
 * mailbox.h -- work handed from other threads to the controller's loop.
 *
 * The loop owns fleet, cycle and catalogue; data streams, enrolment and jobs run on threads of their
 * own and reach them only through here.  mailbox_post returns at once; mailbox_call waits until the loop has
 * run the function (or the mailbox is closed: RC_CANCELLED).
 *
 * Threads: post and call from any but the loop's; run, close and free from the loop's.
 * Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_MAILBOX_H
#define CONTROLLER_FLEET_MAILBOX_H

#include "common/base/error.h"
#include "common/base/own.h"

struct mailbox;
typedef void mailbox_work(void *ctx);

/* `wake` makes the loop call mailbox_run soon. */
enum rc mailbox_new(void (*wake)(void *ctx), void *wake_ctx, struct mailbox **out, struct error *e);
/* Frees nothing that `ctx` points to: posted work that never ran is the poster's to forget. */
void mailbox_free(struct mailbox *m);
DEFINE_FREEP(mailbox)

enum rc mailbox_post(struct mailbox *m, mailbox_work *work, void *ctx, struct error *e);
enum rc mailbox_call(struct mailbox *m, mailbox_work *work, void *ctx, struct error *e);
/* Run everything that was handed in so far. */
void mailbox_run(struct mailbox *m);
/* Refuse new work and release waiting callers. */
void mailbox_close(struct mailbox *m);

#endif
