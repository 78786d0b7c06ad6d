/* vault_format.c -- the file `format`: what makes a directory a vault.  See vault_parts.h. */
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

enum rc
vault_format_write(int dir, const struct record_vault_id *id, struct error *e)
{
    char text[VAULT_FORMAT_SIZE], hex[2 * RECORD_VAULT_ID_SIZE + 1];

    text_hex(span_of(id->bytes, sizeof id->bytes), hex);
    int len = snprintf(text, sizeof text, VAULT_FORMAT_LINE "\nid %s\n", hex);
    TRY(file_write_new(dir, "tmp/" VAULT_FORMAT_NAME, span_of(text, (size_t)len), 0600, e));
    return file_publish(dir, "tmp/" VAULT_FORMAT_NAME, dir, VAULT_FORMAT_NAME, e);
}

static enum rc
parse(const char *text, struct record_vault_id *id, struct error *e)
{
    static const char wanted[] = VAULT_FORMAT_LINE "\nid ";
    struct record_vault_id parsed;

    if (strncmp(text, "koffer-vault ", strlen("koffer-vault ")) != 0)
        return error_set(e, RC_CORRUPT, "its file 'format' is not that of a vault");
    if (strncmp(text, wanted, strlen(wanted)) != 0)
        return error_set(e, RC_UNSUPPORTED,
                         "its format is not '%s': a newer Koffer made it; use that one",
                         VAULT_FORMAT_LINE);
    const char *hex = text + strlen(wanted);
    if (!text_unhex(hex, parsed.bytes, sizeof parsed.bytes) ||
        !text_equal(hex + 2 * sizeof parsed.bytes, "\n"))
        return error_set(e, RC_CORRUPT, "the id in its file 'format' is damaged");
    *id = parsed;
    return RC_OK;
}

enum rc
vault_format_read(int dir, const char *path, struct record_vault_id *id, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(VAULT_FORMAT_SIZE);

    enum rc rc = file_read(dir, VAULT_FORMAT_NAME, &text, e);
    if (rc == RC_NOT_FOUND)
        return error_set(
            e, RC_NOT_FOUND,
            "there is no vault in '%s' (no file 'format'): is its file system mounted? "
            "'koffer-controller init' makes a new one",
            path);
    if (rc == RC_DENIED)
        return error_context(e, "vault '%s': run as the user it belongs to", path);
    if (rc != RC_OK)
        return error_context(e, "vault '%s'", path);
    TRY(buffer_append(&text, span_of("", 1), e));
    TRY_IN(parse((const char *)text.data, id, e), e, "vault '%s'", path);
    return RC_OK;
}
