/*
 * tls_bio.c -- lets OpenSSL read and write nng's buffers.  See tls_engine.h.
 *
 * Two bugs of nng (1.5.2 to 1.12) are worked around here: after a TCP error with nothing queued, the
 * next operation on a TLS connection is silently forgotten, so the connection never ends; and a
 * client that says hello and leaves makes such a connection of the listener's own accept.  Both end
 * when EAGAIN on a dead TCP connection becomes a hard error.
 */
#include <assert.h>

#include "proto/tls_engine.h"

static BIO_METHOD *method;

bool
tls_bio_dead(nng_stream *stream)
{
    nng_sockaddr address;
    return nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) != 0;
}

/* 1: done; 0: not, and the retry flag says whether it may be tried again. */
static int
outcome(BIO *bio, int nng_error, void (*set_retry)(BIO *))
{
    BIO_clear_retry_flags(bio);
    if (nng_error == 0)
        return 1;
    if (nng_error == NNG_EAGAIN && !tls_bio_dead(BIO_get_data(bio)))
        set_retry(bio);
    return 0;
}

static void
retry_write(BIO *bio)
{
    BIO_set_retry_write(bio);
}

static void
retry_read(BIO *bio)
{
    BIO_set_retry_read(bio);
}

static int
bio_write(BIO *bio, const char *data, size_t len, size_t *written)
{
    size_t moved = len;
    int error = nng_tls_engine_send(BIO_get_data(bio), (const uint8_t *)data, &moved);
    *written = error == 0 ? moved : 0;
    return outcome(bio, error, retry_write);
}

static int
bio_read(BIO *bio, char *data, size_t len, size_t *got)
{
    size_t moved = len;
    int error = nng_tls_engine_recv(BIO_get_data(bio), (uint8_t *)data, &moved);
    *got = error == 0 ? moved : 0;
    return outcome(bio, error, retry_read);
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int
bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

enum rc
tls_bio_start(struct error *e)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nng");
    if (method == NULL || BIO_meth_set_write_ex(method, bio_write) != 1 ||
        BIO_meth_set_read_ex(method, bio_read) != 1 ||
        BIO_meth_set_ctrl(method, bio_control) != 1 || BIO_meth_set_create(method, bio_create) != 1)
        return error_set(e, RC_NO_MEMORY, "cannot set up OpenSSL for nng");
    return RC_OK;
}

BIO *
tls_bio_new(nng_stream *stream)
{
    assert(method != NULL);
    BIO *bio = BIO_new(method);
    if (bio != NULL)
        BIO_set_data(bio, stream);
    return bio;
}
