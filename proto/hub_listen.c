/* hub_listen.c -- where the hub listens: TLS, and a socket in the file system for root.  See hub.h. */
#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/hub_internal.h"

/* The hub keeps `setup`, whatever happens. */
static enum rc
add_listener(struct hub *hub, const char *url, struct tls_setup *setup, nng_listener *out,
             struct error *e)
{
    nng_listener listener = NNG_LISTENER_INITIALIZER;

    if (hub->listener_count == HUB_LISTENERS) {
        tls_setup_free(setup);
        return error_set(e, RC_INVALID, "more than %d listeners", HUB_LISTENERS);
    }
    int error = nng_listener_create(&listener, hub->socket, url);
    monitor_lock(&hub->monitor); /* before it starts: its first client must find it */
    hub->listeners[hub->listener_count++] = (struct hub_listener){listener, setup};
    monitor_unlock(&hub->monitor);
    if (error != 0)
        return tls_setup_explain(setup, error, url, e);
    *out = listener;
    return RC_OK;
}

enum rc
hub_listen_tls(struct hub *hub, const char *url, const struct tls_identity *identity,
               struct error *e)
{
    struct tls_setup *setup = NULL;
    nng_listener listener;

    TRY_IN(tls_setup_server(identity, TLS_DEMAND_CERTIFICATE, &setup, e), e, "listen on %s", url);
    TRY_IN(add_listener(hub, url, setup, &listener, e), e, "listen on");
    int error = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, tls_setup_config(setup));
    if (error == 0)
        error = nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    if (error == 0)
        error = nng_listener_start(listener, 0);
    return error == 0 ? RC_OK : tls_setup_explain(NULL, error, url, e);
}

/* The directory keeps others out while the socket's own mode is not set yet. */
static enum rc
make_directory(const char *path, struct error *e)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
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
    if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 0022) != 0)
        return error_set(e, RC_DENIED,
                         "'%s' could be changed by others: chown it to root and "
                         "chmod it to 0700",
                         directory);
    return RC_OK;
}

enum rc
hub_listen_local(struct hub *hub, const char *path, struct error *e)
{
    char url[sizeof "ipc://" + sizeof((struct sockaddr_un *)0)->sun_path];
    nng_listener listener;

    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return error_set(e, RC_INVALID, "local socket '%s': the path is longer than %zu bytes",
                         path, sizeof((struct sockaddr_un *)0)->sun_path - 1);
    TRY(make_directory(path, e));
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    TRY_IN(add_listener(hub, url, NULL, &listener, e), e, "listen on");
    int error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (error == 0)
        error = nng_listener_start(listener, 0);
    if (error == NNG_EADDRINUSE)
        return error_set(e, RC_EXISTS, "'%s' is in use: another controller is running", path);
    return error == 0 ? RC_OK : tls_setup_explain(NULL, error, url, e);
}

enum rc
hub_port(const struct hub *hub, unsigned *out, struct error *e)
{
    for (size_t i = 0; i < hub->listener_count; i++) {
        int port = 0;
        if (hub->listeners[i].setup == NULL)
            continue;
        int error = nng_listener_get_int(hub->listeners[i].nng, NNG_OPT_TCP_BOUND_PORT, &port);
        if (error != 0)
            return error_set(e, RC_IO, "port of the listener: %s", nng_strerror(error));
        *out = (unsigned)port;
        return RC_OK;
    }
    return error_set(e, RC_INVALID, "no TLS listener");
}
