/* test_priv_channel.c -- who sends descriptors, or listens to nothing, holds up nobody. */
#include "agent/priv/priv_channel.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/priv/priv_pipe.h"
#include "common/base/clock.h"
#include "tests/support/check.h"

enum { OURS, THEIRS, PASS_RIGHTS = 83 /* SO_PASSRIGHTS, Linux 6.16 */ };

static size_t
open_descriptors(void)
{
    size_t count = 0;
    DIR *all = opendir("/proc/self/fd");
    assert_non_null(all);
    while (readdir(all) != NULL)
        count++;
    assert_int_equal(closedir(all), 0);
    return count;
}

/* A packet of `len` bytes with `count` descriptors. */
static ssize_t
send_with(int fd, size_t len, const int *descriptors, size_t count)
{
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    char data[16] = {[4] = PRIV_PIPE_OPENED}; /* a frame, if it is long enough */
    struct iovec part = {.iov_base = data, .iov_len = len};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(h), descriptors, count * sizeof(int));
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static void
pair(int type, int ends[static 2])
{
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

static void
no_packet_leaves_a_descriptor_behind(void **state)
{
    static struct priv_message m;
    struct error e = ERROR_INIT;
    int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)state;
    pair(SOCK_SEQPACKET, ends);
    const int sent[] = {null, null, null};
    size_t before = open_descriptors();
    for (size_t len = 0; len < 2; len++)
        for (size_t count = 1; count <= sizeof sent / sizeof *sent; count++) {
            assert_int_equal(send_with(ends[THEIRS], len, sent, count), len);
            CHECK_RC(priv_channel_receive(ends[OURS], PRIV_FROM_NETWORK, &m, NULL, &e),
                     RC_PROTOCOL);
            assert_int_equal(open_descriptors(), before);
        }
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
    (void)close(null);
}

static void
job_takes_no_descriptor(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(100);
    enum priv_pipe_type type;
    int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)state;
    pair(SOCK_STREAM, ends);
    size_t before = open_descriptors();
    assert_int_equal(send_with(ends[THEIRS], PRIV_PIPE_HEADER, &null, 1), PRIV_PIPE_HEADER);
    CHECK_RC(priv_pipe_read(ends[OURS], NULL, &type, &payload, &e), RC_PROTOCOL);
    assert_int_equal(open_descriptors(), before);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
    (void)close(null);
}

/* Where the kernel can, it refuses at the sender: nothing is left to be closed. */
static void
kernel_refuses_what_is_sent_to_a_job(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(100);
    enum priv_pipe_type type;
    int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), value = 1;
    socklen_t size = sizeof value;
    (void)state;
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    bool able = getsockopt(ends[OURS], SOL_SOCKET, PASS_RIGHTS, &value, &size) == 0;
    ssize_t sent = send_with(ends[THEIRS], PRIV_PIPE_HEADER, &null, 1);
    if (able) {
        assert_int_equal(value, 0);
        assert_int_equal(sent, -1);
    } else {
        assert_int_equal(sent, PRIV_PIPE_HEADER);
        CHECK_RC(priv_pipe_read(ends[OURS], NULL, &type, &payload, &e), RC_PROTOCOL);
    }
    assert_int_equal(send_with(ends[OURS], PRIV_PIPE_HEADER, &null, 1), PRIV_PIPE_HEADER);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
    (void)close(null);
}

/* A connection with more to send than its peer takes, and a close that waits for that. */
static int
lingering(int *peer)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const struct linger wait = {.l_onoff = 1, .l_linger = 60};
    static const char much[1 << 16];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    *peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*peer >= 0);
    while (send(fd, much, sizeof much, MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof wait), 0);
    (void)close(listener);
    return fd;
}

static void
check_does_not_wait(int type, bool unread)
{
    static struct priv_message m;
    struct error e = ERROR_INIT;
    int ends[2], peer;
    pair(type, ends);
    int fd = lingering(&peer);
    assert_int_equal(send_with(ends[THEIRS], 1, &fd, 1), 1);
    (void)close(fd); /* theirs: what was sent is the last one */
    struct mono begin = clock_mono();
    if (!unread)
        CHECK_RC(priv_channel_receive(ends[OURS], PRIV_FROM_NETWORK, &m, NULL, &e), RC_PROTOCOL);
    priv_channel_close(&ends[OURS]);
    assert_int_equal(ends[OURS], -1);
    assert_true(clock_ms_until(clock_after_ms(begin, 20000), clock_mono()) > 0);
    (void)close(ends[THEIRS]);
    (void)close(peer);
}

static void
socket_that_lingers_holds_nobody_up(void **state)
{
    (void)state;
    check_does_not_wait(SOCK_SEQPACKET, false);
    check_does_not_wait(SOCK_SEQPACKET, true);
    check_does_not_wait(SOCK_STREAM, true);
}

/* It keeps the channel open and says nothing. */
static void
peer_that_refuses_to_read_is_gone_at_once(void **state)
{
    struct error e = ERROR_INIT;
    int ends[2];
    (void)state;
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    assert_int_equal(shutdown(ends[THEIRS], SHUT_RD), 0);
    CHECK_RC(priv_pipe_write(ends[OURS], NULL, PRIV_PIPE_FINISH, NULL, 0, &e), RC_AGAIN);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
}

static void
last_words_of_who_goes_are_heard(void **state)
{
    struct error e = ERROR_INIT, why = ERROR_INIT;
    int ends[2];
    (void)state;
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    (void)error_set(&why, RC_NO_SPACE, "the vault is full");
    priv_pipe_fail(ends[THEIRS], &why);
    (void)close(ends[THEIRS]);
    CHECK_RC(priv_pipe_write(ends[OURS], NULL, PRIV_PIPE_FINISH, NULL, 0, &e), RC_NO_SPACE);
    assert_string_equal(e.text, "the vault is full");
    (void)close(ends[OURS]);
}

/* ---- a job's channel */

static void
a_job_waits_no_longer_than_it_is_wanted(void **state)
{
    static uint8_t much[PRIV_PIPE_ROOM];
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(100);
    const _Atomic(bool) cancelled = true;
    const struct span part = span_of(much, sizeof much);
    enum priv_pipe_type type;
    enum rc rc = RC_OK;
    int ends[2];
    (void)state;
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    CHECK_RC(priv_pipe_read(ends[OURS], &cancelled, &type, &payload, &e), RC_CANCELLED);
    for (int i = 0; i < 8 && rc == RC_OK; i++) /* until there is no room */
        rc = priv_pipe_write(ends[OURS], &cancelled, PRIV_PIPE_PUT, &part, 1, &e);
    CHECK_RC(rc, RC_CANCELLED);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
}

static void *
read_much(void *arg)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    enum priv_pipe_type type;
    int fd = *(const int *)arg;
    if (priv_pipe_await(fd, &e) != RC_OK ||
        priv_pipe_read(fd, NULL, &type, &payload, &e) != RC_OK || type != PRIV_PIPE_PUT)
        return NULL;
    for (size_t i = 0; i < payload.len; i++)
        if (payload.data[i] != (uint8_t)(i % 251))
            return NULL;
    return arg;
}

static void
a_blob_longer_than_the_room_arrives_whole(void **state)
{
    enum { MUCH = 4 * PRIV_PIPE_ROOM };
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *much = malloc(MUCH);
    pthread_t thread;
    void *whole = NULL;
    int ends[2];
    (void)state;
    assert_non_null(much);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (uint8_t)(i % 251);
    const struct span parts[] = {span_of(much, 7), span_of(much + 7, MUCH - 7)};
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    assert_int_equal(pthread_create(&thread, NULL, read_much, &ends[THEIRS]), 0);
    CHECK_OK(priv_pipe_write(ends[OURS], NULL, PRIV_PIPE_PUT, parts, 2, &e), &e);
    assert_int_equal(pthread_join(thread, &whole), 0);
    assert_ptr_equal(whole, &ends[THEIRS]);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
}

static void
a_failure_is_what_is_heard_instead(void **state)
{
    struct error e = ERROR_INIT, why = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    int ends[2];
    (void)state;
    CHECK_OK(priv_pipe_open(ends, &e), &e);
    (void)error_set(&why, RC_NO_SPACE, "the vault is full");
    priv_pipe_fail(ends[THEIRS], &why);
    CHECK_RC(priv_pipe_expect(ends[OURS], NULL, PRIV_PIPE_FINISHED, &payload, &e), RC_NO_SPACE);
    assert_string_equal(e.text, "the vault is full");
    CHECK_OK(priv_pipe_write(ends[THEIRS], NULL, PRIV_PIPE_OPENED, NULL, 0, &e), &e);
    CHECK_RC(priv_pipe_expect(ends[OURS], NULL, PRIV_PIPE_FINISHED, &payload, &e), RC_PROTOCOL);
    (void)close(ends[OURS]);
    (void)close(ends[THEIRS]);
}

/* ---- who may come */

struct place {
    char folder[32], run[48], path[64];
    int listener;
};

static int
listen_there(void **state)
{
    static struct place p;
    struct error e = ERROR_INIT;
    (void)snprintf(p.folder, sizeof p.folder, "/tmp/koffer-priv-XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    (void)snprintf(p.run, sizeof p.run, "%s/run", p.folder);
    (void)snprintf(p.path, sizeof p.path, "%s/priv", p.run);
    CHECK_OK(priv_channel_listen(p.path, getegid(), &p.listener, &e), &e);
    *state = &p;
    return 0;
}

static int
leave(void **state)
{
    struct place *p = *state;
    (void)close(p->listener);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(rmdir(p->run), 0);
    assert_int_equal(rmdir(p->folder), 0);
    return 0;
}

static void
only_root_and_its_group_reach_the_socket(void **state)
{
    const struct place *p = *state;
    struct stat folder, file;
    assert_int_equal(stat(p->run, &folder), 0);
    assert_int_equal(stat(p->path, &file), 0);
    assert_int_equal(folder.st_mode & 07777, 0750);
    assert_int_equal(file.st_mode & 07777, 0660);
    assert_int_equal(file.st_gid, getegid());
}

static void
a_socket_that_was_left_behind_is_replaced(void **state)
{
    struct place *p = *state;
    struct error e = ERROR_INIT;
    int fd, again;
    (void)close(p->listener);
    CHECK_RC(priv_channel_dial(p->path, &fd, &e), RC_AGAIN);
    CHECK_OK(priv_channel_listen(p->path, getegid(), &again, &e), &e);
    p->listener = again;
    CHECK_RC(priv_channel_accept(again, geteuid(), &fd, &e), RC_AGAIN); /* nobody there */
    CHECK_OK(priv_channel_dial(p->path, &fd, &e), &e);
    (void)close(fd);
}

static void
a_place_that_cannot_be_kept_is_refused(void **state)
{
    struct error e = ERROR_INIT;
    char path[200];
    int fd;
    (void)state;
    CHECK_RC(priv_channel_listen("/priv", getegid(), &fd, &e), RC_INVALID);
    CHECK_RC(priv_channel_listen("priv", getegid(), &fd, &e), RC_INVALID);
    (void)snprintf(path, sizeof path, "/tmp/%0150d", 0);
    CHECK_RC(priv_channel_dial(path, &fd, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "longer than"));
}

/* In a child: become somebody else and dial.  0: it could. */
static int
dial_as(uid_t user, const char *path)
{
    struct error e = ERROR_INIT;
    int fd;
    if (setresuid(user, user, user) != 0)
        return 1;
    enum rc rc = priv_channel_dial(path, &fd, &e);
    return rc == RC_OK ? 0 : 2;
}

static void
check_stranger(const struct place *p, uid_t user, uid_t allowed, enum rc want)
{
    struct error e = ERROR_INIT;
    struct pollfd ready = {.fd = p->listener, .events = POLLIN};
    int status = -1, fd = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(dial_as(user, p->path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(poll(&ready, 1, 20000), 1);
    CHECK_RC(priv_channel_accept(p->listener, allowed, &fd, &e), want);
    if (fd >= 0)
        (void)close(fd);
}

/* By the kernel's word, even when the file would let it. */
static void
another_user_is_turned_away(void **state)
{
    enum { STRANGER = 65534, NEIGHBOUR = 65533 };
    const struct place *p = *state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    assert_int_equal(chmod(p->folder, 0755), 0);
    assert_int_equal(chmod(p->run, 0755), 0);
    assert_int_equal(chmod(p->path, 0666), 0);
    check_stranger(p, STRANGER, NEIGHBOUR, RC_DENIED);
    check_stranger(p, STRANGER, STRANGER, RC_OK);
}

/* ---- systemd's socket; in a child, whose descriptor 3 it is */

static int
inherit(int type, const char *count)
{
    enum { FIRST = 3 };
    struct error e = ERROR_INIT;
    char pid[16];
    int fd = socket(AF_UNIX, type, 0), got = -2;
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (fd < 0 || dup2(fd, FIRST) != FIRST || setenv("LISTEN_PID", pid, 1) != 0 ||
        setenv("LISTEN_FDS", count, 1) != 0)
        return 100;
    enum rc rc = priv_channel_inherited(&got, &e);
    if (rc != RC_OK)
        return (int)rc;
    bool ready = got == FIRST && fcntl(FIRST, F_GETFD) == FD_CLOEXEC &&
                 (fcntl(FIRST, F_GETFL) & O_NONBLOCK) != 0;
    return ready ? 0 : 101;
}

static void
check_inherits(int type, const char *count, enum rc want)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(inherit(type, count));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), want);
}

static void
systemd_hands_over_one_socket_of_packets(void **state)
{
    struct error e = ERROR_INIT;
    int fd = 7;
    (void)state;
    CHECK_OK(priv_channel_inherited(&fd, &e), &e); /* nobody handed anything to the test */
    assert_int_equal(fd, -1);
    check_inherits(SOCK_SEQPACKET, "1", RC_OK);
    check_inherits(SOCK_SEQPACKET, "2", RC_INVALID);
    check_inherits(SOCK_STREAM, "1", RC_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_packet_leaves_a_descriptor_behind),
        cmocka_unit_test(job_takes_no_descriptor),
        cmocka_unit_test(kernel_refuses_what_is_sent_to_a_job),
        cmocka_unit_test(socket_that_lingers_holds_nobody_up),
        cmocka_unit_test(peer_that_refuses_to_read_is_gone_at_once),
        cmocka_unit_test(last_words_of_who_goes_are_heard),
        cmocka_unit_test(a_job_waits_no_longer_than_it_is_wanted),
        cmocka_unit_test(a_blob_longer_than_the_room_arrives_whole),
        cmocka_unit_test(a_failure_is_what_is_heard_instead),
        cmocka_unit_test_setup_teardown(only_root_and_its_group_reach_the_socket, listen_there,
                                        leave),
        cmocka_unit_test_setup_teardown(a_socket_that_was_left_behind_is_replaced, listen_there,
                                        leave),
        cmocka_unit_test(a_place_that_cannot_be_kept_is_refused),
        cmocka_unit_test_setup_teardown(another_user_is_turned_away, listen_there, leave),
        cmocka_unit_test(systemd_hands_over_one_socket_of_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
