/*
 * config.h -- one table per daemon drives parsing, defaults, checks and the man page; libconfuse
 * reads the text.
 *
 *     static const struct config_key keys[] = {
 *         {"controller", CONFIG_TEXT, .fallback = "tls+tcp://...", .required = true, .check = check_url,
 *          .help = "where the controller listens"},
 *         {"source", CONFIG_SECTION, .keys = source_keys, .titled = true, .help = "..."},
 *         {0}};
 *     TRY(config_read(keys, path, &config, e));          // "koffer-agent.conf:12: 'kind': ..."
 *     const char *url = config_text(config_root(config), "controller");
 *
 * Every message is "<file>:<line>: '<key>': <what is wrong>; <remedy>".  Unknown and duplicate keys are errors.
 * The file must be a regular file that only its owner can change (H6), at most LIMIT_CONFIG.
 * Getters assert that the key is in the table with that type: a mismatch is a bug, not input.
 * In the text: `#` begins a comment; texts stand in quotes on one line, where \" \\ \$ are the escapes; the
 * environment is not consulted and nothing is included.  A section without a title that the file does
 * not mention counts 0; its required keys are then not missed.
 * A required key's fallback is only the placeholder of the commented example.
 * Threads: any may read files; a configuration is read-only after that.  Layer: common/config.
 */
#ifndef COMMON_CONFIG_CONFIG_H
#define COMMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/own.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_LIST, /* of texts */
    CONFIG_NUMBER,
    CONFIG_SIZE,     /* "512M" -> bytes */
    CONFIG_DURATION, /* "15m" -> seconds */
    CONFIG_BOOL,
    CONFIG_CHOICE, /* one of .choices */
    CONFIG_PATH,   /* absolute */
    CONFIG_SECTION,
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *fallback; /* default, as it would be written; NULL: none */
    bool required, titled /* sections: may occur many times, each with a title */;
    uint64_t min, max;             /* numbers, sizes, durations; max 0: no bound */
    const char *const *choices;    /* CONFIG_CHOICE, NULL at the end */
    const struct config_key *keys; /* CONFIG_SECTION */
    /* More than the type says; NULL fine.  The text of the error becomes "what is wrong; remedy". */
    enum rc (*check)(const char *value, struct error *e);
    const char *help; /* one or two sentences for the man page and the commented example */
};

struct config;
struct config_section;

enum rc
config_read(const struct config_key *keys, const char *path, struct config **out, struct error *e);
/* The same over text in memory; `name` stands for the file in messages.  For tests and fuzzing. */
enum rc config_parse(const struct config_key *keys, const char *name, const char *text,
                     struct config **out, struct error *e);
void config_free(struct config *c);
DEFINE_FREEP(config)

const struct config_section *config_root(const struct config *c);
/* Titled sections of a kind, in the order of the file. */
size_t config_count(const struct config_section *s, const char *name);
const struct config_section *config_at(const struct config_section *s, const char *name, size_t i);
const char *config_title(const struct config_section *s);
unsigned config_line(const struct config_section *s, const char *name /* NULL: the section */);
bool config_is_set(const struct config_section *s, const char *name);
const char *config_text(const struct config_section *s,
                        const char *name); /* also PATH, CHOICE; NULL if unset */
uint64_t config_number(const struct config_section *s, const char *name); /* also SIZE, DURATION */
bool config_bool(const struct config_section *s, const char *name);
size_t config_list_count(const struct config_section *s, const char *name);
const char *config_list_at(const struct config_section *s, const char *name, size_t i);

/* A complaint in the same form about something only the daemon can judge. */
enum rc config_complain(const struct config *c, const struct config_section *s, const char *name,
                        struct error *e, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* A commented example file, and the key list of a man page (mdoc), from the table. */
enum rc config_print_example(const struct config_key *keys, struct buffer *out, struct error *e);
enum rc config_print_man(const struct config_key *keys, struct buffer *out, struct error *e);

#endif
