/* power_state.c -- lives of the small files: a controller's state made, a file replaced again and again. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/file.h"
#include "controller/daemon/store.h"
#include "tests/trust/controller/power_lives.h"

enum { PATH = 256, REPLACED = 4, LARGE = 3000 };
enum promise { STATE_MADE, REPLACED_BY };

/* ---- what `koffer-controller init` makes: the sheet is printed when it is promised */

static struct settings
settings_in(const char *root, char path[static PATH])
{
    (void)snprintf(path, PATH, "%s/state", root);
    return (struct settings){.cluster = "test", .name = "controller", .state = path};
}

static enum rc
make_state(const char *root, struct error *e)
{
    char path[PATH];
    const struct settings s = settings_in(root, path);
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    return store_create(&s, true, &recovery, e);
}

static void
make_state_once(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    if (make_state(root, &e) == RC_OK)
        power_trace_ack(t, STATE_MADE, 0, NULL);
}

static enum rc
load_state(const char *root, struct error *e)
{
    char path[PATH];
    const struct settings s = settings_in(root, path);
    CLEANUP(store_clear) struct store store = {0};
    return store_load(&s, &store, e);
}

/* The operator says it again. */
static enum rc
make_state_again(const char *root, struct power_trace *t, struct error *e)
{
    enum rc rc = make_state(root, e);
    if (rc == RC_EXISTS)
        rc = load_state(root, e);
    if (rc == RC_OK)
        power_trace_ack(t, STATE_MADE, 0, NULL);
    return rc;
}

static enum rc
check_state(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    char path[PATH];
    const struct settings s = settings_in(root, path);
    bool promised = power_life_ack(acks, 0) != NULL;

    (void)on;
    /* Whole, or known not to be. */
    enum rc rc = store_check_free(&s, e);
    if (rc == RC_EXISTS)
        return load_state(root, e);
    TRY(rc);
    return promised ? error_set(e, RC_NOT_FOUND, "the state that was made is gone") : RC_OK;
}

/* ---- a receipt, or any other file that file_replace() keeps */

static const char *
file_in(const char *root, char path[static PATH])
{
    (void)snprintf(path, PATH, "%s/receipt", root);
    return path;
}

/* Its number, and that number's bytes behind it; 0: there is none. */
static enum rc
read_number(const char *root, uint64_t *out, struct error *e)
{
    char path[PATH], want[LARGE + 1];
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LARGE);

    *out = 0;
    enum rc rc = file_read(AT_FDCWD, file_in(root, path), &bytes, e);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    *out = bytes.len == 0 ? 0 : bytes.data[0];
    memset(want, (int)*out, LARGE);
    if (bytes.len != LARGE || memcmp(bytes.data, want, LARGE) != 0)
        return error_set(e, RC_CORRUPT, "the file is none of those that were written");
    return RC_OK;
}

static enum rc
replace_again(const char *root, struct power_trace *t, struct error *e)
{
    char path[PATH], bytes[LARGE];
    uint64_t begun;

    TRY(read_number(root, &begun, e));
    for (uint64_t n = begun + 1; n <= begun + REPLACED; n++) {
        memset(bytes, (int)n, LARGE);
        TRY(file_replace(AT_FDCWD, file_in(root, path), span_of(bytes, LARGE), 0600, e));
        power_trace_ack(t, REPLACED_BY, n, NULL);
    }
    return RC_OK;
}

static void
replace(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    (void)replace_again(root, t, &e);
}

static enum rc
check_replaced(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    const struct power_ack *ack;
    uint64_t number, promised = 0;

    for (size_t n = 0; (ack = power_life_ack(acks, n)) != NULL; n++)
        promised = ack->number > promised ? ack->number : promised;
    TRY(read_number(root, &number, e));
    if (number < promised)
        return error_set(e, RC_CORRUPT, "it is number %" PRIu64 ", and %" PRIu64 " was promised",
                         number, promised);
    (void)on;
    return RC_OK;
}

const struct power_life power_state_made = {"controller-state", NULL, make_state_once,
                                            make_state_again, check_state};
const struct power_life power_state_replaced = {"replaced-file", NULL, replace, replace_again,
                                                check_replaced};
