/*
 * files_source.h -- the kind `files`: configured paths, minus anchored patterns.
 *
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_FILES_FILES_SOURCE_H
#define AGENT_SOURCE_FILES_FILES_SOURCE_H

#include "agent/source/source.h"

extern const struct source_kind files_source_kind;

#define FILES_SOURCE_KEYS                                                                          \
    {.name = "paths",                                                                              \
     .type = CONFIG_LIST,                                                                          \
     .help = "Absolute paths of files and directories.  One that is missing fails the source."},   \
        {.name = "optional-paths",                                                                 \
         .type = CONFIG_LIST,                                                                      \
         .help = "More of them that may be missing."},                                             \
        {.name = "exclude",                                                                        \
         .type = CONFIG_LIST,                                                                      \
         .help = "Patterns of what to leave out.  With a slash: an absolute path, \"/srv/*/tmp\" " \
                 "(* does not match a slash).  Without: a name in any directory, \"*.o\"."},       \
    {                                                                                              \
        .name = "one-file-system", .type = CONFIG_BOOL, .fallback = "yes",                         \
        .help = "Stay on the file system of each path; no: enter what is mounted below it."        \
    }

/* Is this path left out by the pattern?  `name` is its last component. */
bool files_source_match(const char *pattern, const char *path, const char *name);

#endif
