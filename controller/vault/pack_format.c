/* pack_format.c -- see pack_format.h. */
#include "controller/vault/pack_format.h"

#include <stdio.h>

#include "common/base/text.h"

const char *
pack_format_folder(const struct id *name, char out[static PACK_FOLDER_SIZE])
{
    (void)snprintf(out, PACK_FOLDER_SIZE, "packs/%02x", name->bytes[0]);
    return out;
}

const char *
pack_format_path(const struct id *name, char out[static PACK_PATH_SIZE])
{
    char text[ID_TEXT_SIZE];
    (void)snprintf(out, PACK_PATH_SIZE, "packs/%02x/%s.pack", name->bytes[0], id_text(name, text));
    return out;
}

bool
pack_format_parse_name(const char *name, struct id *out)
{
    struct id id;
    char canonical[ID_TEXT_SIZE];

    if (!text_unhex(name, id.bytes, ID_SIZE) || !text_equal(name + ID_TEXT_SIZE - 1, ".pack"))
        return false;
    /* Upper-case digits would be a second name of the same pack. */
    if (memcmp(id_text(&id, canonical), name, ID_TEXT_SIZE - 1) != 0)
        return false;
    *out = id;
    return true;
}
