/* cli_operator_renew.c -- a new certificate before the old one ends.  See cli_operator.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "common/crypto/certificate.h"
#include "common/crypto/keys.h"
#include "common/sys/file.h"
#include "controller/cli/cli_operator.h"

enum { PEM_MAX = 64 * 1024 };

/* Key and certificate in one file, all or nothing. */
static enum rc
keep(int dirfd, const struct keys_private *key, const char *certificate, struct error *e)
{
    struct buffer both = BUFFER_INIT(PEM_MAX);
    char *pem = NULL;
    TRY(keys_to_pem(key, &pem, e));
    enum rc rc = buffer_reserve(&both, PEM_MAX, e); /* at once: no copy is left behind */
    if (rc == RC_OK)
        rc = buffer_printf(&both, e, "%s%s", pem, certificate);
    if (rc == RC_OK)
        rc = file_replace(dirfd, CLI_OPERATOR_IDENTITY, buffer_span(&both), 0600, e);
    if (both.data != NULL)
        keys_wipe(both.data, both.capacity);
    buffer_free(&both);
    keys_wipe(pem, strlen(pem));
    free(pem);
    return rc;
}

static enum rc
ask(struct cli *cli, int dirfd, const struct certificate_identity *who, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(own_freep) char *pem = NULL;
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    struct certificate_facts facts;
    Koffer__RenewRequest request;
    TRY(keys_generate(KEYS_SIGNING, &key, e));
    TRY(certificate_make_request(key, who, &pem, e));
    koffer__renew_request__init(&request);
    request.request = pem;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__CERTIFICATE_RENEW, &request.base,
                 &koffer__renew_reply__descriptor, &reply, e));
    const char *certificate = ((const Koffer__RenewReply *)reply)->certificate;
    TRY(certificate_inspect(certificate, &facts, e));
    return keep(dirfd, key, certificate, e);
}

/* Another program may just have done it: looked at again under the lock. */
static enum rc
renew(struct cli *cli, struct error *e)
{
    CLEANUP(cli_operator_clear) struct cli_operator me = {0};
    CLEANUP(own_closep) int dirfd = -1;
    struct certificate_facts facts;
    TRY(cli_operator_load(&me, e));
    TRY(file_open_directory(AT_FDCWD, me.directory, &dirfd, e));
    if (flock(dirfd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? RC_OK : error_errno(e, "lock '%s'", me.directory);
    cli_operator_clear(&me);
    TRY(cli_operator_load(&me, e));
    TRY(certificate_inspect(me.certificate, &facts, e));
    if (clock_wall().ns < certificate_renewal(&facts).ns)
        return RC_OK;
    return ask(cli, dirfd, &facts.identity, e);
}

void
cli_operator_renew(struct cli *cli)
{
    struct error e = ERROR_INIT;
    enum cli_exit before = cli->exit;
    if (renew(cli, &e) == RC_OK)
        return;
    cli->exit = before;
    (void)fprintf(stderr, "koffer: the certificate is not renewed: %s\n", e.text);
}
