/*
 * download.h -- a restore's source of blobs at the other end of a data stream.
 *
 * Layer: agent/net.  Threads: one at a time.
 */
#ifndef AGENT_NET_DOWNLOAD_H
#define AGENT_NET_DOWNLOAD_H

#include "agent/net/job_stream.h"
#include "common/blob/blob.h"

enum rc
download_open(const struct job_stream_options *options, struct blob_source **out, struct error *e);
void download_close(struct blob_source *source);

#endif
