/* token.c -- fields in a row, a check, base 32.  See token.h. */
#include "common/crypto/token.h"

#include <stdio.h>
#include <strings.h>

#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/crypto/base32.h"
#include "common/crypto/digest.h"

#define PREFIX "KFT1-"

enum {
    TOKEN_VERSION = 1,
    CHECK_SIZE = 4,
    /* version, role, expiry, secret, spki, two names, url (2 bytes of length), check */
    BYTES_MAX =
        1 + 1 + 8 + 2 * ID_SIZE + 2 * (1 + CERTIFICATE_NAME_MAX) + 2 + TOKEN_URL_MAX + CHECK_SIZE,
};
_Static_assert(sizeof PREFIX + BASE32_CHARS(BYTES_MAX) <= TOKEN_TEXT_SIZE, "every token fits");

/* Numbers of the format, apart from the enum's. */
enum { ROLE_AGENT = 1, ROLE_OPERATOR = 2 };

static void
wipe_and_free(struct buffer *b)
{
    if (b->data != NULL)
        keys_wipe(b->data, b->capacity);
    buffer_free(b);
}

static bool
url_is_good(const char *url)
{
    size_t len = strnlen(url, TOKEN_URL_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        if (url[i] <= ' ' || url[i] > '~')
            return false;
    }
    return len > 0 && len <= TOKEN_URL_MAX;
}

static enum rc
check_fields(const struct token *t, struct error *e)
{
    if (t->identity.role != CERTIFICATE_AGENT && t->identity.role != CERTIFICATE_OPERATOR)
        return error_set(e, RC_INVALID, "tokens are for agents and operators only");
    TRY(text_check_name("name", t->identity.name, e));
    TRY(text_check_name("controller name", t->controller, e));
    if (!url_is_good(t->url))
        return error_set(e, RC_INVALID, "the enrolment address is not a URL");
    return RC_OK;
}

static void
put_text(struct wire_writer *w, const char *text)
{
    wire_put_varbytes(w, span_of(text, strlen(text)));
}

enum rc
token_encode(const struct token *t, char out[static TOKEN_TEXT_SIZE], struct error *e)
{
    CLEANUP(wipe_and_free) struct buffer b = BUFFER_INIT(BYTES_MAX);
    struct id check;
    TRY_IN(check_fields(t, e), e, "enrolment token");
    TRY(buffer_reserve(&b, BYTES_MAX, e)); /* at once: no copy of the secret stays behind */

    struct wire_writer w = wire_writer_to(&b, e);
    wire_put_u8(&w, TOKEN_VERSION);
    wire_put_u8(&w, t->identity.role == CERTIFICATE_AGENT ? ROLE_AGENT : ROLE_OPERATOR);
    wire_put_u64(&w, t->expiry);
    wire_put_id(&w, &t->secret);
    wire_put_id(&w, &t->spki);
    put_text(&w, t->identity.name);
    put_text(&w, t->controller);
    put_text(&w, t->url);
    TRY(wire_writer_finish(&w));
    TRY(digest_sha256(buffer_span(&b), &check, e));
    TRY(buffer_append(&b, span_of(check.bytes, CHECK_SIZE), e));

    memcpy(out, PREFIX, sizeof PREFIX - 1);
    base32_encode(buffer_span(&b), out + sizeof PREFIX - 1);
    return RC_OK;
}

/* A text field, NUL-terminated into `out`; a NUL inside it, or more than fits, is a failure. */
static void
get_text(struct wire_reader *r, char *out, size_t size)
{
    struct span text = wire_varbytes(r, size - 1);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        r->failed = true;
    if (text.len > 0 && !r->failed)
        memcpy(out, text.data, text.len);
    out[r->failed ? 0 : text.len] = '\0';
}

static enum rc
decode_fields(struct span bytes, struct token *out, struct error *e)
{
    struct wire_reader r = wire_reader_of(bytes);
    uint8_t version = wire_u8(&r);
    if (version != TOKEN_VERSION)
        return error_set(e, RC_UNSUPPORTED, "version %u is unknown here", version);
    uint8_t role = wire_u8(&r);
    out->expiry = wire_u64(&r);
    out->secret = wire_id(&r);
    out->spki = wire_id(&r);
    get_text(&r, out->identity.name, sizeof out->identity.name);
    get_text(&r, out->controller, sizeof out->controller);
    get_text(&r, out->url, sizeof out->url);
    if (!wire_done(&r) || (role != ROLE_AGENT && role != ROLE_OPERATOR))
        return error_set(e, RC_INVALID, "its fields make no sense");
    out->identity.role = role == ROLE_AGENT ? CERTIFICATE_AGENT : CERTIFICATE_OPERATOR;
    return check_fields(out, e);
}

static enum rc
decode(const char *chars, struct token *out, struct error *e)
{
    uint8_t bytes[BYTES_MAX];
    struct id check;
    size_t len = 0;
    enum rc rc = base32_decode(chars, bytes, sizeof bytes, &len, e);
    if (rc == RC_OK && len <= CHECK_SIZE)
        rc = error_set(e, RC_INVALID, "it is cut short");
    if (rc == RC_OK)
        rc = digest_sha256(span_of(bytes, len - CHECK_SIZE), &check, e);
    if (rc == RC_OK && memcmp(check.bytes, bytes + len - CHECK_SIZE, CHECK_SIZE) != 0)
        rc = error_set(e, RC_INVALID, "its check fails; copy the whole line again");
    if (rc == RC_OK)
        rc = decode_fields(span_of(bytes, len - CHECK_SIZE), out, e);
    keys_wipe(bytes, sizeof bytes);
    return rc;
}

enum rc
token_decode(const char *text, struct token *out, struct error *e)
{
    struct token t = {.expiry = 0};
    while (base32_value(*text) == BASE32_SKIP)
        text++;
    enum rc rc = strncasecmp(text, PREFIX, sizeof PREFIX - 1) == 0
                     ? decode(text + sizeof PREFIX - 1, &t, e)
                     : error_set(e, RC_INVALID, "it begins with " PREFIX);
    if (rc == RC_OK)
        *out = t;
    keys_wipe(&t, sizeof t);
    return rc == RC_OK ? RC_OK : error_context(e, "enrolment token");
}
