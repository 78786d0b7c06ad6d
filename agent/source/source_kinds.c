/* source_kinds.c -- the table of kinds, and what the keys alone cannot say. */
#include "agent/source/source.h"

#include "agent/source/files/files_source.h"
#include "agent/source/imap/imap_source.h"
#include "agent/source/ldap/ldap_source.h"
#include "agent/source/mariadb/mariadb_source.h"
#include "common/base/text.h"

const struct source_kind *const source_kinds[] = {
    &ldap_source_kind, &imap_source_kind, &mariadb_source_kind, &files_source_kind, NULL,
};

const struct source_kind *
source_kind_of(const char *name)
{
    for (size_t i = 0; source_kinds[i] != NULL; i++)
        if (text_equal(source_kinds[i]->name, name))
            return source_kinds[i];
    return NULL;
}

static bool
has_key(const struct config_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++)
        if (text_equal(keys->name, name))
            return true;
    return false;
}

enum rc
source_validate(const struct config *config, const struct config_section *section, struct error *e)
{
    struct error why = ERROR_INIT;
    if (text_check_source(config_title(section), &why) != RC_OK)
        return config_complain(config, section, NULL, e, "%s", why.text);

    const char *name = config_text(section, "kind");
    const struct source_kind *kind = name == NULL ? NULL : source_kind_of(name);
    if (kind == NULL)
        return config_complain(config, section, "kind", e,
                               "is missing or unknown; choose ldap, imap, mariadb or files");
    for (const struct config_key *key = source_keys; key->name != NULL; key++)
        if (config_is_set(section, key->name) && !has_key(source_common_keys, key->name) &&
            !has_key(kind->keys, key->name))
            return config_complain(config, section, key->name, e,
                                   "does not belong to a source of kind %s; remove it", kind->name);
    return kind->validate == NULL ? RC_OK : kind->validate(config, section, e);
}
