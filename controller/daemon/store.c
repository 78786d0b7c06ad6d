/* store.c -- see store.h. */
#include "controller/daemon/store.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { CA_DAYS = 3650, CERTIFICATE_DAYS = 3650, PATH_SIZE = 4096, PEM_MAX = 16384 };

/* There from before the first key until after the last certificate: what lies beside it was never in use. */
#define UNFINISHED "unfinished"

static const char *
in(const struct settings *s, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", s->state, name);
    return path;
}

/* ---- create */

static enum rc
make_key(const struct settings *s, enum keys_kind kind, const char *name, struct keys_private **out,
         struct error *e)
{
    char path[PATH_SIZE];
    TRY(keys_generate(kind, out, e));
    return keys_write_file(*out, in(s, name, path), e);
}

static enum rc
write_text(const struct settings *s, const char *name, const char *text, struct error *e)
{
    char path[PATH_SIZE];
    return file_write_new(AT_FDCWD, in(s, name, path), span_of(text, strlen(text)), 0644, e);
}

static enum rc
certify(const struct settings *s, const struct store *store, struct error *e)
{
    struct certificate_identity name = {.role = CERTIFICATE_CONTROLLER};
    struct wall now = clock_wall();
    CLEANUP(own_freep) char *ca = NULL;
    CLEANUP(own_freep) char *request = NULL;
    CLEANUP(own_freep) char *leaf = NULL;
    (void)snprintf(name.name, sizeof name.name, "%s", s->name);
    TRY(certificate_make_ca(store->ca, s->cluster, now, CA_DAYS, &ca, e));
    TRY(certificate_make_request(store->tls, &name, &request, e));
    TRY(certificate_issue(store->ca, ca, request, &name, now, CERTIFICATE_DAYS, &leaf, e));
    TRY(write_text(s, "ca.pem", ca, e));
    return write_text(s, "controller.pem", leaf, e);
}

static enum rc
add_recipient(struct buffer *list, const struct keys_private *key, const char *label,
              struct error *e)
{
    struct keys_public public;
    TRY(keys_public_of(key, &public, e));
    return roster_line(&public, label, list, e);
}

static enum rc
make_recipients(const struct settings *s, const struct store *store, struct keys_private *recovery,
                struct error *e)
{
    char path[PATH_SIZE];
    CLEANUP(buffer_free) struct buffer list = BUFFER_INIT(PEM_MAX);
    TRY(add_recipient(&list, recovery, "recovery sheet", e));
    if (store->custody != NULL)
        TRY(add_recipient(&list, store->custody, "controller", e));
    return file_write_new(AT_FDCWD, in(s, "recipients", path), buffer_span(&list), 0600, e);
}

static enum rc
is_there(const struct settings *s, const char *name, bool *out, struct error *e)
{
    char path[PATH_SIZE];
    return file_exists(AT_FDCWD, in(s, name, path), out, e);
}

enum rc
store_check_free(const struct settings *s, struct error *e)
{
    static const char *const names[] = {"ca.pem", "keys", "recipients"};
    bool exists;
    TRY(is_there(s, UNFINISHED, &exists, e));
    for (size_t i = 0; i < sizeof names / sizeof *names && !exists; i++) {
        bool taken;
        TRY(is_there(s, names[i], &taken, e));
        if (taken)
            return error_set(e, RC_EXISTS,
                             "'%s' belongs to a controller already (it holds '%s'); to begin anew, "
                             "move it away first",
                             s->state, names[i]);
    }
    return RC_OK;
}

/* The directory, marked, and without what an earlier try left. */
static enum rc
begin_state(const struct settings *s, struct error *e)
{
    static const char *const names[] = {"keys", "recipients", "controller.pem", "ca.pem"};
    char path[PATH_SIZE];
    bool again;
    TRY(file_make_directory(AT_FDCWD, s->state, 0700, e));
    TRY(is_there(s, UNFINISHED, &again, e));
    if (!again)
        TRY(write_text(s, UNFINISHED, "", e));
    TRY(file_sync_directory(AT_FDCWD, s->state, e)); /* nothing may be there without the mark */
    for (size_t i = 0; i < sizeof names / sizeof *names && again; i++)
        TRY(file_remove_tree(AT_FDCWD, in(s, names[i], path), e));
    return file_make_directory(AT_FDCWD, in(s, "keys", path), 0700, e);
}

/* From here on it is a controller's. */
static enum rc
finish_state(const struct settings *s, struct error *e)
{
    char path[PATH_SIZE];
    TRY(file_sync_directory(AT_FDCWD, in(s, "keys", path), e));
    TRY(file_sync_directory(AT_FDCWD, s->state, e));
    TRY(file_remove_tree(AT_FDCWD, in(s, UNFINISHED, path), e));
    return file_sync_directory(AT_FDCWD, s->state, e);
}

enum rc
store_create(const struct settings *s, bool custody, struct keys_private **recovery,
             struct error *e)
{
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(keys_private_freep) struct keys_private *sheet = NULL;
    TRY(store_check_free(s, e));
    TRY(begin_state(s, e));
    TRY(make_key(s, KEYS_SIGNING, "keys/ca.key", &store.ca, e));
    TRY(make_key(s, KEYS_SIGNING, "keys/tls.key", &store.tls, e));
    TRY(make_key(s, KEYS_SIGNING, "keys/signing.key", &store.signing, e));
    if (custody)
        TRY(make_key(s, KEYS_RECEIVING, "keys/custody.key", &store.custody, e));
    TRY(keys_generate(KEYS_RECEIVING, &sheet, e));
    TRY(make_recipients(s, &store, sheet, e));
    TRY(certify(s, &store, e));
    TRY(finish_state(s, e));
    *recovery = TAKE(sheet);
    return RC_OK;
}

/* ---- load */

static enum rc
read_text(const struct settings *s, const char *name, char **out, struct error *e)
{
    char path[PATH_SIZE];
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PEM_MAX);
    TRY(file_read(AT_FDCWD, in(s, name, path), &bytes, e));
    *out = strndup((const char *)bytes.data, bytes.len);
    return *out != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "%s", path);
}

static enum rc
load(const struct settings *s, struct store *out, struct error *e)
{
    char path[PATH_SIZE];
    bool exists, unfinished;
    TRY(is_there(s, "ca.pem", &exists, e));
    TRY(is_there(s, UNFINISHED, &unfinished, e));
    if (!exists || unfinished)
        return error_set(e, RC_NOT_FOUND,
                         "'%s' holds no controller's keys: run 'koffer-controller init', or mount "
                         "what should be there",
                         s->state);
    TRY(file_check_kept("state directory", s->state, e));
    TRY(file_check_kept("directory of keys", in(s, "keys", path), e));
    TRY(keys_read_file(KEYS_SIGNING, in(s, "keys/ca.key", path), &out->ca, e));
    TRY(keys_read_file(KEYS_SIGNING, in(s, "keys/tls.key", path), &out->tls, e));
    TRY(keys_read_file(KEYS_SIGNING, in(s, "keys/signing.key", path), &out->signing, e));
    TRY(file_exists(AT_FDCWD, in(s, "keys/custody.key", path), &exists, e));
    if (exists)
        TRY(keys_read_file(KEYS_RECEIVING, path, &out->custody, e));
    TRY(keys_public_of(out->signing, &out->signing_public, e));
    TRY(read_text(s, "ca.pem", &out->ca_pem, e));
    TRY(read_text(s, "controller.pem", &out->certificate_pem, e));
    TRY(read_text(s, "keys/tls.key", &out->tls_key_pem, e));
    TRY_IN(certificate_inspect(out->certificate_pem, &out->certificate, e), e, "%s/controller.pem",
           s->state);
    return roster_load(s->state, out->custody, &out->roster, e);
}

enum rc
store_load(const struct settings *s, struct store *out, struct error *e)
{
    *out = (struct store){0};
    enum rc rc = load(s, out, e);
    if (rc != RC_OK)
        store_clear(out);
    return rc;
}

/* ---- renew */

enum rc
store_renew(const struct settings *s, struct store *store, struct wall now, struct error *e)
{
    struct certificate_facts facts;
    CLEANUP(own_freep) char *request = NULL;
    CLEANUP(own_freep) char *leaf = NULL;
    char path[PATH_SIZE];
    if (now.ns < certificate_renewal(&store->certificate).ns)
        return RC_OK;
    TRY(certificate_make_request(store->tls, &store->certificate.identity, &request, e));
    TRY_IN(certificate_issue(store->ca, store->ca_pem, request, &store->certificate.identity, now,
                             CERTIFICATE_DAYS, &leaf, e),
           e, "the controller's own certificate");
    TRY(certificate_inspect(leaf, &facts, e));
    TRY(file_replace(AT_FDCWD, in(s, "controller.pem", path), span_of(leaf, strlen(leaf)), 0644,
                     e));
    free(store->certificate_pem);
    store->certificate_pem = TAKE(leaf);
    store->certificate = facts;
    log_info("the controller's own certificate is renewed");
    return RC_OK;
}

const char *
store_problem(const struct store *store, struct wall now, char *out, size_t size)
{
    char when[CLOCK_TEXT_SIZE];
    int64_t left = store->certificate.not_after.ns - now.ns;
    out[0] = '\0';
    if (left < INT64_C(365) * 86400 * CLOCK_NS_PER_SECOND)
        (void)snprintf(out, size,
                       "the controller's certificate ends on %.10s; start the controller anew, and "
                       "if it ends then all the same, it is the cluster's CA that ends: see "
                       "koffer-controller(8)",
                       clock_text(store->certificate.not_after, when));
    return out;
}

void
store_clear(struct store *store)
{
    keys_private_free(store->ca);
    keys_private_free(store->tls);
    keys_private_free(store->signing);
    keys_private_free(store->custody);
    roster_free(store->roster);
    free(store->ca_pem);
    free(store->certificate_pem);
    if (store->tls_key_pem != NULL)
        keys_wipe(store->tls_key_pem, strlen(store->tls_key_pem));
    free(store->tls_key_pem);
    *store = (struct store){0};
}
