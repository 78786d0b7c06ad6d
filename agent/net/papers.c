/* papers.c -- see papers.h. */
#include "agent/net/papers.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/file.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 65536 };

static const char *
in(const char *directory, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", directory, name);
    return path;
}

/* ---- save */

static enum rc
replace_text(const char *directory, const char *name, const char *text, struct error *e)
{
    char path[PATH_SIZE];
    return file_replace(AT_FDCWD, in(directory, name, path), span_of(text, strlen(text)), 0600, e);
}

static enum rc
save_key(const char *directory, const struct keys_private *tls, struct error *e)
{
    char *pem = NULL, path[PATH_SIZE];
    TRY(file_make_directory(AT_FDCWD, in(directory, "keys", path), 0700, e));
    TRY(keys_to_pem(tls, &pem, e));
    enum rc rc = replace_text(directory, "keys/tls.key", pem, e);
    keys_wipe(pem, strlen(pem));
    free(pem);
    return rc;
}

enum rc
papers_save(const char *directory, const struct keys_private *tls, const struct enroll_result *r,
            struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    char vault[2 * RECORD_VAULT_ID_SIZE + 1];
    text_hex(span_of(r->vault.bytes, RECORD_VAULT_ID_SIZE), vault);
    TRY(buffer_printf(&text, e, "name %s\ncontrol %s\ndata %s\nvault %s\n", r->controller,
                      r->control_url, r->data_url, vault));
    char path[PATH_SIZE];
    /* What was renewed of an earlier enrolment is over; first, or it would count instead of the new one. */
    TRY(file_remove_tree(AT_FDCWD, in(directory, "identity.pem", path), e));
    TRY(save_key(directory, tls, e));
    TRY(replace_text(directory, "controller", (const char *)text.data, e));
    TRY(replace_text(directory, "ca.pem", r->ca, e));
    return replace_text(directory, "agent.pem", r->certificate, e);
}

enum rc
papers_renew(const char *directory, const struct keys_private *tls, const char *certificate,
             struct error *e)
{
    struct buffer both = BUFFER_INIT(TEXT_MAX);
    char *pem = NULL;
    TRY(keys_to_pem(tls, &pem, e));
    enum rc rc = buffer_reserve(&both, TEXT_MAX, e); /* at once: no copy is left behind */
    if (rc == RC_OK)
        rc = buffer_printf(&both, e, "%s%s", pem, certificate);
    if (rc == RC_OK)
        rc = replace_text(directory, "identity.pem", (const char *)both.data, e);
    if (both.data != NULL)
        keys_wipe(both.data, both.capacity);
    buffer_free(&both);
    keys_wipe(pem, strlen(pem));
    free(pem);
    return rc;
}

/* ---- load */

static enum rc
read_text(const char *directory, const char *name, char **out, struct error *e)
{
    char path[PATH_SIZE];
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(TEXT_MAX);
    TRY(file_read(AT_FDCWD, in(directory, name, path), &bytes, e));
    *out = strndup((const char *)bytes.data, bytes.len);
    return *out != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "%s", path);
}

static enum rc
take_line(const char *key, const char *value, struct papers *out, struct error *e)
{
    bool good = true;
    if (text_equal(key, "name"))
        good = (out->controller_name = strdup(value)) != NULL;
    else if (text_equal(key, "control"))
        good = (out->control_url = strdup(value)) != NULL;
    else if (text_equal(key, "vault"))
        good = strlen(value) == 2 * RECORD_VAULT_ID_SIZE &&
               text_unhex(value, out->vault.bytes, RECORD_VAULT_ID_SIZE);
    return good ? RC_OK
                : error_set(e, RC_INVALID,
                            "'controller' in the state directory: '%s' is malformed; "
                            "enrol this agent anew",
                            key);
}

static enum rc
read_controller(const char *directory, struct papers *out, struct error *e)
{
    CLEANUP(own_freep) char *text = NULL;
    TRY(read_text(directory, "controller", &text, e));
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
                         directory);
    return RC_OK;
}

static enum rc
load(const char *directory, struct papers *out, struct error *e)
{
    char path[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, in(directory, "agent.pem", path), &exists, e));
    if (!exists)
        return error_set(e, RC_NOT_FOUND,
                         "this agent is not enrolled ('%s' is missing): get a token with 'koffer "
                         "agent add NAME' and run 'koffer-agent enroll'",
                         path);
    TRY(file_check_kept("state directory", directory, e));
    TRY(file_check_kept("directory of keys", in(directory, "keys", path), e));
    TRY(file_exists(AT_FDCWD, in(directory, "identity.pem", path), &exists, e));
    const char *key = exists ? "identity.pem" : "keys/tls.key";
    TRY(file_check_private("TLS key", in(directory, key, path), e));
    TRY(read_text(directory, key, &out->tls_key_pem, e));
    TRY(read_text(directory, "ca.pem", &out->ca_pem, e));
    TRY(read_text(directory, exists ? "identity.pem" : "agent.pem", &out->certificate_pem, e));
    TRY(certificate_inspect(out->certificate_pem, &out->certificate, e));
    return read_controller(directory, out, e);
}

enum rc
papers_load(const char *directory, struct papers *out, struct error *e)
{
    *out = (struct papers){.ca_pem = NULL};
    enum rc rc = load(directory, out, e);
    if (rc != RC_OK)
        papers_clear(out);
    return rc;
}

void
papers_clear(struct papers *p)
{
    if (p->tls_key_pem != NULL)
        keys_wipe(p->tls_key_pem, strlen(p->tls_key_pem));
    free(p->tls_key_pem);
    if (p->certificate_pem != NULL) /* a renewed one has the key beside it */
        keys_wipe(p->certificate_pem, strlen(p->certificate_pem));
    free(p->ca_pem);
    free(p->certificate_pem);
    free(p->controller_name);
    free(p->control_url);
    *p = (struct papers){.ca_pem = NULL};
}
