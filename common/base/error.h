/*
 * error.h -- how a function says no.
 *
 * A fallible function returns `enum rc` and takes a `struct error *` as its last parameter.
 * The code is for the program: retry, skip, give up, wake someone.  The text is for the person
 * who reads the report.  On RC_OK the error is left untouched, so one `struct error` can serve
 * a whole operation; it lives on the stack of whoever will report it and never allocates.
 *
 *     struct error e = ERROR_INIT;
 *     if (vault_open(&vault, path, &e) != RC_OK)
 *         log_error(&e, "cannot open the vault");
 *
 * An absent thing that the caller asked about ("is this chunk stored?") is an answer, not an
 * error: return it through a bool out-parameter.
 *
 * Threads: a `struct error` belongs to one thread.  Layer: common/base.
 */
#ifndef COMMON_BASE_ERROR_H
#define COMMON_BASE_ERROR_H

#include <stdbool.h>

#include "common/base/compiler.h"

enum MUST_CHECK_TYPE rc {
    RC_OK = 0,
    RC_AGAIN,       /* transient; the same request may succeed later */
    RC_CANCELLED,   /* someone asked us to stop */
    RC_TIMEOUT,     /* a deadline passed */
    RC_NOT_FOUND,   /* a thing that must exist does not */
    RC_EXISTS,      /* a thing that must not exist does */
    RC_DENIED,      /* identity or permission */
    RC_INVALID,     /* configuration, operator or caller input is wrong */
    RC_UNSUPPORTED, /* understood, but not by this build or this host */
    RC_PROTOCOL,    /* the peer broke the protocol */
    RC_CORRUPT,     /* stored bytes fail verification; never retried, always reported */
    RC_IO,          /* the operating system failed us */
    RC_NO_SPACE,    /* disk or quota is full */
    RC_NO_MEMORY,   /* allocation or configured memory limit */
    RC_STALE,       /* what this relied on is over (a session's lease): begin it anew */
    RC_COUNT_,
};

enum { ERROR_TEXT_MAX = 512 };

struct error {
    enum rc code;
    int sys_errno;    /* errno at the origin, or 0 */
    const char *file; /* where it was first noticed */
    int line;
    char text[ERROR_TEXT_MAX]; /* "outermost context: ...: origin", truncated to fit */
};

#define ERROR_INIT ((struct error){.code = RC_OK})

/* Record a failure noticed here and return `code`. */
#define error_set(e, code, ...) error_set_at((e), (code), __FILE__, __LINE__, __VA_ARGS__)

/* Record a failed system call: the code is derived from errno, whose message is appended. */
#define error_errno(e, ...) error_errno_at((e), __FILE__, __LINE__, __VA_ARGS__)

enum rc error_set_at(struct error *e, enum rc code, const char *file, int line, const char *fmt,
                     ...) NONNULL PRINTF_LIKE(5, 6);
enum rc error_errno_at(struct error *e, const char *file, int line, const char *fmt, ...)
    NONNULL PRINTF_LIKE(4, 5);

/* Put "context: " in front of the text and return the unchanged code. */
enum rc error_context(struct error *e, const char *fmt, ...) NONNULL PRINTF_LIKE(2, 3);

/* Stable lower-case name ("corrupt") for logs, metrics labels and the wire. */
const char *rc_name(enum rc code);

/* May the same request be repeated without anyone changing anything? */
bool rc_is_transient(enum rc code);

/*
 * Propagate a failure to the caller.  These are the only macros in the codebase that return;
 * they are safe because every local resource is released by CLEANUP.
 */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum rc try_rc_ = (call);                                                                  \
        if (try_rc_ != RC_OK)                                                                      \
            return try_rc_;                                                                        \
    } while (0)

#define TRY_IN(call, e, ...)                                                                       \
    do {                                                                                           \
        if ((call) != RC_OK)                                                                       \
            return error_context((e), __VA_ARGS__);                                                \
    } while (0)

/* gcc -fanalyzer sees one file: that a failure is never RC_OK is what it cannot know of functions elsewhere. */
#ifdef ANALYZE
#undef error_set
#undef error_errno
#undef TRY_IN
#define error_set(e, code, ...)                                                                    \
    ((void)error_set_at((e), (code), __FILE__, __LINE__, __VA_ARGS__), (code))
#define error_errno(e, ...) ((void)error_errno_at((e), __FILE__, __LINE__, __VA_ARGS__), RC_IO)
#define TRY_IN(call, e, ...)                                                                       \
    do {                                                                                           \
        enum rc try_rc_ = (call);                                                                  \
        if (try_rc_ != RC_OK) {                                                                    \
            (void)error_context((e), __VA_ARGS__);                                                 \
            return try_rc_;                                                                        \
        }                                                                                          \
    } while (0)
#endif

#endif
