/*
 * upload.h -- a capture's store at the other end of a data stream.
 *
 * Layer: agent/net.  Threads: as the interfaces say; one job uses one of these.
 */
#ifndef AGENT_NET_UPLOAD_H
#define AGENT_NET_UPLOAD_H

#include "agent/capture/capture.h"
#include "agent/net/job_stream.h"

enum { UPLOAD_HAVE_MAX = 1024 };

enum rc
upload_open(const struct job_stream_options *options, struct capture_store **out, struct error *e);
/* RC_OK only when the controller says that everything is durable. */
enum rc upload_finish(struct capture_store *store, struct error *e);
void upload_close(struct capture_store *store);

#endif
