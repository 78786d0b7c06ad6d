/* enrolment.c -- see enrolment.h. */
#include "agent/net/enrolment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/daemon/secrets.h"
#include "agent/net/papers.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "common/record/mandate.h"
#include "common/sys/file.h"
#include "common/sys/privilege.h"
#include "common/sys/process_half.h"

enum { PACKET_MAX = 16384, BINDING = 32, PATH_SIZE = 4096 };

/* From the copy: PROVE binding request | DONE vault controller proof | FAILED code text; to it: START token | PROOF ... | YES | FAILED. */
enum packet { PROVE = 1, PROOF, DONE, YES, FAILED, START };

/* ---- packets */

static enum rc
send_packet(int fd, const struct buffer *bytes, struct error *e)
{
    ssize_t sent = send(fd, bytes->data, bytes->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)bytes->len ? RC_OK : error_errno(e, "speak to our other half");
}

static enum rc
receive_packet(int fd, struct buffer *out, struct error *e)
{
    buffer_clear(out);
    TRY(buffer_reserve(out, PACKET_MAX, e));
    ssize_t got;
    do {
        got = recv(fd, out->data, PACKET_MAX, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return error_set(e, RC_IO, "our other half has gone");
    out->len = (size_t)got;
    return RC_OK;
}

static enum rc
send_failure(int fd, const struct error *why, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, FAILED);
    wire_put_u8(&w, (uint8_t)why->code);
    wire_put_bytes(&w, span_of(why->text, strlen(why->text)));
    TRY(wire_writer_finish(&w));
    return send_packet(fd, &bytes, e);
}

/* What the other half says went wrong there. */
static enum rc
take_failure(struct wire_reader *r, struct error *e)
{
    uint8_t code = wire_u8(r);
    struct span text = r->rest;
    if (!wire_ok(r) || code == RC_OK || code >= RC_COUNT_)
        return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    char safe[ERROR_TEXT_MAX];
    return error_set(e, (enum rc)code, "%s", text_escape(text, safe, sizeof safe));
}

/* ---- the copy: no rights, the network */

struct talk {
    const struct settings *settings;
    const struct privilege_account *account;
    struct token token; /* without its secret */
    int fd;
};

static enum rc
ask_for_proof(void *ctx, const uint8_t binding[static BINDING], const char *request,
              struct enroll_proof *out, struct error *e)
{
    const struct talk *t = ctx;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, PROVE);
    wire_put_bytes(&w, span_of(binding, BINDING));
    wire_put_bytes(&w, span_of(request, strlen(request)));
    TRY(wire_writer_finish(&w));
    TRY(send_packet(t->fd, &bytes, e));
    TRY(receive_packet(t->fd, &bytes, e));
    struct wire_reader r = wire_reader_of(buffer_span(&bytes));
    uint8_t type = wire_u8(&r);
    if (type == FAILED)
        return take_failure(&r, e);
    struct span proof = wire_bytes(&r, sizeof *out);
    if (type != PROOF || !wire_done(&r))
        return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    memcpy(out, proof.data, sizeof *out); /* of a copy of this very program */
    return RC_OK;
}

/* Root's half writes its side first: with the certificate the enrolment counts. */
static enum rc
tell_vault(const struct talk *t, const struct enroll_result *result, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, DONE);
    wire_put_bytes(&w, span_of(result->vault.bytes, RECORD_VAULT_ID_SIZE));
    wire_put_bytes(&w, span_of(result->controller_key.bytes, KEYS_PUBLIC_SIZE));
    wire_put_id(&w, &result->proof);
    TRY(wire_writer_finish(&w));
    TRY(send_packet(t->fd, &bytes, e));
    TRY(receive_packet(t->fd, &bytes, e));
    struct wire_reader r = wire_reader_of(buffer_span(&bytes));
    uint8_t type = wire_u8(&r);
    if (type == FAILED)
        return take_failure(&r, e);
    return type == YES ? RC_OK : error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
}

static enum rc
await_start(struct talk *t, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    TRY(receive_packet(t->fd, &bytes, e));
    struct wire_reader r = wire_reader_of(buffer_span(&bytes));
    uint8_t type = wire_u8(&r);
    struct span token = wire_bytes(&r, sizeof t->token);
    if (type != START || !wire_done(&r))
        return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    memcpy(&t->token, token.data, sizeof t->token); /* of a copy of this very program */
    return RC_OK;
}

static enum rc
talk(struct talk *t, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *tls = NULL;
    CLEANUP(enroll_result_free) struct enroll_result result = {0};
    const struct enroll_prover prover = {ask_for_proof, t};
    TRY(privilege_drop(t->account, e));
    TRY(privilege_hide(e));
    TRY(await_start(t, e));
    TRY(tls_start(e));
    TRY(keys_generate(KEYS_SIGNING, &tls, e));
    TRY(enroll_join(&t->token, tls, &prover, &result, e));
    TRY(tell_vault(t, &result, e));
    return papers_save(t->settings->state, tls, &result, e);
}

static int
run_copy(void *ctx, int fd)
{
    struct talk *t = ctx;
    struct error e = ERROR_INIT, ignored = ERROR_INIT;
    t->fd = fd;
    if (talk(t, &e) == RC_OK)
        return 0;
    (void)send_failure(fd, &e, &ignored);
    return 1;
}

/* ---- root's half: keys and the token's secret */

struct keeper {
    const struct settings *settings;
    const struct token *token;
    struct secrets secrets;
    uint8_t binding[BINDING]; /* of the connection that we proved ourselves on */
    bool proved, committed;
};

static enum rc
prove(struct keeper *k, struct wire_reader *r, int fd, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct enroll_keys keys = {k->token, k->secrets.signing, k->secrets.receiving};
    struct enroll_proof proof;
    struct span binding = wire_bytes(r, BINDING);
    if (!wire_ok(r) || r->rest.len == 0)
        return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    CLEANUP(own_freep) char *request = strndup((const char *)r->rest.data, r->rest.len);
    if (request == NULL)
        return error_set(e, RC_NO_MEMORY, "enrolment");
    memcpy(k->binding, binding.data, BINDING);
    k->proved = true;
    TRY(enroll_prove(&keys, binding.data, request, &proof, e));
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, PROOF);
    wire_put_bytes(&w, span_of(&proof, sizeof proof));
    TRY(wire_writer_finish(&w));
    return send_packet(fd, &bytes, e);
}

static enum rc
start(const struct keeper *k, int fd, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct token bare = *k->token;
    keys_wipe(&bare.secret, sizeof bare.secret);
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, START);
    wire_put_bytes(&w, span_of(&bare, sizeof bare));
    TRY(wire_writer_finish(&w));
    return send_packet(fd, &bytes, e);
}

/* Only who knows the token's secret can have named this vault and key: not our copy. */
static enum rc
check_controller(const struct keeper *k, const struct id *proof, struct error *e)
{
    const struct mandate_enrolment m = {
        .binding = k->binding, .vault = k->secrets.vault, .controller = k->secrets.controller};
    struct id hash, expected;
    TRY(digest_sha256(span_of(k->token->secret.bytes, ID_SIZE), &hash, e));
    TRY(mandate_enrolment_proof(&hash, &m, &expected, e));
    keys_wipe(&hash, sizeof hash);
    if (!keys_equal(expected.bytes, proof->bytes, ID_SIZE))
        return error_set(e, RC_DENIED, "the controller's key was changed on its way to us");
    return RC_OK;
}

static enum rc
commit(struct keeper *k, struct wire_reader *r, int fd, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct span vault = wire_bytes(r, RECORD_VAULT_ID_SIZE);
    struct span controller = wire_bytes(r, KEYS_PUBLIC_SIZE);
    const struct id proof = wire_id(r);
    if (!wire_done(r) || !k->proved || k->committed)
        return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    memcpy(k->secrets.vault.bytes, vault.data, RECORD_VAULT_ID_SIZE);
    memcpy(k->secrets.controller.bytes, controller.data, KEYS_PUBLIC_SIZE);
    TRY(check_controller(k, &proof, e));
    (void)snprintf(k->secrets.host, sizeof k->secrets.host, "%s", k->token->identity.name);
    TRY(secrets_commit(k->settings, &k->secrets, e));
    k->committed = true;
    struct wire_writer w = wire_writer_to(&bytes, e);
    wire_put_u8(&w, YES);
    TRY(wire_writer_finish(&w));
    return send_packet(fd, &bytes, e);
}

/* Until the copy has gone; what it says last is what went wrong. */
static enum rc
serve(struct keeper *k, const struct process_half *half, struct mono deadline, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACKET_MAX);
    struct error gone = ERROR_INIT;
    for (int fd = half->fd;;) {
        TRY(process_half_await(half, deadline, e));
        if (receive_packet(fd, &bytes, &gone) != RC_OK)
            break;
        struct wire_reader r = wire_reader_of(buffer_span(&bytes));
        uint8_t type = wire_u8(&r);
        if (type == PROVE)
            TRY(prove(k, &r, fd, e));
        else if (type == DONE)
            TRY(commit(k, &r, fd, e));
        else if (type == FAILED)
            return take_failure(&r, e);
        else
            return error_set(e, RC_PROTOCOL, "our other half speaks nonsense");
    }
    return k->committed ? RC_OK : error_set(e, RC_IO, "our other half ended without a word");
}

/* ---- */

/* By descriptor: the directory is another user's by now, who may have put links where names were. */
static enum rc
remove_below(int directory, const char *const names[], struct error *e)
{
    for (size_t i = 0; names[i] != NULL; i++)
        TRY(file_remove_tree(directory, names[i], e));
    return RC_OK;
}

/* What an agent of one process left: keys that count no more, a domain that has been taken over. */
static enum rc
remove_old(const struct settings *s, struct error *e)
{
    static const char *const beside[] = {"memory", "receipt", "keys.old", "keys.new", NULL};
    static const char *const keys[] = {"signing.key", "receiving.key", "domain", NULL};
    CLEANUP(own_closep) int state = -1;
    CLEANUP(own_closep) int folder = -1;
    TRY(file_open_directory(AT_FDCWD, s->state, &state, e));
    TRY(file_open_directory(state, "keys", &folder, e));
    TRY(remove_below(state, beside, e));
    return remove_below(folder, keys, e);
}

static enum rc
give(int directory, const char *name, const struct privilege_account *a, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    TRY(file_make_directory(directory, name, 0700, e));
    TRY(file_open_directory(directory, name, &fd, e));
    if (fchmod(fd, 0700) != 0 || (geteuid() == 0 && fchown(fd, a->uid, a->gid) != 0))
        return error_errno(e, "give '%s' to user %u", name, a->uid);
    return RC_OK;
}

static enum rc
make_state(const struct settings *s, const struct privilege_account *a, struct error *e)
{
    CLEANUP(own_closep) int state = -1;
    TRY(give(AT_FDCWD, s->state, a, e));
    TRY(file_open_directory(AT_FDCWD, s->state, &state, e));
    return give(state, "keys", a, e);
}

/* Until the copy has ended, well or not. */
static enum rc
converse(struct keeper *k, struct process_half *half, struct error *e)
{
    struct error why = ERROR_INIT;
    int code = 0;
    const struct mono deadline =
        clock_after_ms(clock_mono(), LIMIT_ENROLMENT_SECONDS * INT64_C(1000));
    enum rc rc = start(k, half->fd, e);
    if (rc == RC_OK)
        rc = serve(k, half, deadline, e);
    enum rc ended = process_half_finish(half, rc == RC_OK ? deadline : clock_mono(), &code, &why);
    if (rc == RC_OK && ended != RC_OK)
        *e = why;
    if (rc != RC_OK || ended != RC_OK)
        return rc != RC_OK ? rc : ended;
    return code == 0 ? RC_OK : error_set(e, RC_IO, "our other half failed without a word");
}

enum rc
enrolment_open(const struct settings *s, struct enrolment *out, struct error *e)
{
    out->settings = s;
    out->account = privilege_self();
    if (geteuid() == 0)
        TRY(privilege_find(s->user, &out->account, e));
    struct talk t = {.settings = s, .account = &out->account};
    return process_half_start(run_copy, &t, &out->half, e);
}

enum rc
enrolment_run(struct enrolment *n, const struct token *token, struct error *e)
{
    struct keeper k = {.settings = n->settings, .token = token};
    enum rc rc = secrets_make(n->settings, &k.secrets, e);
    if (rc == RC_OK)
        rc = make_state(n->settings, &n->account, e);
    if (rc == RC_OK)
        rc = converse(&k, &n->half, e);
    if (rc == RC_OK)
        rc = remove_old(n->settings, e);
    else if (k.committed)
        (void)error_context(
            e,
            "this host's new keys count already, but its certificate is not kept: get "
            "another token with 'koffer agent add --replace %s' and enrol anew",
            token->identity.name);
    secrets_clear(&k.secrets);
    return rc;
}

void
enrolment_close(struct enrolment *n)
{
    struct error ignored = ERROR_INIT;
    int code;
    if (n->half.pid != 0)
        (void)process_half_finish(&n->half, clock_mono(), &code, &ignored);
}
