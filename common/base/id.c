/* id.c -- see id.h. */
#include "common/base/id.h"

#include "common/base/text.h"

const char *
id_text(const struct id *id, char text[static ID_TEXT_SIZE])
{
    text_hex(span_of(id->bytes, ID_SIZE), text);
    return text;
}

enum rc
id_parse(const char *text, struct id *out, struct error *e)
{
    struct id parsed;
    if (strlen(text) != ID_TEXT_SIZE - 1 || !text_unhex(text, parsed.bytes, ID_SIZE))
        return error_set(e, RC_INVALID, "'%.80s' is not an id of 64 hexadecimal digits", text);
    *out = parsed;
    return RC_OK;
}
