/*
 * config_internal.h -- what config_*.c know of each other.
 *
 *     config_scan.c    text -> outline: which key is mentioned where; refuses what libconfuse would misread
 *     config_shape.c   outline + table -> sections with lines; unknown and duplicate keys end here
 *     config_load.c    libconfuse: strings, lists and titles into the sections
 *     config_check.c   types, bounds, required keys
 *
 * Everything lives in the config's arena.  Layer: common/config.
 */
#ifndef COMMON_CONFIG_CONFIG_INTERNAL_H
#define COMMON_CONFIG_CONFIG_INTERNAL_H

#include "common/base/arena.h"
#include "common/config/config.h"

/* 1 MiB of the shortest sections, each with a table's values, must not take all memory; and
 * libconfuse compares every title with every other. */
enum { CONFIG_SECTIONS_MAX = 1024, CONFIG_ARENA = 32 * 1024 * 1024 };

struct config_value {
    const struct config_key *key;
    unsigned line; /* 0: not in the file */
    const char *text;
    uint64_t number; /* also 0 and 1 of a bool */
    const char **list;
    struct config_section **sections;
    size_t count; /* of list or sections */
};

struct config_section {
    const char *title;
    unsigned line;
    struct config_value *values; /* one for each key of the table, in its order */
    size_t value_count;
};

struct config {
    struct arena *arena;
    const char *name; /* of the file, for messages */
    struct config_section *root;
};

enum config_form { CONFIG_FORM_VALUE, CONFIG_FORM_LIST, CONFIG_FORM_SECTION, CONFIG_FORM_TITLED };

struct config_mention {
    const char *name;
    unsigned line;
    enum config_form form;
    size_t parent;                  /* CONFIG_NO_PARENT at the top */
    struct config_section *section; /* filled by config_shape */
};

#define CONFIG_NO_PARENT SIZE_MAX

struct config_outline {
    struct config_mention *mentions;
    size_t count, capacity, sections;
};

static inline void
config_outline_free(struct config_outline *o)
{
    free(o->mentions);
}

/* Comments in `text` become blanks: libconfuse miscounts lines at comments. */
enum rc
config_scan(const struct config *c, char *text, struct config_outline *out, struct error *e);
enum rc config_shape(struct config *c, const struct config_key *keys,
                     struct config_outline *outline, struct error *e);
enum rc config_load(struct config *c, const struct config_key *keys, const char *text,
                    const struct config_outline *outline, struct error *e);
enum rc config_check(const struct config *c, struct error *e);

/* "<file>:<line>: '<key>': ..."; without the key when it is NULL. */
enum rc config_complain_at(const struct config *c, unsigned line, const char *key, struct error *e,
                           const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
