/*
 * export.h -- export one backend of a running directory server through its online task.
 *
 *     TRY(export_backend(&(struct export_request){.step = step, .directory = d, .dse = dse, .backend = b,
 *                                         .folder = folder, .replica = true}, &result, e));
 *     // result.file: the LDIF, checked, already without a name; CLEANUP(own_closep)
 *
 * The server writes the file itself, so `folder` belongs to its user (export_prepare_folder).  The
 * export is good only when the task says so, the file has as many entries as the task says it wrote
 * and as the server has, and it ends with a newline.  The server's own count is taken before and after: an export
 * outside both is repeated, since entries may come and go meanwhile.
 *
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_LDAP_EXPORT_H
#define AGENT_SOURCE_LDAP_EXPORT_H

#include "agent/source/ldap/directory.h"
#include "agent/source/ldap/ldif_count.h"

struct export_request {
    const struct source_step *step;
    struct directory *directory;
    const struct dse *dse;
    const struct dse_backend *backend;
    const struct directory_backend *live; /* of the running server: some may lie below this one */
    const char *folder;
    bool replica; /* with replication state and tombstones */
};

struct export_result {
    int file;
    uint64_t entries, bytes;
};

/*
 * A new 0700 directory of the server's user in the staging directory, which is opened for passing
 * through (0711).  RC_INVALID names the parent that the user cannot pass.
 */
enum rc export_prepare_folder(const struct source_step *step, const struct dse *dse,
                              const char **folder, struct error *e);
enum rc export_backend(const struct export_request *x, struct export_result *out, struct error *e);

/*
 * Is this file the backend?  RC_CORRUPT when it is cut off, or holds more or less than `processed`, which the task says
 * it wrote.  *agrees: the server's own count, `expected` before and after, says the same.
 */
enum rc
export_judge(const struct export_request *x, const struct ldif_count *count, uint64_t processed,
             const uint64_t expected[static 2], bool *agrees, struct error *e);
/* "org: Processed 501 entries (100%)." -> 501; false when the text holds no such number. */
bool export_processed(const char *text, uint64_t *out);

#endif
