/* vault_format.c -- the file `format`: what makes a directory a vault.  See vault_parts.h. */
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

static int
print(const struct record_vault_id *id, char out[static VAULT_FORMAT_SIZE])
{
    char hex[2 * RECORD_VAULT_ID_SIZE + 1];

    text_hex(span_of(id->bytes, sizeof id->bytes), hex);
    return snprintf(out, VAULT_FORMAT_SIZE, VAULT_FORMAT_LINE "\nid %s\n", hex);
}

enum rc
vault_format_write(int dir, const struct record_vault_id *id, struct error *e)
{
    char text[VAULT_FORMAT_SIZE];

    int len = print(id, text);
    TRY(file_write_new(dir, "tmp/" VAULT_FORMAT_NAME, span_of(text, (size_t)len), 0600, e));
    return file_publish(dir, "tmp/" VAULT_FORMAT_NAME, dir, VAULT_FORMAT_NAME, e);
}

static enum rc
parse(const char *text, struct record_vault_id *id, struct error *e)
{
    static const char wanted[] = VAULT_FORMAT_LINE "\nid ";
    struct record_vault_id parsed;
    char written[VAULT_FORMAT_SIZE];

    if (strncmp(text, "koffer-vault ", strlen("koffer-vault ")) != 0)
        return error_set(e, RC_CORRUPT, "its file 'format' is not that of a vault");
    if (strncmp(text, wanted, strlen(wanted)) != 0)
        return error_set(e, RC_UNSUPPORTED,
                         "its format is not '%s': a newer Koffer made it; use that one",
                         VAULT_FORMAT_LINE);
    bool good = text_unhex(text + strlen(wanted), parsed.bytes, sizeof parsed.bytes);
    if (good)
        (void)print(&parsed, written);
    if (!good ||
        !text_equal(text, written)) /* a bit that turns a letter into a capital is damage too */
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
