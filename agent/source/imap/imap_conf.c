/* imap_conf.c -- see imap_conf.h. */
#include "agent/source/imap/imap_conf.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "agent/source/imap/imap_options.h"
#include "common/base/buffer.h"
#include "common/base/text.h"
#include "common/sys/file.h"

struct parser {
    const struct imap_conf_files *files;
    struct arena *arena;
    struct imap_conf *conf;
};

struct place {
    const char *file;
    unsigned line;
};

static enum rc parse_file(struct parser *p, const char *path, struct error *e);

const char *
imap_conf_value(const struct imap_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++)
        if (text_equal(conf->options[i].name, name))
            return conf->options[i].value;
    return NULL;
}

static enum rc
no_memory(struct place at, struct error *e)
{
    return error_set(e, RC_NO_MEMORY, "'%s' line %u: too large", at.file, at.line);
}

static enum rc
add_option(struct parser *p, const char *name, const char *value, struct place at, struct error *e)
{
    struct imap_conf *conf = p->conf;
    for (size_t i = 0; i < conf->count; i++)
        if (text_equal(conf->options[i].name, name))
            return error_set(e, RC_INVALID,
                             "'%s' line %u: option '%s' was already given in '%s' line %u; Cyrus "
                             "refuses to start with both: remove one",
                             at.file, at.line, name, conf->options[i].file, conf->options[i].line);
    if (conf->count == IMAP_CONF_OPTIONS_MAX)
        return error_set(e, RC_INVALID, "'%s' line %u: more than %d options", at.file, at.line,
                         IMAP_CONF_OPTIONS_MAX);
    conf->options[conf->count++] = (struct imap_conf_option){
        .name = name,
        .value = value,
        .file = at.file,
        .line = at.line,
        .known = imap_options_known(name),
    };
    return RC_OK;
}

/* Relative names are Cyrus's own business (its CYRUS_PATH): refused rather than guessed. */
static enum rc
include_file(struct parser *p, const char *path, struct place at, struct error *e)
{
    if (path[0] != '/')
        return error_set(e, RC_UNSUPPORTED,
                         "'%s' line %u: '@include: %s' is not absolute; write the whole path",
                         at.file, at.line, path);
    if (p->conf->file_count == IMAP_CONF_FILES_MAX)
        return error_set(e, RC_INVALID, "'%s' line %u: more than %d files (a circle?)", at.file,
                         at.line, IMAP_CONF_FILES_MAX);
    TRY_IN(parse_file(p, path, e), e, "'%s' line %u", at.file, at.line);
    return RC_OK;
}

static bool
is_name(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* A logical line, NUL-terminated, changed in place. */
static enum rc
parse_line(struct parser *p, char *line, struct place at, struct error *e)
{
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#')
        return RC_OK;
    char *name = line;
    if (*line == '@')
        line++;
    for (; is_name(*line); line++)
        *line = (char)tolower((unsigned char)*line);
    if (*line != ':' || line == name) {
        char safe[80];
        return error_set(e, RC_INVALID,
                         "'%s' line %u: '%s' is not of the form 'option: value'; Cyrus refuses to "
                         "start with it",
                         at.file, at.line,
                         text_escape(span_of(name, strlen(name)), safe, sizeof safe));
    }
    *line++ = '\0';
    while (isspace((unsigned char)*line))
        line++;
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
    if (len == 0)
        return error_set(e, RC_INVALID,
                         "'%s' line %u: option '%s' has no value; Cyrus refuses to "
                         "start with it",
                         at.file, at.line, name);
    if (name[0] != '@')
        return add_option(p, name, line, at, e);
    if (text_equal(name, "@include"))
        return include_file(p, line, at, e);
    return error_set(e, RC_INVALID, "'%s' line %u: unknown directive '%s'", at.file, at.line, name);
}

/* Takes the next logical line off `text`, joined and terminated; counts its lines. */
static char *
take_line(struct arena *a, struct span *text, unsigned *lines)
{
    char *out = arena_alloc(a, text->len + 1 < 8192 ? text->len + 1 : 8192);
    size_t capacity = text->len + 1 < 8192 ? text->len + 1 : 8192, len = 0;
    for (bool more = true; more && out != NULL && text->len > 0; (*lines)++) {
        const uint8_t *end = memchr(text->data, '\n', text->len);
        size_t part = end == NULL ? text->len : (size_t)(end - text->data);
        size_t used = end == NULL ? part : part + 1;
        if (len + part + 1 > capacity) {
            capacity = (len + part + 1) * 2;
            char *grown = arena_alloc(a, capacity);
            if (grown != NULL)
                memcpy(grown, out, len);
            out = grown;
        }
        if (out == NULL)
            break;
        memcpy(out + len, text->data, part);
        len += part;
        more = len > 0 && part > 0 && out[len - 1] == '\\' && end != NULL;
        if (more)
            len--;
        text->data += used;
        text->len -= used;
    }
    if (out != NULL)
        out[len] = '\0';
    return out;
}

static enum rc
parse_file(struct parser *p, const char *path, struct error *e)
{
    struct span text;
    struct place at = {.file = arena_printf(p->arena, "%s", path), .line = 1};
    if (at.file == NULL)
        return no_memory((struct place){path, 0}, e);
    p->conf->files[p->conf->file_count++] = at.file;
    TRY(p->files->read(p->files->ctx, path, p->arena, &text, e));
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return error_set(e, RC_INVALID, "'%s' holds a NUL byte: not a configuration file", path);
    while (text.len > 0) {
        unsigned lines = 0;
        char *line = take_line(p->arena, &text, &lines);
        if (line == NULL)
            return no_memory(at, e);
        TRY(parse_line(p, line, at, e));
        at.line += lines;
    }
    return RC_OK;
}

enum rc
imap_conf_parse(const struct imap_conf_files *files, const char *path, struct arena *a,
                const struct imap_conf **out, struct error *e)
{
    struct imap_conf *conf = arena_alloc(a, sizeof *conf);
    struct parser p = {.files = files, .arena = a, .conf = conf};
    if (conf == NULL ||
        (conf->options = arena_alloc(a, IMAP_CONF_OPTIONS_MAX * sizeof *conf->options)) == NULL ||
        (conf->files = arena_alloc(a, IMAP_CONF_FILES_MAX * sizeof *conf->files)) == NULL)
        return no_memory((struct place){path, 0}, e);
    TRY(parse_file(&p, path, e));
    *out = conf;
    return RC_OK;
}

static enum rc
read_from_disk(void *ctx, const char *path, struct arena *a, struct span *out, struct error *e)
{
    (void)ctx;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(IMAP_CONF_FILE_MAX);
    TRY(file_read(AT_FDCWD, path, &text, e));
    uint8_t *kept = arena_alloc(a, text.len + 1);
    if (kept == NULL)
        return error_set(e, RC_NO_MEMORY, "'%s'", path);
    if (text.len > 0)
        memcpy(kept, text.data, text.len);
    *out = span_of(kept, text.len);
    return RC_OK;
}

enum rc
imap_conf_read(const char *path, struct arena *a, const struct imap_conf **out, struct error *e)
{
    return imap_conf_parse(&(struct imap_conf_files){.read = read_from_disk}, path, a, out, e);
}
