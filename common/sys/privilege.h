/*
 * privilege.h -- give rights away, for good, before the first foreign byte is read (facts: H7, 5.1).
 *
 *     TRY(privilege_find(user, &account, e));        // RC_NOT_FOUND names the remedy
 *     TRY(privilege_drop(&account, e));              // from here on: that user, no capabilities, no way back
 *     TRY(privilege_hide(e));                        // no core, no debugger, no /proc/self/mem for others
 *     TRY(privilege_leave_terminal(e));              // or privilege_close_input(e), for who stays in the foreground
 *
 * After a failure the caller ends: rights may be half dropped.  A process that is not root keeps its user and loses its
 * capabilities.  To be called while there is one thread only.
 * Layer: common/sys.
 */
#ifndef COMMON_SYS_PRIVILEGE_H
#define COMMON_SYS_PRIVILEGE_H

#include <sys/types.h>

#include "common/base/error.h"

struct privilege_account {
    uid_t uid;
    gid_t gid;
};

/* RC_NOT_FOUND when there is no such user on this host; RC_DENIED when it is root. */
enum rc privilege_find(const char *user, struct privilege_account *out, struct error *e);
/* Who we are now. */
struct privilege_account privilege_self(void);

enum rc privilege_drop(const struct privilege_account *account, struct error *e);
/* Nothing that we run may gain rights by a set-uid bit or a file capability.  Children inherit it. */
enum rc privilege_no_new(struct error *e);
enum rc privilege_hide(struct error *e);
/* Standard input is /dev/null from here on. */
enum rc privilege_close_input(struct error *e);
/* A session of our own, and no terminal among the standard descriptors: who has root's can type there (TIOCSTI) and listen.
 * RC_DENIED for the leader of a process group. */
enum rc privilege_leave_terminal(struct error *e);

#endif
