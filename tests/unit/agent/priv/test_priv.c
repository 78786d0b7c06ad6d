/* test_priv.c -- every packet comes out as it went in; anything else is refused whole. */
#include "agent/priv/priv.h"

#include <stdio.h>

#include "tests/support/check.h"

static struct priv_message m, back;

static struct priv_message *
message(enum priv_type type)
{
    memset(&m, 0, sizeof m);
    m.type = type;
    return &m;
}

static void
encode(struct buffer *out)
{
    struct error e = ERROR_INIT;
    CHECK_OK(priv_encode(&m, out, &e), &e);
}

static enum priv_from
speaker(enum priv_type type)
{
    return type < PRIV_NETWORK_TYPES_ ? PRIV_FROM_NETWORK : PRIV_FROM_PRIVILEGED;
}

/* Also: one byte less, one more, or from the wrong half, is none. */
static void
check_round_trip(void)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    enum priv_from from = speaker(m.type);
    encode(&bytes);
    CHECK_OK(priv_decode(buffer_span(&bytes), from, &back, &e), &e);
    assert_memory_equal(&m, &back, sizeof m);
    CHECK_RC(priv_decode(span_of(bytes.data, bytes.len - 1), from, &back, &e), RC_PROTOCOL);
    CHECK_RC(priv_decode(buffer_span(&bytes),
                         from == PRIV_FROM_NETWORK ? PRIV_FROM_PRIVILEGED : PRIV_FROM_NETWORK,
                         &back, &e),
             RC_PROTOCOL);
    CHECK_OK(buffer_append(&bytes, span_of("", 1), &e), &e);
    CHECK_RC(priv_decode(buffer_span(&bytes), from, &back, &e), RC_PROTOCOL);
}

static struct job_order *
order(enum job_verb verb)
{
    struct job_order *o = &message(PRIV_ORDER)->is.order;
    *o = (struct job_order){
        .job = 1, .cycle = 2, .verb = verb, .deadline_seconds = 3, .sequence = 4};
    (void)snprintf(o->source, sizeof o->source, "mail");
    memset(o->token.bytes, 5, ID_SIZE);
    return o;
}

static void
orders_are_kept_whole(void **state)
{
    (void)state;
    for (int verb = 1; verb < JOB_VERBS_; verb++) {
        struct job_order *o = order((enum job_verb)verb);
        o->forget = true;
        if (verb == JOB_RESTORE) {
            o->replace = true;
            memset(o->path, 'p', sizeof o->path - 1);
            memset(o->target, 't', sizeof o->target - 1);
            memset(o->root_sealed, 6, sizeof o->root_sealed);
            memset(o->signature, 7, sizeof o->signature);
        }
        check_round_trip();
    }
}

static void
small_words_are_kept_whole(void **state)
{
    (void)state;
    static const enum priv_type plain[] = {PRIV_HELLO, PRIV_CANCEL,  PRIV_DROP,
                                           PRIV_ALIVE, PRIV_WELCOME, PRIV_END};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        struct priv_message *one = message(plain[i]);
        if (plain[i] == PRIV_HELLO)
            one->is.version = PRIV_VERSION;
        else if (plain[i] == PRIV_ALIVE)
            one->is.connected = true;
        else
            one->is.job = UINT64_MAX;
        check_round_trip();
    }
}

static void
vaults_and_sources_are_kept_whole(void **state)
{
    (void)state;
    message(PRIV_VAULT)->is.vault =
        (struct job_vault){.id = {{1}}, .epoch = 2, .recipient_count = LIMIT_RECIPIENTS};
    memset(m.is.vault.recipients, 3, sizeof m.is.vault.recipients);
    check_round_trip();
    struct priv_source *s = &message(PRIV_SOURCE)->is.source;
    s->required = true;
    memset(s->name, 'n', LIMIT_LABEL);
    memset(s->description, 'd', PRIV_DESCRIPTION_MAX - 1);
    check_round_trip();
}

static void
results_are_kept_whole(void **state)
{
    (void)state;
    struct priv_status *s = &message(PRIV_RESULT)->is.status;
    s->job = 1; /* field by field: what lies between them is compared, too */
    s->verb = JOB_CAPTURE;
    s->rc = RC_IO;
    s->started = -1;
    s->cut_from = 5;
    s->cut_until = 6;
    s->has_progress = s->has_restored = s->has_captured = s->incomplete = true;
    s->progress = (struct priv_progress){.files = 1, .bytes_before = 7, .phase = "read"};
    s->restored = (struct priv_restored){.files = 1, .existing_kept = 8};
    s->totals = (struct record_totals){.files = 1, .vanished = 9};
    (void)snprintf(s->text, sizeof s->text, "the disk is gone");
    check_round_trip();
    struct priv_remark *r = &message(PRIV_REMARK)->is.remark;
    r->job = 2;
    r->fact = true;
    (void)snprintf(r->name, sizeof r->name, "entries");
    (void)snprintf(r->value, sizeof r->value, "20");
    check_round_trip();
    message(PRIV_RECORD)->is.record.length = PRIV_RECORD_PIECE_MAX;
    check_round_trip();
}

static void
longest_of_everything_fits_into_a_packet(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    (void)state;
    struct job_order *o = order(JOB_RESTORE);
    memset(o->source, 's', LIMIT_LABEL);
    memset(o->path, 'p', sizeof o->path - 1);
    memset(o->target, 't', sizeof o->target - 1);
    encode(&bytes);
    message(PRIV_REMARK)->is.remark.job = 1;
    memset(m.is.remark.name, 'n', PRIV_REMARK_NAME_MAX - 1);
    memset(m.is.remark.value, 'v', PRIV_REMARK_VALUE_MAX - 1);
    CHECK_OK(priv_encode(&m, &bytes, &e), &e);
    assert_true(bytes.len <= 4096);
}

/* Where in a packet, and what stands there instead. */
static void
check_refused(size_t offset, uint8_t value)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PRIV_PACKET_MAX);
    encode(&bytes);
    assert_true(offset < bytes.len && bytes.data[offset] != value);
    bytes.data[offset] = value;
    CHECK_RC(priv_decode(buffer_span(&bytes), speaker(m.type), &back, &e), RC_PROTOCOL);
}

static void
what_is_out_of_range_is_refused(void **state)
{
    enum { VERB = 17, FLAGS = 18, SOURCE = 127, RECIPIENTS = 25 };
    (void)state;
    (void)order(JOB_CHECK);
    check_refused(0, 0);
    check_refused(0, PRIV_NETWORK_TYPES_);
    check_refused(0, UINT8_MAX);
    check_refused(VERB, 0);
    check_refused(VERB, JOB_VERBS_);
    check_refused(FLAGS, 8);
    check_refused(SOURCE, 5);     /* longer than the packet */
    check_refused(SOURCE + 3, 0); /* a NUL in a name */
    message(PRIV_ALIVE);
    check_refused(1, 2);
    message(PRIV_VAULT)->is.vault.recipient_count = 1;
    check_refused(RECIPIENTS, 0);
    check_refused(RECIPIENTS, LIMIT_RECIPIENTS + 1);
    message(PRIV_ANSWER);
    check_refused(9, RC_COUNT_);
}

static void
nothing_is_no_packet(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_RC(priv_decode(span_of("", 0), PRIV_FROM_NETWORK, &back, &e), RC_PROTOCOL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_kept_whole),
        cmocka_unit_test(small_words_are_kept_whole),
        cmocka_unit_test(vaults_and_sources_are_kept_whole),
        cmocka_unit_test(results_are_kept_whole),
        cmocka_unit_test(longest_of_everything_fits_into_a_packet),
        cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(nothing_is_no_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
