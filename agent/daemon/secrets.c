/* secrets.c -- see secrets.h. */
#include "agent/daemon/secrets.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/sys/beneath.h"
#include "common/sys/file.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 65536 };

static const char *
in(const char *folder, const char *name, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    return path;
}

/* ---- lines "key value" */

struct note {
    char *host;
    struct record_vault_id vault;
    uint8_t domain[BLOB_DOMAIN_SIZE];
    struct keys_public controller;
    bool has_vault, has_domain, has_controller;
};

static void
clear_note(struct note *n)
{
    free(n->host);
}

static bool
take_hex(const char *value, uint8_t *out, size_t size)
{
    return strlen(value) == 2 * size && text_unhex(value, out, size);
}

static void
take_line(const char *key, const char *value, struct note *out)
{
    if (text_equal(key, "name") && out->host == NULL)
        out->host = strdup(value);
    else if (text_equal(key, "vault"))
        out->has_vault = take_hex(value, out->vault.bytes, RECORD_VAULT_ID_SIZE);
    else if (text_equal(key, "controller"))
        out->has_controller = take_hex(value, out->controller.bytes, KEYS_PUBLIC_SIZE);
    else if (text_equal(key, "domain"))
        out->has_domain = take_hex(value, out->domain, BLOB_DOMAIN_SIZE);
}

static enum rc
take_note(struct span bytes, struct note *out, struct error *e)
{
    CLEANUP(own_freep) char *text = strndup((const char *)bytes.data, bytes.len);
    if (text == NULL)
        return error_set(e, RC_NO_MEMORY, "what enrolment told");
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *value = strchr(line, ' ');
        if (value == NULL)
            continue;
        *value++ = '\0';
        take_line(line, value, out);
    }
    return RC_OK;
}

static enum rc
read_note(const char *path, struct note *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(TEXT_MAX);
    TRY(file_read(AT_FDCWD, path, &bytes, e));
    return take_note(buffer_span(&bytes), out, e);
}

/* ---- files in a directory that may be another user's: no link is followed, and no FIFO waited for */

static enum rc
read_beneath(int folder, const char *path, struct buffer *out, struct stat *about, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    size_t got = 0;
    TRY(beneath_open(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e));
    if (fstat(fd, about) != 0)
        return error_errno(e, "stat '%s'", path);
    if (!S_ISREG(about->st_mode))
        return error_set(e, RC_INVALID, "'%s' is not a regular file", path);
    TRY(buffer_reserve(out, TEXT_MAX, e));
    TRY(file_read_at(fd, 0, out->data, TEXT_MAX, &got, e));
    out->len = got;
    return RC_OK;
}

static enum rc
read_note_beneath(int folder, const char *path, struct note *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(TEXT_MAX);
    struct stat about;
    TRY(read_beneath(folder, path, &bytes, &about, e));
    return take_note(buffer_span(&bytes), out, e);
}

static void
wipe(struct buffer *b)
{
    if (b->data != NULL)
        keys_wipe(b->data, b->capacity);
    buffer_free(b);
}

/* Ours, and nobody else's to read: a secret that the network side has put there is none. */
static enum rc
read_secret_beneath(int folder, const char *path, struct id *out, struct error *e)
{
    CLEANUP(wipe) struct buffer bytes = BUFFER_INIT(TEXT_MAX);
    char digits[2 * ID_SIZE + 1] = "";
    struct stat about;
    TRY(read_beneath(folder, path, &bytes, &about, e));
    if (about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return error_set(e, RC_DENIED, "secret '%s' is not ours alone", path);
    size_t len = bytes.len == sizeof digits && bytes.data[sizeof digits - 1] == '\n' ? bytes.len - 1
                                                                                     : bytes.len;
    if (len == sizeof digits - 1)
        memcpy(digits, bytes.data, len);
    bool good = take_hex(digits, out->bytes, ID_SIZE);
    keys_wipe(digits, sizeof digits);
    return good ? RC_OK : error_set(e, RC_INVALID, "secret '%s' is none", path);
}

/* ---- make */

static enum rc
make_folders(const struct settings *s, struct error *e)
{
    char path[PATH_SIZE];
    TRY(file_make_directory(AT_FDCWD, s->private, 0700, e));
    TRY(file_check_kept("private directory", s->private, e));
    TRY(file_make_directory(AT_FDCWD, in(s->private, "memory", path), 0700, e));
    TRY(file_remove_tree(AT_FDCWD, in(s->private, "keys.new", path), e));
    return file_make_directory(AT_FDCWD, path, 0700, e);
}

static enum rc
make_keys(const struct settings *s, struct secrets *out, struct error *e)
{
    char path[PATH_SIZE];
    TRY(keys_generate(KEYS_SIGNING, &out->signing, e));
    TRY(keys_generate(KEYS_RECEIVING, &out->receiving, e));
    TRY(keys_write_file(out->signing, in(s->private, "keys.new/signing.key", path), e));
    return keys_write_file(out->receiving, in(s->private, "keys.new/receiving.key", path), e);
}

/* Here (in keys.old when a crash came between the two renames of secrets_commit), or where an agent of one process kept it. */
static bool
find_domain(const struct settings *s, struct blob_domain *out)
{
    const struct {
        const char *folder, *note, *secret;
    } places[] = {{s->private, "host", "keys/domain"},
                  {s->private, "host", "keys.old/domain"},
                  {s->state, "controller", "keys/domain"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct error ignored = ERROR_INIT;
        CLEANUP(clear_note) struct note n = {.host = NULL};
        CLEANUP(own_closep) int folder = -1;
        if (file_open_directory(AT_FDCWD, places[i].folder, &folder, &ignored) != RC_OK ||
            read_note_beneath(folder, places[i].note, &n, &ignored) != RC_OK || !n.has_domain ||
            read_secret_beneath(folder, places[i].secret, &out->secret, &ignored) != RC_OK)
            continue;
        memcpy(out->id, n.domain, BLOB_DOMAIN_SIZE);
        return true;
    }
    return false;
}

/* The domain outlives a new enrolment; a first one makes it. */
static enum rc
make_domain(const struct settings *s, struct blob_domain *out, struct error *e)
{
    char path[PATH_SIZE];
    if (!find_domain(s, out)) {
        TRY(keys_random(out->id, BLOB_DOMAIN_SIZE, e));
        TRY(keys_random(out->secret.bytes, ID_SIZE, e));
    }
    return keys_write_secret(&out->secret, in(s->private, "keys.new/domain", path), e);
}

enum rc
secrets_make(const struct settings *s, struct secrets *out, struct error *e)
{
    *out = (struct secrets){.signing = NULL};
    enum rc rc = make_folders(s, e);
    if (rc == RC_OK)
        rc = make_keys(s, out, e);
    if (rc == RC_OK)
        rc = make_domain(s, &out->domain, e);
    if (rc != RC_OK)
        secrets_clear(out);
    return rc;
}

static enum rc
write_host(const struct settings *s, const struct secrets *from, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(TEXT_MAX);
    char vault[2 * RECORD_VAULT_ID_SIZE + 1], domain[2 * BLOB_DOMAIN_SIZE + 1],
        controller[2 * KEYS_PUBLIC_SIZE + 1], path[PATH_SIZE];
    text_hex(span_of(from->controller.bytes, KEYS_PUBLIC_SIZE), controller);
    text_hex(span_of(from->vault.bytes, RECORD_VAULT_ID_SIZE), vault);
    text_hex(span_of(from->domain.id, BLOB_DOMAIN_SIZE), domain);
    TRY(buffer_printf(&text, e, "name %s\nvault %s\ndomain %s\ncontroller %s\n", from->host, vault,
                      domain, controller));
    return file_replace(AT_FDCWD, in(s->private, "host", path), buffer_span(&text), 0600, e);
}

enum rc
secrets_commit(const struct settings *s, const struct secrets *secrets, struct error *e)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, in(s->private, "keys", to), &exists, e));
    if (exists) { /* then keys.old is older, and its domain is in keys too */
        TRY(file_remove_tree(AT_FDCWD, in(s->private, "keys.old", from), e));
        TRY(file_publish(AT_FDCWD, to, AT_FDCWD, from, e));
    }
    TRY(file_publish(AT_FDCWD, in(s->private, "keys.new", from), AT_FDCWD, to, e));
    TRY(write_host(s, secrets, e));
    return file_remove_tree(AT_FDCWD, in(s->private, "keys.old", from), e);
}

/* ---- load */

static enum rc
load_host(const struct settings *s, struct secrets *out, struct error *e)
{
    char path[PATH_SIZE];
    CLEANUP(clear_note) struct note n = {.host = NULL};
    TRY(read_note(in(s->private, "host", path), &n, e));
    if (n.host == NULL || text_check_name("host", n.host, e) != RC_OK || !n.has_vault ||
        !n.has_domain || !n.has_controller)
        return error_set(e, RC_INVALID, "'%s' is incomplete; enrol this agent anew", path);
    (void)snprintf(out->host, sizeof out->host, "%s", n.host);
    out->vault = n.vault;
    out->controller = n.controller;
    memcpy(out->domain.id, n.domain, BLOB_DOMAIN_SIZE);
    return RC_OK;
}

static enum rc
explain_missing(const struct settings *s, const char *missing, struct error *e)
{
    char path[PATH_SIZE];
    bool old = false;
    if (file_exists(AT_FDCWD, in(s->state, "keys/signing.key", path), &old, e) == RC_OK && old)
        return error_set(e, RC_NOT_FOUND,
                         "'%s' is of an agent of one process: get a token with 'koffer agent add "
                         "--replace NAME' and run 'koffer-agent enroll'; the domain is kept, so "
                         "nothing is uploaded twice",
                         s->state);
    return error_set(e, RC_NOT_FOUND,
                     "this agent is not enrolled ('%s' is missing): get a token with 'koffer agent "
                     "add NAME' and run 'koffer-agent enroll'",
                     missing);
}

static enum rc
load(const struct settings *s, struct secrets *out, struct error *e)
{
    char path[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, in(s->private, "host", path), &exists, e));
    if (!exists)
        return explain_missing(s, path, e);
    TRY(file_check_kept("private directory", s->private, e));
    TRY(file_check_kept("directory of keys", in(s->private, "keys", path), e));
    TRY(keys_read_file(KEYS_SIGNING, in(s->private, "keys/signing.key", path), &out->signing, e));
    TRY(keys_read_file(KEYS_RECEIVING, in(s->private, "keys/receiving.key", path), &out->receiving,
                       e));
    TRY(keys_read_secret(in(s->private, "keys/domain", path), &out->domain.secret, e));
    return load_host(s, out, e);
}

enum rc
secrets_load(const struct settings *s, struct secrets *out, struct error *e)
{
    *out = (struct secrets){.signing = NULL};
    enum rc rc = load(s, out, e);
    if (rc != RC_OK)
        secrets_clear(out);
    return rc;
}

void
secrets_clear(struct secrets *s)
{
    keys_private_free(s->signing);
    keys_private_free(s->receiving);
    keys_wipe(&s->domain.secret, sizeof s->domain.secret);
    *s = (struct secrets){.signing = NULL};
}
