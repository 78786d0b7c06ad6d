/* cli_operator_directory.c -- see cli_operator.h. */
#include "controller/cli/cli_operator.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/crypto/keys.h"
#include "common/sys/file.h"

enum { FILE_MAX = 64 * 1024, PATH_ROOM = 1024 };

static enum rc
read_text(int dirfd, const char *name, char **out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(FILE_MAX);
    TRY(file_read(dirfd, name, &bytes, e));
    char *text = strndup(bytes.len == 0 ? "" : (const char *)bytes.data, bytes.len);
    if (text == NULL)
        return error_set(e, RC_NO_MEMORY, "'%s'", name);
    *out = text;
    return RC_OK;
}

/* KOFFER_OPERATOR, else the user's own, else the host's; false when there is none of that kind. */
static bool
candidate(unsigned number, char out[static PATH_ROOM])
{
    const char *named = getenv("KOFFER_OPERATOR"), *home = getenv("HOME");
    bool fixed = named != NULL && named[0] != '\0';
    const char *base = fixed ? named : number == 0 ? home : "";
    const char *below = fixed ? "" : number == 0 ? "/.config/koffer" : "/etc/koffer/operator";
    if (base == NULL || (fixed && number > 0))
        return false;
    return (size_t)snprintf(out, PATH_ROOM, "%s%s", base, below) < PATH_ROOM;
}

static int
open_directory(char path[static PATH_ROOM])
{
    for (unsigned i = 0; i < 2; i++) {
        int dirfd = candidate(i, path) ? open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
        if (dirfd >= 0 && faccessat(dirfd, CLI_OPERATOR_CERTIFICATE, F_OK, 0) == 0)
            return dirfd;
        own_closep(&dirfd);
    }
    return -1;
}

bool
cli_operator_exists(void)
{
    char path[PATH_ROOM];
    CLEANUP(own_closep) int dirfd = open_directory(path);
    return dirfd >= 0;
}

enum rc
cli_operator_make(char **shown, int *out, struct error *e)
{
    char path[PATH_ROOM];
    bool found = candidate(geteuid() == 0 ? 1 : 0, path) || candidate(0, path);
    if (!found)
        return error_set(e, RC_INVALID,
                         "neither KOFFER_OPERATOR nor HOME says where to keep the "
                         "certificate; set one of them");
    TRY(file_make_directory(AT_FDCWD, path, 0700, e));
    TRY(file_open_directory(AT_FDCWD, path, out, e));
    *shown = strdup(path);
    return *shown != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "path");
}

static enum rc
check_key(const char *directory, const char *name, struct error *e)
{
    char path[PATH_ROOM + sizeof CLI_OPERATOR_IDENTITY];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return file_check_private("operator's key", path, e);
}

/* The first line of `text`, and the second. */
static enum rc
take_controller(const char *text, struct cli_operator *out, struct error *e)
{
    size_t first = strcspn(text, "\n");
    const char *second = text[first] == '\n' ? text + first + 1 : text + first;
    out->expect = strndup(text, first);
    out->url = strndup(second, strcspn(second, "\n"));
    if (out->expect == NULL || out->url == NULL)
        return error_set(e, RC_NO_MEMORY, "name of the controller");
    return RC_OK;
}

enum rc
cli_operator_load(struct cli_operator *out, struct error *e)
{
    char path[PATH_ROOM];
    CLEANUP(own_closep) int dirfd = open_directory(path);
    CLEANUP(own_freep) char *controller = NULL;
    if (dirfd < 0)
        return error_set(e, RC_NOT_FOUND,
                         "no operator's certificate in ~/.config/koffer or /etc/koffer/operator; "
                         "get a token by 'koffer operator add NAME' on the controller's host and "
                         "run 'koffer operator enroll' here");
    bool renewed;
    TRY(file_exists(dirfd, CLI_OPERATOR_IDENTITY, &renewed, e));
    TRY(check_key(path, renewed ? CLI_OPERATOR_IDENTITY : CLI_OPERATOR_KEY, e));
    TRY(read_text(dirfd, CLI_OPERATOR_CA, &out->ca, e));
    TRY(read_text(dirfd, renewed ? CLI_OPERATOR_IDENTITY : CLI_OPERATOR_CERTIFICATE,
                  &out->certificate, e));
    TRY(read_text(dirfd, renewed ? CLI_OPERATOR_IDENTITY : CLI_OPERATOR_KEY, &out->key, e));
    out->directory = strdup(path);
    if (out->directory == NULL)
        return error_set(e, RC_NO_MEMORY, "path");
    TRY(read_text(dirfd, CLI_OPERATOR_CONTROLLER, &controller, e));
    return take_controller(controller, out, e);
}

void
cli_operator_clear(struct cli_operator *o)
{
    if (o->key != NULL)
        keys_wipe(o->key, strlen(o->key));
    if (o->certificate != NULL) /* a renewed one has the key beside it */
        keys_wipe(o->certificate, strlen(o->certificate));
    free(o->directory);
    free(o->ca);
    free(o->certificate);
    free(o->key);
    free(o->expect);
    free(o->url);
    *o = (struct cli_operator){0};
}
