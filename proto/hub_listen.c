/* hub_listen.c -- where the hub listens: TLS, and a socket in the file system for root.  See hub.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/hub_internal.h"

enum { PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) };

/* Takes the setup, also when it fails. */
static enum rc
add_listener(struct hub *hub, const char *url, struct tls_setup *setup, struct error *e)
{
    if (hub->listener_count == HUB_LISTENERS) {
        tls_setup_free(setup);
        return error_set(e, RC_INVALID, "more than %d listeners", HUB_LISTENERS);
    }
    struct hub_listener *listener = &hub->listeners[hub->listener_count++];
    *listener = (struct hub_listener){.hub = hub, .setup = setup};
    return acceptor_open(url, setup, hub_peers_accept, listener, &listener->acceptor, e);
}

enum rc
hub_listen_tls(struct hub *hub, const char *url, const struct tls_identity *identity,
               struct error *e)
{
    struct tls_setup *setup = NULL;

    TRY_IN(tls_setup_server(identity, TLS_DEMAND_CERTIFICATE, &setup, e), e, "listen on %s", url);
    return add_listener(hub, url, setup, e);
}

/* The directory keeps others out while the socket's own mode is not set yet. */
static enum rc
make_directory(const char *path, struct error *e)
{
    char directory[PATH_MAX_BYTES];
    struct stat about;
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path)
        return error_set(e, RC_INVALID, "local socket '%s' must lie in a directory of its own",
                         path);
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_errno(e, "make directory '%s'", directory);
    if (lstat(directory, &about) != 0)
        return error_errno(e, "look at '%s'", directory);
    if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 0022) != 0) {
        return error_set(e, RC_DENIED,
                         "'%s' could be changed by others: chown it to root, chmod it to 0700",
                         directory);
    }
    return RC_OK;
}

enum rc
hub_listen_local(struct hub *hub, const char *path, struct error *e)
{
    char url[sizeof "ipc://" + PATH_MAX_BYTES];

    if (strlen(path) >= PATH_MAX_BYTES)
        return error_set(e, RC_INVALID, "local socket '%s': the path is longer than %d bytes", path,
                         PATH_MAX_BYTES - 1);
    TRY(make_directory(path, e));
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    enum rc rc = add_listener(hub, url, NULL, e);
    if (rc == RC_EXISTS)
        return error_set(e, rc, "'%s' is in use: another controller is running", path);
    return rc;
}

enum rc
hub_port(const struct hub *hub, unsigned *out, struct error *e)
{
    for (size_t i = 0; i < hub->listener_count; i++) {
        if (hub->listeners[i].setup != NULL && hub->listeners[i].acceptor != NULL)
            return acceptor_port(hub->listeners[i].acceptor, out, e);
    }
    return error_set(e, RC_INVALID, "no TLS listener");
}
