/*
 * job_reaper.h -- every minute, snapshots and mounts that nobody owns any more are removed.
 *
 *     TRY(job_reaper_start(host, &reaper, e));     // looks at once, on a thread of its own: LVM takes its time
 *     job_reaper_stop(reaper);                     // waits for the look that is under way; NULL is fine
 *
 * Threads: one.  Layer: agent/job.
 */
#ifndef AGENT_JOB_JOB_REAPER_H
#define AGENT_JOB_JOB_REAPER_H

#include "agent/snapshot/snapshot.h"

enum { JOB_REAPER_S = 60 };

struct job_reaper;
enum rc job_reaper_start(struct snapshot_host *host, struct job_reaper **out, struct error *e);
void job_reaper_stop(struct job_reaper *r);

#endif
