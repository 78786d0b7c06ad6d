/* test_vault_lease.c -- sessions live while they are heard of, and what they rely on stays; by a clock of the test. */
#include "tests/support/check.h"

#include <stdio.h>

#include "controller/vault/vault.h"
#include "controller/vault/vault_lease.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/vault_kit.h"

enum { LEASE_S = 900 };

static struct mono now; /* the vault's clock */

static struct mono
read_clock(void)
{
    return now;
}

static void
let_pass(int64_t seconds)
{
    now.ns += seconds * CLOCK_NS_PER_SECOND;
}

struct world {
    char parent[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct buffer blob, record;
};

static void
reopen(struct world *w)
{
    struct error e = ERROR_INIT;
    if (w->vault != NULL)
        vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){.clock = read_clock}, &w->vault, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;

    now = (struct mono){CLOCK_NS_PER_SECOND};
    w = (struct world){.blob = BUFFER_INIT(LIMIT_BLOB), .record = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_fast_directory(w.parent);
    vault_kit_begin(&w.kit);
    (void)snprintf(w.path, sizeof w.path, "%s/vault", w.parent);
    CHECK_OK(vault_create(w.path, false, &w.id, &e), &e);
    reopen(&w);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_close(w->vault);
    vault_kit_end(&w->kit);
    buffer_free(&w->blob);
    buffer_free(&w->record);
    vault_kit_remove(w->parent);
    return 0;
}

static struct vault_session *
session_of(struct world *w, const char *host, uint64_t job)
{
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    CHECK_OK(vault_session_begin_for(w->vault, host, job, &s, &e), &e);
    return s;
}

static enum rc
put(struct world *w, struct vault_session *s, uint32_t seed, struct id *id, struct error *e)
{
    bool known;
    vault_kit_blob(&w->blob, id, seed, 500, NULL, 0);
    return vault_session_put(s, id, buffer_span(&w->blob), &known, e);
}

/* A blob that an earlier session left, durable. */
static struct id
stored_before(struct world *w, uint32_t seed)
{
    CLEANUP(vault_session_freep) struct vault_session *s = session_of(w, "earlier", 1);
    struct error e = ERROR_INIT;
    struct id id;
    CHECK_OK(put(w, s, seed, &id, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    return id;
}

static bool
has(struct vault_session *s, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool there;
    CHECK_OK(vault_session_has(s, id, &there, &e), &e);
    return there;
}

static bool
is_pinned(struct world *w, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool pinned;
    CHECK_OK(vault_is_pinned(w->vault, id, &pinned, &e), &e);
    return pinned;
}

static enum rc
commit(struct world *w, const struct id *root, const struct vault_fence *fence, struct error *e)
{
    const struct id none = {{0}};
    struct id name;
    vault_kit_record(&w->kit, &w->id, 1, &none, root, &w->record);
    return vault_commit_fenced(w->vault, buffer_span(&w->record), fence, 1, &name, e);
}

/* ---- pins */

static void
what_a_session_was_told_is_pinned_while_it_lives(void **state)
{
    struct world *w = *state;
    struct id told = stored_before(w, 1), never_asked = stored_before(w, 2);
    struct vault_session *s = session_of(w, "mail", 7);

    assert_false(is_pinned(w, &told));
    assert_true(has(s, &told));
    assert_true(is_pinned(w, &told));
    assert_false(is_pinned(w, &never_asked));
    vault_session_free(s);
    assert_false(is_pinned(w, &told));
}

static void
what_a_session_put_is_pinned_while_it_lives(void **state)
{
    struct world *w = *state;
    struct vault_session *s = session_of(w, "mail", 7);
    struct error e = ERROR_INIT;
    struct id id;

    CHECK_OK(put(w, s, 1, &id, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    assert_true(is_pinned(w, &id));
    vault_session_free(s);
    assert_false(is_pinned(w, &id));
}

static void
what_was_known_when_it_was_put_is_pinned(void **state)
{
    struct world *w = *state;
    struct id before = stored_before(w, 1), id;
    struct vault_session *s = session_of(w, "mail", 7);
    struct error e = ERROR_INIT;

    CHECK_OK(put(w, s, 1, &id, &e), &e);
    assert_int_equal(vault_session_counted(s).known, 1);
    assert_true(is_pinned(w, &before));
    vault_session_free(s);
}

static void
pins_outlive_the_stream_until_the_fence_is_released(void **state)
{
    struct world *w = *state;
    struct id told = stored_before(w, 1);
    struct vault_session *s = session_of(w, "mail", 7);
    struct vault_fence fence;
    struct error e = ERROR_INIT;

    assert_true(has(s, &told));
    CHECK_OK(vault_session_hold(s, &fence, &e), &e);
    vault_session_free(s);
    let_pass(50 * LEASE_S); /* other sources of the cycle take their time */
    assert_true(is_pinned(w, &told));
    CHECK_OK(commit(w, &told, &fence, &e), &e);
    vault_fence_release(w->vault, &fence);
    assert_false(is_pinned(w, &told));
    assert_int_equal(vault_sessions(w->vault), 0);
}

static void
what_is_not_flushed_cannot_be_held(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = session_of(w, "mail", 7);
    struct vault_fence fence;
    struct error e = ERROR_INIT;
    struct id id;

    CHECK_OK(put(w, s, 1, &id, &e), &e);
    CHECK_RC(vault_session_hold(s, &fence, &e), RC_INVALID);
}

/* ---- leases */

static void
a_silent_session_is_over_and_everything_of_it_is_refused(void **state)
{
    struct world *w = *state;
    struct id told = stored_before(w, 1), id;
    CLEANUP(vault_session_freep) struct vault_session *s = session_of(w, "mail", 7);
    struct vault_fence fence;
    struct error e = ERROR_INIT;
    bool there;

    assert_true(has(s, &told));
    CHECK_OK(put(w, s, 2, &id, &e), &e);
    let_pass(LEASE_S);
    assert_false(is_pinned(w, &told));
    assert_int_equal(vault_sessions(w->vault), 0);
    CHECK_RC(put(w, s, 3, &id, &e), RC_STALE);
    assert_non_null(strstr(e.text, "begin again"));
    CHECK_RC(vault_session_has(s, &told, &there, &e), RC_STALE);
    CHECK_RC(vault_session_flush(s, &e), RC_STALE);
    CHECK_RC(vault_session_hold(s, &fence, &e), RC_STALE);
    CHECK_RC(commit(w, &told, vault_session_fence(s), &e), RC_STALE);
    assert_int_equal(vault_kit_count(w->path, "fulls"), 0);
}

static void
traffic_and_news_of_the_agent_renew_a_lease(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = session_of(w, "mail", 7);
    struct id told = stored_before(w, 1);
    struct error e = ERROR_INIT;

    for (int turn = 0; turn < 5; turn++) {
        let_pass(LEASE_S - 1);
        assert_true(has(s, &told));
        let_pass(LEASE_S - 1);
        CHECK_OK(vault_fence_check(w->vault, vault_session_fence(s), &e), &e);
    }
    let_pass(LEASE_S);
    CHECK_RC(vault_fence_check(w->vault, vault_session_fence(s), &e), RC_STALE);
}

/* The agent that slept begins again and finds what it had stored; the newer session's full is committed, the older's not. */
static void
who_begins_again_deduplicates_what_survived(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *slept = session_of(w, "mail", 7);
    struct error e = ERROR_INIT;
    struct vault_fence fence;
    struct id id;

    CHECK_OK(put(w, slept, 1, &id, &e), &e);
    CHECK_OK(vault_session_flush(slept, &e), &e);
    let_pass(2 * LEASE_S);
    CLEANUP(vault_session_freep) struct vault_session *again = session_of(w, "mail", 8);
    CHECK_OK(put(w, again, 1, &id, &e), &e);
    assert_int_equal(vault_session_counted(again).known, 1);
    CHECK_OK(vault_session_hold(again, &fence, &e), &e);
    CHECK_RC(commit(w, &id, vault_session_fence(slept), &e), RC_STALE);
    CHECK_OK(commit(w, &id, &fence, &e), &e);
    vault_fence_release(w->vault, &fence);
}

static void
a_newer_session_of_the_same_host_and_job_ends_the_older(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *old = session_of(w, "mail", 7);
    CLEANUP(vault_session_freep) struct vault_session *other_job = session_of(w, "mail", 8);
    CLEANUP(vault_session_freep) struct vault_session *other_host = session_of(w, "ldap", 7);
    CLEANUP(vault_session_freep) struct vault_session *new = session_of(w, "mail", 7);
    struct error e = ERROR_INIT;
    struct id id;

    assert_true(vault_session_fence(new)->number > vault_session_fence(old)->number);
    CHECK_RC(put(w, old, 1, &id, &e), RC_STALE);
    CHECK_OK(put(w, new, 1, &id, &e), &e);
    CHECK_OK(put(w, other_job, 2, &id, &e), &e);
    CHECK_OK(put(w, other_host, 3, &id, &e), &e);
}

static void
no_session_outlives_the_opening_of_the_vault(void **state)
{
    struct world *w = *state;
    struct vault_session *s = session_of(w, "mail", 7);
    struct id told = stored_before(w, 1);
    struct vault_fence fence;
    struct error e = ERROR_INIT;

    CHECK_OK(vault_session_hold(s, &fence, &e), &e);
    vault_session_free(s);
    reopen(w);
    CLEANUP(vault_session_freep) struct vault_session *same_number = session_of(w, "mail", 7);
    assert_int_equal(vault_session_fence(same_number)->number, fence.number);
    CHECK_RC(vault_fence_check(w->vault, &fence, &e), RC_STALE);
    CHECK_RC(commit(w, &told, &fence, &e), RC_STALE);
    vault_fence_release(w->vault, &fence); /* touches nothing of this opening */
    assert_int_equal(vault_sessions(w->vault), 1);
}

static void
commit_looks_at_all_it_reaches_although_the_session_lives(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = session_of(w, "mail", 7);
    const struct id absent = {{0xdd}};
    struct error e = ERROR_INIT;

    CHECK_RC(commit(w, &absent, vault_session_fence(s), &e), RC_NOT_FOUND);
}

static void
sessions_are_bounded_and_the_ended_make_room(void **state)
{
    struct world *w = *state;
    struct vault_session *all[LIMIT_SESSIONS], *one_more = NULL;
    struct error e = ERROR_INIT;

    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        all[i] = session_of(w, "mail", i);
    CHECK_RC(vault_session_begin(w->vault, &one_more, &e), RC_AGAIN);
    let_pass(LEASE_S);
    CHECK_OK(vault_session_begin(w->vault, &one_more, &e), &e);
    vault_session_free(one_more);
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        vault_session_free(all[i]);
    assert_int_equal(vault_sessions(w->vault), 0);
}

/* The collector's question, in its own terms. */
static void
a_pack_is_kept_when_it_is_pinned_or_newer_than_a_session(void **state)
{
    CLEANUP(vault_leases_freep) struct vault_leases *l = NULL;
    struct vault_fence fence;
    struct error e = ERROR_INIT;

    (void)state;
    CHECK_OK(vault_leases_new(read_clock, LEASE_S * INT64_C(1000), &l, &e), &e);
    CHECK_OK(vault_leases_begin(l, "mail", 1, 100, &fence, &e), &e);
    vault_leases_lock(l);
    CHECK_OK(vault_leases_pin(l, &fence, 3, &e), &e);
    CHECK_OK(vault_leases_pin(l, &fence, 64, &e), &e);
    CHECK_OK(vault_leases_pin(l, &fence, 1000000, &e), &e); /* newer: needs no room */
    for (uint32_t pack = 0; pack < 300; pack++)
        assert_int_equal(vault_leases_keep(l, pack), pack == 3 || pack == 64 || pack >= 100);
    vault_leases_unlock(l);
    vault_leases_release(l, &fence);
    vault_leases_lock(l);
    assert_false(vault_leases_keep(l, 3));
    assert_false(vault_leases_keep(l, 200));
    CHECK_RC(vault_leases_pin(l, &fence, 3, &e), RC_STALE);
    vault_leases_unlock(l);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(what_a_session_was_told_is_pinned_while_it_lives),
        IN_A_WORLD(what_a_session_put_is_pinned_while_it_lives),
        IN_A_WORLD(what_was_known_when_it_was_put_is_pinned),
        IN_A_WORLD(pins_outlive_the_stream_until_the_fence_is_released),
        IN_A_WORLD(what_is_not_flushed_cannot_be_held),
        IN_A_WORLD(a_silent_session_is_over_and_everything_of_it_is_refused),
        IN_A_WORLD(traffic_and_news_of_the_agent_renew_a_lease),
        IN_A_WORLD(who_begins_again_deduplicates_what_survived),
        IN_A_WORLD(a_newer_session_of_the_same_host_and_job_ends_the_older),
        IN_A_WORLD(no_session_outlives_the_opening_of_the_vault),
        IN_A_WORLD(commit_looks_at_all_it_reaches_although_the_session_lives),
        IN_A_WORLD(sessions_are_bounded_and_the_ended_make_room),
        cmocka_unit_test(a_pack_is_kept_when_it_is_pinned_or_newer_than_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
