/*
 * priv_channel.h -- packets and descriptors over the socket between the halves of an agent.
 *
 * koffer-priv listens:
 *     TRY(priv_channel_listen(path, group, &listener, e));
 *     TRY(priv_channel_accept(listener, allowed, &fd, e));       // RC_AGAIN: nobody there; RC_DENIED: a stranger, turned away
 * koffer-agent dials:
 *     TRY(priv_channel_dial(path, &fd, e));                      // RC_DENIED unless root or we ourselves listen there
 * both:
 *     TRY(priv_channel_send(fd, &message, descriptor, e));       // -1: none.  RC_AGAIN: the other half has gone or does not read
 *     TRY(priv_channel_receive(fd, from, &message, &descriptor, e));   // RC_AGAIN: it has gone
 *
 * Who is at the other end is told by the kernel (SO_PEERCRED), not by a message.  A send that finds no room for PRIV_CHANNEL_MS
 * fails.  koffer-priv never takes a descriptor: one that comes from the network side is closed and the packet refused, also an
 * empty one; from Linux 6.16 on the kernel refuses to send it (SO_PASSRIGHTS).
 * Threads: one receiver; senders share a lock of their own.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_CHANNEL_H
#define AGENT_PRIV_PRIV_CHANNEL_H

#include <sys/types.h>

#include "agent/priv/priv.h"
#include "common/sys/privilege.h"

enum { PRIV_CHANNEL_MS = 5000 };

/* Makes the directory (0750, of root and `group` if we are root) and the socket (0660); replaces a socket that is there. */
enum rc priv_channel_listen(const char *path, gid_t group, int *out, struct error *e);
/* The socket that systemd opened for us (sd_listen_fds(3)); *out is -1 when there is none. */
enum rc priv_channel_inherited(int *out, struct error *e);
/* Root, ourselves and `allowed` may come. */
enum rc priv_channel_accept(int listener, uid_t allowed, int *out, struct error *e);
enum rc priv_channel_dial(const char *path, int *out, struct error *e);

enum rc priv_channel_send(int fd, const struct priv_message *m, int descriptor, struct error *e);
/* Does not wait: *full when there is no room now, with RC_AGAIN. */
enum rc priv_channel_send_now(int fd, const struct priv_message *m, int descriptor, bool *full,
                              struct error *e);
/* Blocks.  *descriptor is -1 when none came; NULL: none may come. */
enum rc priv_channel_receive(int fd, enum priv_from from, struct priv_message *m, int *descriptor,
                             struct error *e);

/* ---- for koffer-priv's end of a socket (also of a job's own channel, priv_pipe.h) */

/* The kernel refuses descriptors for this end from now on; an older one than 6.16 cannot, which is no error. */
void priv_channel_take_no_descriptors(int fd);
/* recv(2) that does not wait; descriptors that came along are closed, *unwanted says so.  -1 and errno; 0: the end. */
ssize_t priv_channel_read(int fd, void *out, size_t len, bool *unwanted);
/* Closes what still lies in it first, so that close(2) does not wait for a stranger's socket. */
void priv_channel_close(int *fd);

#endif
