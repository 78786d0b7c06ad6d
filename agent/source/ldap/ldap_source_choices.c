/* ldap_source_choices.c -- apart from the code, for whoever reads a configuration and exports nothing.  See ldap_source.h. */
#include "agent/source/ldap/ldap_source.h"

const char *const ldap_source_replica_choices[] = {"auto", "yes", "no", NULL};
