/* test_priv_channel.c -- who sends descriptors, or listens to nothing, holds up nobody. */
#include "agent/priv/priv_channel.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
