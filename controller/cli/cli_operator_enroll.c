/* cli_operator_enroll.c -- koffer operator enroll: a token on stdin becomes a certificate on disk. */
#include <errno.h>
#include <fcntl.h>

#include "common/crypto/keys.h"
#include "common/sys/file.h"
#include "controller/cli/cli_operator.h"
#include "proto/enroll.h"

enum { TYPED_MAX = 2 * TOKEN_TEXT_SIZE };

static enum rc
read_token(struct token *out, struct error *e)
{
    char typed[TYPED_MAX];
    if (isatty(STDIN_FILENO) == 1)
        (void)fprintf(stderr, "Paste the token and press Enter: ");
    if (fgets(typed, sizeof typed, stdin) == NULL)
        return error_set(e, RC_INVALID, "there is no token on the standard input");
    enum rc rc = token_decode(typed, out, e);
    keys_wipe(typed, sizeof typed);
    return rc;
}

static enum rc
check_token(const struct token *t, struct error *e)
{
    if (t->identity.role != CERTIFICATE_OPERATOR)
        return error_set(e, RC_INVALID,
                         "this token is for the agent '%s'; run 'koffer-agent enroll' on its host",
                         t->identity.name);
    if (token_expired(t, clock_wall()))
        return error_set(e, RC_DENIED,
                         "the token has expired (or the clock here is wrong); get a new one by "
                         "'koffer operator add %s --replace'",
                         t->identity.name);
    return RC_OK;
}

static enum rc
check_room(int dirfd, const char *shown, bool replace, struct error *e)
{
    bool exists;
    TRY(file_exists(dirfd, CLI_OPERATOR_CERTIFICATE, &exists, e));
    if (exists && !replace)
        return error_set(e, RC_EXISTS, "there is a certificate in %s already; --replace does so",
                         shown);
    return RC_OK;
}

static enum rc
make_room(int dirfd, const char *shown, struct error *e)
{
    static const char *const names[] = {CLI_OPERATOR_IDENTITY, CLI_OPERATOR_CERTIFICATE,
                                        CLI_OPERATOR_KEY, CLI_OPERATOR_CA, CLI_OPERATOR_CONTROLLER};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(dirfd, names[i], 0) != 0 && errno != ENOENT)
            return error_errno(e, "remove '%s/%s'", shown, names[i]);
    return RC_OK;
}

static enum rc
join(const struct token *token, const struct keys_private *key, struct enroll_result *out,
     struct error *e)
{
    struct enroll_keys keys = {.token = token};
    const struct enroll_prover prover = {enroll_prove, &keys};
    enum rc rc = enroll_join(token, key, &prover, out, e);
    if (!rc_is_transient(rc))
        return rc;
    /* The controller listens for enrolments only while a token is open. */
    struct error why = *e;
    return error_set(e, rc,
                     "%s; if the controller runs, the token is used or has expired: get a new one "
                     "by 'koffer operator add %s --replace'",
                     why.text, token->identity.name);
}

/* The certificate last: it is what makes the directory count. */
static enum rc
keep(int dirfd, const char *shown, const struct keys_private *key, const struct enroll_result *r,
     struct error *e)
{
    char path[1200], controller[512];
    (void)snprintf(path, sizeof path, "%s/" CLI_OPERATOR_KEY, shown);
    int len = snprintf(controller, sizeof controller, "koffer://controller/%s\n%s\n", r->controller,
                       r->control_url);
    if (len < 0 || (size_t)len >= sizeof controller)
        return error_set(e, RC_PROTOCOL, "the controller's address is too long");
    TRY(keys_write_file(key, path, e));
    TRY(file_write_new(dirfd, CLI_OPERATOR_CA, span_of(r->ca, strlen(r->ca)), 0644, e));
    TRY(file_write_new(dirfd, CLI_OPERATOR_CONTROLLER, span_of(controller, (size_t)len), 0644, e));
    TRY(file_write_new(dirfd, CLI_OPERATOR_CERTIFICATE,
                       span_of(r->certificate, strlen(r->certificate)), 0644, e));
    return file_sync_directory(dirfd, ".", e);
}

static enum rc
enroll(const struct token *token, bool replace, struct error *e)
{
    CLEANUP(own_closep) int dirfd = -1;
    CLEANUP(own_freep) char *shown = NULL;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(enroll_result_free) struct enroll_result result = {0};
    /* What can fail here fails before the token is spent, and the old certificate lives until then. */
    TRY(cli_operator_make(&shown, &dirfd, e));
    TRY(keys_generate(KEYS_SIGNING, &key, e));
    TRY(tls_start(e));
    TRY(check_room(dirfd, shown, replace, e));
    TRY(join(token, key, &result, e));
    TRY(make_room(dirfd, shown, e));
    TRY(keep(dirfd, shown, key, &result, e));
    (void)printf("enrolled as operator '%s'; the certificate is in %s\n", token->identity.name,
                 shown);
    return RC_OK;
}

enum rc
cli_operator_enroll(struct cli *cli, struct error *e)
{
    struct token token;
    TRY(read_token(&token, e));
    enum rc rc = check_token(&token, e);
    if (rc == RC_OK)
        rc = enroll(&token, cli_option(cli, "replace") != NULL, e);
    keys_wipe(&token, sizeof token);
    return rc;
}
