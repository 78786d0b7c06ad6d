/* priv_channel.c -- see priv_channel.h. */
#include "agent/priv/priv_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/sys/file.h"

#ifndef SO_PASSRIGHTS /* Linux 6.16; an older C library does not know it */
#define SO_PASSRIGHTS 83
#endif

enum { BACKLOG = 8, FIRST_INHERITED = 3, DRAIN_MAX = 1024 /* more than fits into a socket */ };

/* ---- descriptors that nobody asked for */

void
priv_channel_take_no_descriptors(int fd)
{
    const int no = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof no);
}

/* A connection that lingers would have close() wait for its sender's peer: it is reset instead. */
static void
close_foreign(int fd)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
}

/* Closes all that came; returns the first, unless it is not wanted. */
static int
take_descriptor(struct msghdr *message, bool wanted, bool *unwanted)
{
    int taken = -1;
    *unwanted = (message->msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (wanted && taken < 0) {
                taken = fd;
            } else {
                *unwanted = true;
                close_foreign(fd);
            }
        }
    }
    return taken;
}

union ancillary { /* room for one descriptor, aligned as the kernel wants it; two fit */
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

struct piece {
    void *data;
    size_t len;
    bool cut; /* a packet was longer */
};

/* recvmsg(2), and what came with it: whatever it returns, no descriptor is left open that the caller does not see. */
static ssize_t
receive(int fd, struct piece *out, int flags, int *descriptor, bool *unwanted)
{
    union ancillary control;
    struct iovec part = {.iov_base = out->data, .iov_len = out->len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t got;
    do {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        got = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    *unwanted = false;
    if (got < 0)
        return got; /* the kernel has filled nothing in */
    int taken = take_descriptor(&message, descriptor != NULL, unwanted);
    if (descriptor != NULL)
        *descriptor = taken;
    out->cut = (message.msg_flags & MSG_TRUNC) != 0;
    return got;
}

/* ---- ends */

static enum rc
address_of(const char *path, struct sockaddr_un *out, struct error *e)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((size_t)snprintf(out->sun_path, sizeof out->sun_path, "%s", path) >= sizeof out->sun_path)
        return error_set(e, RC_INVALID, "socket '%s': the path is longer than %zu bytes", path,
                         sizeof out->sun_path - 1);
    return RC_OK;
}

static enum rc
make_directory(const char *path, gid_t group, struct error *e)
{
    CLEANUP(own_freep) char *folder = strdup(path);
    if (folder == NULL)
        return error_set(e, RC_NO_MEMORY, "socket '%s'", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return error_set(e, RC_INVALID, "socket '%s' needs a directory of its own", path);
    *slash = '\0';
    TRY(file_make_directory(AT_FDCWD, folder, 0750, e));
    TRY(file_check_kept("directory of the socket", folder, e));
    if (geteuid() != 0)
        return RC_OK;
    if (chown(folder, 0, group) != 0 || chmod(folder, 0750) != 0)
        return error_errno(e, "give '%s' to group %u", folder, group);
    return RC_OK;
}

static enum rc
bind_at(int fd, const char *path, gid_t group, struct error *e)
{
    struct sockaddr_un address;
    TRY(address_of(path, &address, e));
    if (unlink(path) != 0 && errno != ENOENT)
        return error_errno(e, "remove the old socket '%s'", path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return error_errno(e, "socket '%s'", path);
    /* Nobody but its group reaches into the directory: there is no moment at which the socket is open to others. */
    if ((geteuid() == 0 && chown(path, 0, group) != 0) || chmod(path, 0660) != 0)
        return error_errno(e, "give '%s' to group %u", path, group);
    return listen(fd, BACKLOG) == 0 ? RC_OK : error_errno(e, "listen at '%s'", path);
}

enum rc
priv_channel_listen(const char *path, gid_t group, int *out, struct error *e)
{
    CLEANUP(own_closep)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(e, "socket '%s'", path);
    TRY(make_directory(path, group, e));
    priv_channel_take_no_descriptors(fd); /* inherited by what connects */
    TRY(bind_at(fd, path, group, e));
    *out = fd;
    fd = -1;
    return RC_OK;
}

enum rc
priv_channel_inherited(int *out, struct error *e)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int type = 0;
    socklen_t size = sizeof type;
    *out = -1;
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != getpid())
        return RC_OK;
    if (strtol(count, NULL, 10) != 1 ||
        getsockopt(FIRST_INHERITED, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_SEQPACKET)
        return error_set(e, RC_INVALID,
                         "koffer-priv.socket must open one socket of type SOCK_SEQPACKET "
                         "(ListenSequentialPacket=)");
    if (fcntl(FIRST_INHERITED, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(FIRST_INHERITED, F_SETFL, O_NONBLOCK) != 0)
        return error_errno(e, "the socket of koffer-priv.socket");
    priv_channel_take_no_descriptors(FIRST_INHERITED);
    *out = FIRST_INHERITED;
    return RC_OK;
}

static enum rc
check_peer(int fd, uid_t allowed, struct error *e)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return error_errno(e, "who is at the other end");
    if (peer.uid != 0 && peer.uid != geteuid() && peer.uid != allowed)
        return error_set(e, RC_DENIED, "process %d of user %u is not the other half of this agent",
                         peer.pid, peer.uid);
    return RC_OK;
}

static enum rc
limit_sending(int fd, struct error *e)
{
    const struct timeval limit = {.tv_sec = PRIV_CHANNEL_MS / 1000};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0
               ? RC_OK
               : error_errno(e, "channel between the halves");
}

enum rc
priv_channel_accept(int listener, uid_t allowed, int *out, struct error *e)
{
    CLEANUP(own_closep) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
        return error_set(e, RC_AGAIN, "nobody there");
    if (fd < 0)
        return error_errno(e, "accept the network side");
    TRY(check_peer(fd, allowed, e));
    TRY(limit_sending(fd, e));
    priv_channel_take_no_descriptors(fd);
    *out = fd;
    fd = -1;
    return RC_OK;
}

enum rc
priv_channel_dial(const char *path, int *out, struct error *e)
{
    struct sockaddr_un address;
    CLEANUP(own_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(e, "socket");
    TRY(address_of(path, &address, e));
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return error_errno(e, "koffer-priv does not answer at '%s'; is it running", path);
    TRY_IN(check_peer(fd, 0, e), e, "'%s'", path);
    TRY(limit_sending(fd, e));
    *out = fd;
    fd = -1;
    return RC_OK;
}

/* ---- packets */

static enum rc
send_bytes(int fd, struct span bytes, int descriptor, int flags, bool *full, struct error *e)
{
    union ancillary control = {.bytes = {0}};
    union { /* sendmsg's structure lacks the const that it keeps to */
        const uint8_t *constant;
        void *plain;
    } at = {.constant = bytes.data};
    struct iovec part = {.iov_base = at.plain, .iov_len = bytes.len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    *full = sent < 0 && errno == EAGAIN;
    if (sent == (ssize_t)bytes.len)
        return RC_OK;
    return error_set(e, RC_AGAIN, "the other half of the agent %s",
                     *full ? "does not read" : "has gone");
}

enum rc
priv_channel_send(int fd, const struct priv_message *m, int descriptor, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    bool full;
    TRY(priv_encode(m, &bytes, e));
    return send_bytes(fd, buffer_span(&bytes), descriptor, 0, &full, e);
}

enum rc
priv_channel_send_now(int fd, const struct priv_message *m, int descriptor, bool *full,
                      struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    *full = false;
    TRY(priv_encode(m, &bytes, e));
    return send_bytes(fd, buffer_span(&bytes), descriptor, MSG_DONTWAIT, full, e);
}

ssize_t
priv_channel_read(int fd, void *out, size_t len, bool *unwanted)
{
    return receive(fd, &(struct piece){.data = out, .len = len}, MSG_DONTWAIT, NULL, unwanted);
}

void
priv_channel_close(int *fd)
{
    uint8_t scrap[4096];
    bool unwanted;
    if (*fd >= 0 && shutdown(*fd, SHUT_RD) == 0) /* no more can come */
        for (int i = 0; i < DRAIN_MAX; i++) /* 0 may be an empty packet: only a count ends it */
            if (priv_channel_read(*fd, scrap, sizeof scrap, &unwanted) < 0)
                break;
    own_closep(fd);
    *fd = -1;
}

enum rc
priv_channel_receive(int fd, enum priv_from from, struct priv_message *m, int *descriptor,
                     struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    CLEANUP(own_closep) int taken = -1;
    bool unwanted;
    TRY(buffer_reserve(&bytes, PRIV_PACKET_MAX, e));
    struct piece packet = {.data = bytes.data, .len = PRIV_PACKET_MAX};
    ssize_t got = receive(fd, &packet, 0, descriptor != NULL ? &taken : NULL, &unwanted);
    if (got >= 0 && unwanted) /* also with an empty packet, which looks like the end */
        return error_set(e, RC_PROTOCOL, "a descriptor that nobody asked for");
    if (got <= 0)
        return error_set(e, RC_AGAIN, "the other half of the agent has gone");
    if (packet.cut)
        return error_set(e, RC_PROTOCOL, "a packet of more than %d bytes", (int)PRIV_PACKET_MAX);
    TRY(priv_decode(span_of(bytes.data, (size_t)got), from, m, e));
    if (descriptor != NULL) {
        *descriptor = taken;
        taken = -1;
    }
    return RC_OK;
}
