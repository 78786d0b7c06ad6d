/* settings_sources.c -- what only koffer-priv can judge: it has the code of the kinds.  See settings.h. */
#include "agent/daemon/settings.h"
#include "agent/source/source.h"

enum rc
settings_check_sources(const struct config *config, struct error *e)
{
    const struct config_section *s = config_root(config);
    for (size_t i = 0; i < config_count(s, "source"); i++)
        TRY(source_validate(config, config_at(s, "source", i), e));
    return RC_OK;
}
