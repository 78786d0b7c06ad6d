/* init.c -- see init.h. */
#include "controller/daemon/init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/crypto/sheet.h"
#include "common/sys/file.h"
#include "controller/daemon/store.h"
#include "controller/vault/vault.h"

enum { PATH_SIZE = 4096 };

static void
put(struct buffer *out, const char *key, const char *value, enum rc *rc, struct error *e)
{
    if (*rc == RC_OK && value != NULL)
        *rc = buffer_printf(out, e, "%s = \"%s\"\n", key, value);
}

/* "tls+tcp://ADDRESS:PORT" -> the same address, `add` ports further. */
static const char *
neighbour(const char *listen, unsigned add, char out[static PATH_SIZE])
{
    struct error ignored = ERROR_INIT;
    const char *colon = listen == NULL ? NULL : strrchr(listen, ':');
    uint64_t port;
    if (colon == NULL || text_parse_u64(colon + 1, 1, UINT16_MAX - 2, &port, &ignored) != RC_OK)
        return NULL;
    (void)snprintf(out, PATH_SIZE, "%.*s:%u", (int)(colon - listen), listen, (unsigned)port + add);
    return out;
}

/* What was chosen comes first; then every key, commented, with its default. */
static enum rc
write_config(const struct init_options *o, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(LIMIT_CONFIG);
    CLEANUP(buffer_free) struct buffer example = BUFFER_INIT(LIMIT_CONFIG);
    char data[PATH_SIZE], enroll[PATH_SIZE];
    enum rc rc =
        buffer_printf(&text, e, "# koffer-controller.conf -- see koffer-controller.conf(5)\n");
    put(&text, "cluster", o->cluster, &rc, e);
    put(&text, "name", o->name, &rc, e);
    put(&text, "state-directory", o->state, &rc, e);
    put(&text, "vault", o->vault, &rc, e);
    put(&text, "listen", o->listen, &rc, e);
    put(&text, "data-listen", neighbour(o->listen, 1, data), &rc, e);
    put(&text, "enroll-listen", neighbour(o->listen, 2, enroll), &rc, e);
    put(&text, "advertise", o->advertise, &rc, e);
    put(&text, "run-directory", o->run, &rc, e);
    if (rc == RC_OK)
        rc = config_print_example(settings_keys, &example, e);
    if (rc == RC_OK)
        rc = buffer_printf(&text, e, "\n# Everything that can be set, with its default:\n#\n");
    if (rc != RC_OK)
        return rc;
    /* The example uncomments what is required: here all of it is reference only. */
    const char *rest = (const char *)example.data, *end = rest + example.len;
    while (rest < end) {
        const char *newline = memchr(rest, '\n', (size_t)(end - rest));
        size_t len = newline == NULL ? (size_t)(end - rest) : (size_t)(newline - rest);
        TRY(buffer_printf(&text, e, "%s%.*s\n", len == 0 || rest[0] == '#' ? "" : "# ", (int)len,
                          rest));
        rest += len + 1;
    }
    return file_write_new(AT_FDCWD, o->config, buffer_span(&text), 0640, e);
}

static enum rc
print_sheet(const struct settings *s, const struct record_vault_id *vault,
            const struct keys_private *recovery, struct error *e)
{
    char id[2 * RECORD_VAULT_ID_SIZE + 1], signing[ID_TEXT_SIZE];
    CLEANUP(store_clear) struct store store = {0};
    TRY(store_load(s, &store, e));
    text_hex(span_of(vault->bytes, RECORD_VAULT_ID_SIZE), id);
    text_hex(span_of(store.signing_public.bytes, KEYS_PUBLIC_SIZE), signing);
    const struct sheet sheet = {.cluster = s->cluster,
                                .label = "recovery sheet",
                                .vault = s->vault,
                                .vault_id = id,
                                .controller_key = signing,
                                .made = clock_wall()};
    return sheet_print(&sheet, recovery, stdout, e);
}

static enum rc
make_all(const struct settings *s, bool custody, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    struct record_vault_id vault;
    TRY(store_check_free(s, e)); /* before anything is made */
    /* The vault first: keys that nobody holds the sheet of would have to be thrown away. */
    TRY_IN(vault_create(s->vault, s->require_mount, &vault, e), e, "vault");
    TRY_IN(store_create(s, custody, &recovery, e), e,
           "state directory (the vault '%s' is made: remove it before you try again)", s->vault);
    return print_sheet(s, &vault, recovery, e);
}

enum rc
init_run(const struct init_options *options, struct error *e)
{
    struct init_options o = *options;
    CLEANUP(config_freep) struct config *config = NULL;
    struct settings settings;
    bool exists;
    bool custody = o.custody == NULL || text_equal(o.custody, "controller");
    if (!custody && !text_equal(o.custody, "operator"))
        return error_set(e, RC_INVALID,
                         "'%.40s' cannot have custody: write 'controller' (it opens fulls for "
                         "restores) or 'operator' (only recovery sheets do)",
                         o.custody);
    if (o.config == NULL)
        o.config = SETTINGS_PATH;
    TRY(file_exists(AT_FDCWD, o.config, &exists, e));
    if (!exists) {
        char folder[PATH_SIZE];
        const char *slash = strrchr(o.config, '/');
        if (o.cluster == NULL)
            return error_set(e, RC_INVALID, "name the cluster: --cluster NAME");
        (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - o.config),
                       slash == NULL ? "." : o.config);
        TRY(file_make_directory(AT_FDCWD, folder, 0755, e));
        TRY(write_config(&o, e));
        (void)printf("wrote %s\n", o.config);
    } else if (o.cluster != NULL || o.state != NULL || o.vault != NULL || o.listen != NULL) {
        return error_set(
            e, RC_EXISTS,
            "'%s' exists already: edit it and run init without options, or move it away", o.config);
    }
    TRY(settings_read(o.config, &config, &settings, e));
    TRY(make_all(&settings, custody, e));
    (void)printf("made the keys in %s and the vault in %s\nnow start: koffer-controller run\n",
                 settings.state, settings.vault);
    return RC_OK;
}
