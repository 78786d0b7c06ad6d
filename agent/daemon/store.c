/* store.c -- see store.h. */
#include "agent/daemon/store.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "proto/enroll.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 65536 };

static const char *
in(const struct settings *s, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", s->state, name);
    return path;
}

/* ---- enrol: everything is made in keys.new and moved into place at the end */

struct fresh {
    struct keys_private *tls, *signing, *receiving;
};

static void
clear_fresh(struct fresh *f)
{
    keys_private_free(f->tls);
    keys_private_free(f->signing);
    keys_private_free(f->receiving);
}

static enum rc
make_keys(const struct settings *s, struct fresh *f, struct error *e)
{
    char path[PATH_SIZE];
    TRY(file_make_directory(AT_FDCWD, s->state, 0700, e));
    TRY(file_make_directory(AT_FDCWD, in(s, "memory", path), 0700, e));
    TRY(file_remove_tree(AT_FDCWD, in(s, "keys.new", path), e));
    TRY(file_make_directory(AT_FDCWD, path, 0700, e));
    TRY(keys_generate(KEYS_SIGNING, &f->tls, e));
    TRY(keys_generate(KEYS_SIGNING, &f->signing, e));
    TRY(keys_generate(KEYS_RECEIVING, &f->receiving, e));
    TRY(keys_write_file(f->tls, in(s, "keys.new/tls.key", path), e));
    TRY(keys_write_file(f->signing, in(s, "keys.new/signing.key", path), e));
    return keys_write_file(f->receiving, in(s, "keys.new/receiving.key", path), e);
}

/* The domain outlives a new enrolment; a first one makes it. */
static enum rc
make_domain(const struct settings *s, uint8_t id[static BLOB_DOMAIN_SIZE], struct error *e)
{
    char path[PATH_SIZE];
    bool exists;
    struct id secret;
    CLEANUP(store_clear) struct store old = {0};
    struct error ignored = ERROR_INIT;
    TRY(file_exists(AT_FDCWD, in(s, "keys/domain", path), &exists, e));
    if (exists && store_load(s, &old, &ignored) == RC_OK) {
        memcpy(id, old.domain.id, BLOB_DOMAIN_SIZE);
        secret = old.domain.secret;
    } else {
        TRY(keys_random(id, BLOB_DOMAIN_SIZE, e));
        TRY(keys_random(secret.bytes, ID_SIZE, e));
    }
    enum rc rc = keys_write_secret(&secret, in(s, "keys.new/domain", path), e);
    keys_wipe(&secret, sizeof secret);
    return rc;
}

static enum rc
replace_text(const struct settings *s, const char *name, const char *text, struct error *e)
{
    char path[PATH_SIZE];
    return file_replace(AT_FDCWD, in(s, name, path), span_of(text, strlen(text)), 0600, e);
}

static enum rc
write_controller(const struct settings *s, const struct enroll_result *r,
                 const uint8_t domain[static BLOB_DOMAIN_SIZE], struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    char vault[2 * RECORD_VAULT_ID_SIZE + 1], domain_text[2 * BLOB_DOMAIN_SIZE + 1];
    text_hex(span_of(r->vault.bytes, RECORD_VAULT_ID_SIZE), vault);
    text_hex(span_of(domain, BLOB_DOMAIN_SIZE), domain_text);
    TRY(buffer_printf(&text, e, "name %s\ncontrol %s\ndata %s\nvault %s\ndomain %s\n",
                      r->controller, r->control_url, r->data_url, vault, domain_text));
    return replace_text(s, "controller", (const char *)text.data, e);
}

/* The certificate last: with it, and only then, the new keys count. */
static enum rc
put_in_place(const struct settings *s, const struct enroll_result *r,
             const uint8_t domain[static BLOB_DOMAIN_SIZE], struct error *e)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, in(s, "keys", to), &exists, e));
    if (exists) {
        TRY(file_remove_tree(AT_FDCWD, in(s, "keys.old", from), e));
        TRY(file_publish(AT_FDCWD, to, AT_FDCWD, from, e));
    }
    TRY(file_publish(AT_FDCWD, in(s, "keys.new", from), AT_FDCWD, to, e));
    TRY(write_controller(s, r, domain, e));
    TRY(replace_text(s, "ca.pem", r->ca, e));
    TRY(replace_text(s, "agent.pem", r->certificate, e));
    return file_remove_tree(AT_FDCWD, in(s, "keys.old", from), e);
}

enum rc
store_enroll(const struct settings *s, const struct token *token, struct error *e)
{
    CLEANUP(clear_fresh) struct fresh fresh = {0};
    CLEANUP(enroll_result_free) struct enroll_result result = {0};
    uint8_t domain[BLOB_DOMAIN_SIZE];
    TRY(make_keys(s, &fresh, e));
    TRY(make_domain(s, domain, e));
    const struct enroll_keys keys = {fresh.tls, fresh.signing, fresh.receiving};
    TRY(enroll_join(token, &keys, &result, e));
    return put_in_place(s, &result, domain, e);
}

/* ---- load */

static enum rc
read_text(const struct settings *s, const char *name, char **out, struct error *e)
{
    char path[PATH_SIZE];
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(TEXT_MAX);
    TRY(file_read(AT_FDCWD, in(s, name, path), &bytes, e));
    *out = strndup((const char *)bytes.data, bytes.len);
    return *out != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "%s", path);
}

static enum rc
take_line(const char *key, const char *value, struct store *out, struct error *e)
{
    bool good = true;
    if (text_equal(key, "name"))
        good = (out->controller_name = strdup(value)) != NULL;
    else if (text_equal(key, "control"))
        good = (out->control_url = strdup(value)) != NULL;
    else if (text_equal(key, "vault"))
        good = strlen(value) == 2 * RECORD_VAULT_ID_SIZE &&
               text_unhex(value, out->vault.bytes, RECORD_VAULT_ID_SIZE);
    else if (text_equal(key, "domain"))
        good = strlen(value) == 2 * BLOB_DOMAIN_SIZE &&
               text_unhex(value, out->domain.id, BLOB_DOMAIN_SIZE);
    return good ? RC_OK
                : error_set(e, RC_INVALID,
                            "'controller' in the state directory: '%s' is malformed; "
                            "enrol this agent anew",
                            key);
}

static enum rc
read_controller(const struct settings *s, struct store *out, struct error *e)
{
    CLEANUP(own_freep) char *text = NULL;
    TRY(read_text(s, "controller", &text, e));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *value = strchr(line, ' ');
        if (value == NULL)
            continue;
        *value++ = '\0';
        TRY(take_line(line, value, out, e));
    }
    if (out->controller_name == NULL || out->control_url == NULL)
        return error_set(e, RC_INVALID, "'%s/controller' is incomplete; enrol this agent anew",
                         s->state);
    return RC_OK;
}

static enum rc
load(const struct settings *s, struct store *out, struct error *e)
{
    char path[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, in(s, "agent.pem", path), &exists, e));
    if (!exists)
        return error_set(e, RC_NOT_FOUND,
                         "this agent is not enrolled ('%s' is missing): get a token with 'koffer "
                         "agent add NAME' and run 'koffer-agent enroll'",
                         path);
    TRY(file_check_kept("state directory", s->state, e));
    TRY(file_check_kept("directory of keys", in(s, "keys", path), e));
    TRY(keys_read_file(KEYS_SIGNING, in(s, "keys/signing.key", path), &out->signing, e));
    TRY(keys_read_file(KEYS_RECEIVING, in(s, "keys/receiving.key", path), &out->receiving, e));
    TRY(keys_read_secret(in(s, "keys/domain", path), &out->domain.secret, e));
    TRY(file_check_private("TLS key", in(s, "keys/tls.key", path), e));
    TRY(read_text(s, "keys/tls.key", &out->tls_key_pem, e));
    TRY(read_text(s, "ca.pem", &out->ca_pem, e));
    TRY(read_text(s, "agent.pem", &out->certificate_pem, e));
    TRY(certificate_inspect(out->certificate_pem, &out->certificate, e));
    return read_controller(s, out, e);
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

void
store_clear(struct store *store)
{
    keys_private_free(store->signing);
    keys_private_free(store->receiving);
    if (store->tls_key_pem != NULL)
        keys_wipe(store->tls_key_pem, strlen(store->tls_key_pem));
    free(store->tls_key_pem);
    free(store->ca_pem);
    free(store->certificate_pem);
    free(store->controller_name);
    free(store->control_url);
    keys_wipe(&store->domain.secret, sizeof store->domain.secret);
    *store = (struct store){0};
}
