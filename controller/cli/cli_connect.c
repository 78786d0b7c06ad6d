/* cli_connect.c -- to the controller: the local socket, or TLS with the operator's certificate.  See cli.h. */
#include "controller/cli/cli.h"

#include <errno.h>
#include <unistd.h>

#include "controller/cli/cli_operator.h"

enum { ANSWER_SECONDS = 60, PROBE_SECONDS = 5 };
#define LOCAL_SOCKET "/run/koffer/control"

static enum rc
explain_unreachable(struct cli *cli, bool local, struct error *e)
{
    struct error why = *e;
    const char *remedy =
        why.code == RC_DENIED
            ? (local
                   ? "become root, or name another controller with --controller"
                   : "is it the controller that enrolled you? 'koffer operator add NAME --replace' there "
                     "gives a token for a new certificate")
            : "is koffer-controller running there? (systemctl status koffer-controller)";
    cli->exit = why.code == RC_DENIED ? CLI_DENIED : CLI_UNREACHABLE;
    return error_set(e, why.code, "cannot reach the controller: %s; %s", why.text, remedy);
}

static enum rc
connect_local(struct cli *cli, struct error *e)
{
    const struct link_options options = {.url = cli->controller, .once = true};
    if (link_open(&options, &cli->link, e) != RC_OK)
        return explain_unreachable(cli, true, e);
    return RC_OK;
}

static enum rc
connect_remote(struct cli *cli, struct error *e)
{
    CLEANUP(cli_operator_clear) struct cli_operator me = {0};
    TRY(cli_operator_load(&me, e));
    TRY(tls_start(e));
    const struct tls_identity identity = {
        .ca = me.ca, .certificate = me.certificate, .key = me.key};
    if (cli->controller == NULL)
        (void)snprintf(cli->url, sizeof cli->url, "%s", me.url);
    cli->controller = cli->controller == NULL ? cli->url : cli->controller;
    const struct link_options options = {
        .url = cli->controller, .identity = &identity, .expect = me.expect, .once = true};
    if (link_open(&options, &cli->link, e) != RC_OK)
        return explain_unreachable(cli, false, e);
    cli->afar = true;
    return RC_OK;
}

/* On the controller's host its socket; elsewhere what the enrolment said. */
static bool
is_elsewhere(void)
{
    return access(LOCAL_SOCKET, F_OK) != 0 && errno == ENOENT && cli_operator_exists();
}

static enum rc
connect_somewhere(struct cli *cli, struct error *e)
{
    if (cli->controller == NULL && is_elsewhere())
        return connect_remote(cli, e);
    if (cli->controller == NULL)
        cli->controller = "ipc://" LOCAL_SOCKET;
    if (strncmp(cli->controller, "ipc:///", strlen("ipc:///")) == 0)
        return connect_local(cli, e);
    if (strncmp(cli->controller, "tls+tcp://", strlen("tls+tcp://")) == 0)
        return connect_remote(cli, e);
    return cli_wrong(cli, e, "'%s' is no controller; write ipc:///PATH or tls+tcp://HOST:PORT",
                     CLI_SAFE(cli->controller));
}

/* "Again" and "timeout" may be the controller's answer or the lack of one; the exit status tells
 * them apart, so ask something harmless. */
static bool
is_gone(struct cli *cli)
{
    struct error ignored = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer answer = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    struct mono deadline = clock_after_ms(clock_mono(), PROBE_SECONDS * 1000);
    return link_call(cli->link, KOFFER__MESSAGE_TYPE__STATUS, (struct span){0}, deadline, &answer,
                     &ignored) != RC_OK;
}

enum rc
cli_call(struct cli *cli, uint16_t type, const ProtobufCMessage *request,
         const ProtobufCMessageDescriptor *reply_type, ProtobufCMessage **reply, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(buffer_free) struct buffer answer = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    struct mono deadline = clock_after_ms(clock_mono(), ANSWER_SECONDS * 1000);
    if (cli->link == NULL)
        TRY(connect_somewhere(cli, e));
    if (request != NULL)
        TRY(message_pack(request, &body, e));
    enum rc rc = link_call(cli->link, type, buffer_span(&body), deadline, &answer, e);
    if (rc_is_transient(rc) && is_gone(cli))
        cli->exit = CLI_UNREACHABLE;
    if (rc != RC_OK)
        return rc;
    if (reply_type == NULL)
        return RC_OK;
    return message_unpack(reply_type, buffer_span(&answer), reply, e);
}
