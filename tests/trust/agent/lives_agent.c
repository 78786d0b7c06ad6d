/* lives_agent.c -- a cycle through the agent's board of jobs.  See lives.h. */
#include <fcntl.h>
#include <stdio.h>

#include "common/base/wire.h"
#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"
#include "tests/trust/common/lives.h"

enum { PATH = 256, RECEIPT_MAX = 256 };

static struct job_kit *agent;

/* What a life was told. */
struct told {
    bool released;
};

static struct told *
told_of(struct sweep_world *w)
{
    return (struct told *)(void *)w->told;
}

void
lives_begin(void)
{
}

void
lives_end(void)
{
}

static enum rc
step(enum job_verb verb, uint64_t cycle, struct error *e)
{
    enum rc rc = job_kit_do(agent, verb, "etc", cycle);
    return rc == RC_OK ? RC_OK : error_set(e, rc, "step %d: %s", (int)verb, agent->result.text);
}

static enum rc
seal_and_release(struct told *told, uint64_t cycle, struct error *e)
{
    agent->order.sequence = cycle;
    agent->order.previous = (struct id){{(uint8_t)(cycle - 1)}};
    TRY(step(JOB_SEAL, cycle, e));
    agent->order.sequence = cycle;
    agent->order.receipt = (struct id){{(uint8_t)cycle}};
    TRY(step(JOB_RELEASE, cycle, e));
    told->released = true;
    return RC_OK;
}

/* Whatever fails, the controller orders the release in the end. */
static enum rc
run_cycle(struct sweep_world *w, uint64_t cycle, struct error *e)
{
    struct told *told = told_of(w);
    struct error ignored = ERROR_INIT;
    told->released = false;
    enum rc rc = step(JOB_CHECK, cycle, e);
    if (rc == RC_OK)
        rc = step(JOB_CAPTURE, cycle, e);
    if (rc == RC_OK)
        rc = seal_and_release(told, cycle, e);
    if (rc != RC_OK)
        (void)!step(JOB_RELEASE, cycle, &ignored);
    return rc;
}

/* The directory is the case's. */
static void
begin_agent(const struct sweep_world *w)
{
    agent = job_kit_new_at(w->path);
    agent->capture->keep = true;
}

static void
prepare_agent(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    begin_agent(w);
    capture_kit_write_text(agent->capture, "hosts", "127.0.0.1 localhost\n");
    CHECK_OK(run_cycle(w, 1, &e), &e);
    capture_kit_write_text(agent->capture, "fstab", "none\n");
}

static enum rc
next_cycle(struct sweep_world *w, struct error *e)
{
    return run_cycle(w, 2, e);
}

static void
leave_agent(void)
{
    job_kit_free(agent);
    agent = NULL;
}

/* The receipt's sequence. */
static uint64_t
read_receipt(const struct sweep_world *w, struct id *name)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(RECEIPT_MAX);
    struct error e = ERROR_INIT;
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/state/receipt", w->path);
    CHECK_OK(file_read(AT_FDCWD, path, &bytes, &e), &e);
    struct wire_reader r = wire_reader_of(buffer_span(&bytes));
    uint64_t sequence = wire_u64(&r);
    *name = wire_id(&r);
    assert_true(wire_done(&r));
    return sequence;
}

static void
check_agent(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    struct id name;
    bool released = told_of(w)->released;
    uint64_t sequence = read_receipt(w, &name);
    assert_int_equal(name.bytes[0], sequence);
    if (released)
        assert_int_equal(sequence, 2);
    else
        assert_in_range(sequence, 1, 2);
    begin_agent(w);
    agent->vault.epoch = 2; /* its store is another: nothing may be believed to be there */
    CHECK_OK(job_set_vault(agent->board, &agent->vault, &e), &e);
    CHECK_OK(run_cycle(w, 3, &e), &e);
    assert_false(agent->result.captured.incomplete);
    assert_int_equal(read_receipt(w, &name), 3);
}

static const struct sweep_life cycle = {.name = "agent's cycle",
                                        .prepare = prepare_agent,
                                        .live = next_cycle,
                                        .leave = leave_agent,
                                        .check = check_agent};
const struct sweep_life *const lives[] = {&cycle};
const size_t lives_count = 1;
