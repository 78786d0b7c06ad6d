/* test_fetch.c -- a restore gets the blobs that it asks for, or the reason why not; over the local socket. */
#include "proto/fetch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "tests/support/check.h"
#include "tests/support/log_text.h"
#include "tests/support/pki.h"

enum manner { HONEST, OTHER_NAME, OTHER_BYTES, NOT_THERE, OTHER_FRAME, SHORT, FAILS, UNWELCOME };

static struct world {
    char folder[32], url[64];
    struct stream_listener *listener;
    _Atomic(int) manner;
    uint64_t job;
    struct id token;
    bool local;
} w;

static const char blob_bytes[] = "a sealed blob";

static struct id
blob_id(void)
{
    struct error e = ERROR_INIT;
    struct id id;
    CHECK_OK(digest_sha256(span_of(blob_bytes, sizeof blob_bytes), &id, &e), &e);
    return id;
}

/* ---- the controller's side */

static void
reply(struct stream *s, struct span name, struct span bytes)
{
    struct error e = ERROR_INIT;
    const struct span parts[] = {name, bytes};
    (void)stream_send(s, STREAM_BLOB, parts, 2, &e);
}

static void
refuse(struct stream *s, const char *why)
{
    struct error e = ERROR_INIT;
    (void)error_set(&e, RC_DENIED, "%s", why);
    stream_fail(s, &e);
}

static void
answer_get(struct stream *s, struct span asked)
{
    struct error e = ERROR_INIT;
    struct id other = {{1}};
    enum manner manner = (enum manner)atomic_load(&w.manner);
    if (manner == OTHER_NAME)
        reply(s, span_of(other.bytes, ID_SIZE), span_of(blob_bytes, sizeof blob_bytes));
    else if (manner == OTHER_BYTES)
        reply(s, asked, span_of(blob_bytes, sizeof blob_bytes - 1));
    else if (manner == NOT_THERE)
        reply(s, asked, span_of(NULL, 0));
    else if (manner == SHORT)
        reply(s, span_of(asked.data, ID_SIZE / 2), span_of(NULL, 0));
    else if (manner == OTHER_FRAME)
        (void)stream_send(s, STREAM_WELCOME, NULL, 0, &e);
    else if (manner == FAILS)
        refuse(s, "this job may not have it");
    else
        reply(s, asked, span_of(blob_bytes, sizeof blob_bytes));
}

static bool
greet(struct stream *s, struct span hello)
{
    struct error e = ERROR_INIT;
    struct wire_reader r = wire_reader_of(hello);
    if (wire_u32(&r) != 1)
        return false;
    w.job = wire_u64(&r);
    w.token = wire_id(&r);
    w.local = stream_peer(s)->local;
    if (atomic_load(&w.manner) == UNWELCOME) {
        refuse(s, "no such token");
        return false;
    }
    return stream_send(s, STREAM_WELCOME, NULL, 0, &e) == RC_OK;
}

static void
accepted(void *ctx, struct stream *s)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    enum stream_type type;
    (void)ctx;
    while (stream_receive(s, &type, &payload, &e) == RC_OK) {
        if (type == STREAM_GET)
            answer_get(s, buffer_span(&payload));
        else if (type != STREAM_HELLO || !greet(s, buffer_span(&payload)))
            break;
    }
    stream_close(s);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    memset(&w, 0, sizeof w);
    (void)snprintf(w.folder, sizeof w.folder, "/tmp/koffer-fetch-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    (void)snprintf(w.url, sizeof w.url, "ipc://%s/data", w.folder);
    const struct stream_listen_options options = {.url = w.url, .accepted = accepted};
    CHECK_OK(stream_listen(&options, &w.listener, &e), &e);
    return 0;
}

static int
end(void **state)
{
    char path[64];
    (void)state;
    stream_listener_close(w.listener);
    (void)snprintf(path, sizeof path, "%s/data", w.folder);
    (void)unlink(path); /* nng does it too */
    assert_int_equal(rmdir(w.folder), 0);
    return 0;
}

static struct fetch *
open_fetch(void)
{
    static const struct id token = {{7}};
    struct error e = ERROR_INIT;
    struct fetch *f = NULL;
    CHECK_OK(fetch_open(&(struct fetch_options){.url = w.url, .job = 42, .token = &token}, &f, &e),
             &e);
    return f;
}

/* ---- promises */

static void
a_blob_that_is_asked_for_arrives(void **state)
{
    struct error e = ERROR_INIT;
    struct id id = blob_id();
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    CLEANUP(fetch_closep) struct fetch *f = open_fetch();
    struct blob_source *source = fetch_source(f);
    (void)state;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(source->get(source, &id, &out, &e), &e);
        assert_int_equal(out.len, sizeof blob_bytes);
        assert_memory_equal(out.data, blob_bytes, sizeof blob_bytes);
    }
    assert_int_equal(w.job, 42);
    assert_int_equal(w.token.bytes[0], 7);
    assert_true(w.local);
}

static void
nothing_else_is_taken_for_it(void **state)
{
    static const struct {
        enum manner manner;
        enum rc rc;
        const char *text;
    } cases[] = {
        {OTHER_NAME, RC_PROTOCOL, "another blob"},
        {OTHER_BYTES, RC_CORRUPT, ""},
        {NOT_THERE, RC_NOT_FOUND, ""},
        {SHORT, RC_PROTOCOL, ""},
        {OTHER_FRAME, RC_PROTOCOL, "instead of"},
        {FAILS, RC_DENIED, "this job may not have it"},
    };
    struct id id = blob_id();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(STREAM_PAYLOAD_MAX);
        CLEANUP(fetch_closep) struct fetch *f = open_fetch();
        struct blob_source *source = fetch_source(f);
        atomic_store(&w.manner, cases[i].manner);
        CHECK_RC(source->get(source, &id, &out, &e), cases[i].rc);
        assert_non_null(strstr(e.text, cases[i].text));
        assert_int_equal(out.len, 0);
        atomic_store(&w.manner, HONEST);
    }
}

static void
a_token_that_does_not_count_is_told(void **state)
{
    static const struct id token = {{7}};
    struct error e = ERROR_INIT;
    struct fetch *f = NULL;
    (void)state;
    atomic_store(&w.manner, UNWELCOME);
    CHECK_RC(fetch_open(&(struct fetch_options){.url = w.url, .job = 42, .token = &token}, &f, &e),
             RC_DENIED);
    assert_non_null(strstr(e.text, "no such token"));
    assert_null(f);
    fetch_close(NULL);
}

static void
a_cancelled_fetch_gets_nothing_more(void **state)
{
    struct error e = ERROR_INIT;
    struct id id = blob_id();
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    CLEANUP(fetch_closep) struct fetch *f = open_fetch();
    struct blob_source *source = fetch_source(f);
    (void)state;
    fetch_cancel(f);
    CHECK_RC(source->get(source, &id, &out, &e), RC_CANCELLED);
}

static void
nobody_there_is_said_with_the_address(void **state)
{
    static const struct id token = {{7}};
    struct error e = ERROR_INIT;
    struct fetch *f = NULL;
    (void)state;
    const struct fetch_options options = {.url = "ipc:///nowhere/data", .token = &token};
    assert_true(fetch_open(&options, &f, &e) != RC_OK);
    assert_non_null(strstr(e.text, "ipc:///nowhere/data"));
}

/* In a child: become somebody else, connect, greet as a job does, and hear the end.  nng is not for a child. */
static int
connect_as_stranger(const char *path)
{
    enum { BODY = 4 + 8 + ID_SIZE };
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    uint8_t hello[STREAM_HEADER_SIZE + BODY] = {0};
    char heard[64];
    ssize_t got;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    stream_encode_header(STREAM_HELLO, BODY, hello);
    hello[STREAM_HEADER_SIZE] = 1;     /* the version */
    hello[STREAM_HEADER_SIZE + 4] = 9; /* the job */
    if (fd < 0 || setresuid(65534, 65534, 65534) != 0 ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        return 2;
    (void)!send(fd, hello, sizeof hello, MSG_NOSIGNAL); /* it may be closed already */
    do
        got = read(fd, heard, sizeof heard);
    while (got > 0);
    return 0;
}

/* By the kernel's word: the file lets it. */
static void
only_root_gets_in_by_the_local_socket(void **state)
{
    char path[64];
    int status = -1;
    (void)state;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    log_text_begin();
    (void)snprintf(path, sizeof path, "%s/data", w.folder);
    assert_int_equal(chmod(w.folder, 0755), 0);
    assert_int_equal(chmod(path, 0666), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(connect_as_stranger(path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(w.job, 0);
    assert_true(log_text_wait("only root may use the local socket", ""));
    log_text_end();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_blob_that_is_asked_for_arrives),      TEST(nothing_else_is_taken_for_it),
        TEST(a_token_that_does_not_count_is_told),   TEST(a_cancelled_fetch_gets_nothing_more),
        TEST(nobody_there_is_said_with_the_address), TEST(only_root_gets_in_by_the_local_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
