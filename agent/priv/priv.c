/* priv.c -- the codec, one pair of functions per message.  See priv.h. */
#include "agent/priv/priv.h"

#include <stdio.h>
#include <string.h>

#include "common/base/wire.h"

/* ---- parts */

static void
put_text(struct wire_writer *w, const char *text)
{
    size_t len = strlen(text);
    wire_put_u16(w, (uint16_t)len);
    wire_put_bytes(w, span_of(text, len));
}

/* Fits with its NUL, and holds none: what is checked is what is used. */
static void
get_text(struct wire_reader *r, char *out, size_t size)
{
    struct span text = wire_bytes(r, wire_u16(r));
    if (text.len >= size || (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
        r->failed = true;
    if (r->failed) {
        out[0] = '\0';
        return;
    }
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

static bool
get_bool(struct wire_reader *r)
{
    uint8_t v = wire_u8(r);
    if (v > 1)
        r->failed = true;
    return v == 1;
}

static enum rc
get_rc(struct wire_reader *r)
{
    uint8_t v = wire_u8(r);
    if (v >= RC_COUNT_) {
        r->failed = true;
        return RC_IO;
    }
    return (enum rc)v;
}

static enum job_verb
get_verb(struct wire_reader *r)
{
    uint8_t v = wire_u8(r);
    if (v == 0 || v >= JOB_VERBS_) {
        r->failed = true;
        return JOB_CHECK;
    }
    return (enum job_verb)v;
}

static void
get_bytes(struct wire_reader *r, void *out, size_t len)
{
    struct span bytes = wire_bytes(r, len);
    if (bytes.len == len && len > 0)
        memcpy(out, bytes.data, len);
}

/* ---- messages */

typedef void put_message(struct wire_writer *w, const struct priv_message *m);
typedef void get_message(struct wire_reader *r, struct priv_message *m);

static void
put_hello(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u32(w, m->is.version);
}

static void
get_hello(struct wire_reader *r, struct priv_message *m)
{
    m->is.version = wire_u32(r);
}

static void
put_vault(struct wire_writer *w, const struct priv_message *m)
{
    const struct job_vault *v = &m->is.vault;
    wire_put_bytes(w, span_of(v->id.bytes, sizeof v->id.bytes));
    wire_put_u64(w, v->epoch);
    wire_put_u8(w, (uint8_t)v->recipient_count);
    for (size_t i = 0; i < v->recipient_count; i++)
        wire_put_bytes(w, span_of(v->recipients[i].bytes, KEYS_PUBLIC_SIZE));
    wire_put_bytes(w, span_of(v->signature, sizeof v->signature));
}

static void
get_vault(struct wire_reader *r, struct priv_message *m)
{
    struct job_vault *v = &m->is.vault;
    get_bytes(r, v->id.bytes, sizeof v->id.bytes);
    v->epoch = wire_u64(r);
    v->recipient_count = wire_u8(r);
    if (v->recipient_count == 0 || v->recipient_count > LIMIT_RECIPIENTS) {
        r->failed = true;
        v->recipient_count = 0;
    }
    for (size_t i = 0; i < v->recipient_count; i++)
        get_bytes(r, v->recipients[i].bytes, KEYS_PUBLIC_SIZE);
    get_bytes(r, v->signature, sizeof v->signature);
}

enum { ORDER_FORGET = 1, ORDER_DRY_RUN = 2, ORDER_REPLACE = 4, ORDER_FLAGS = 7 };

static void
put_order(struct wire_writer *w, const struct priv_message *m)
{
    const struct job_order *o = &m->is.order;
    wire_put_u64(w, o->job);
    wire_put_u64(w, o->cycle);
    wire_put_u8(w, (uint8_t)o->verb);
    wire_put_u8(w, (uint8_t)((o->forget ? ORDER_FORGET : 0) | (o->dry_run ? ORDER_DRY_RUN : 0) |
                             (o->replace ? ORDER_REPLACE : 0)));
    wire_put_u32(w, o->deadline_seconds);
    wire_put_u64(w, o->sequence);
    wire_put_id(w, &o->token);
    wire_put_id(w, &o->previous);
    wire_put_id(w, &o->receipt);
    put_text(w, o->source);
    if (o->verb != JOB_RESTORE)
        return;
    wire_put_id(w, &o->root);
    wire_put_bytes(w, span_of(o->root_sealed, sizeof o->root_sealed));
    put_text(w, o->path);
    put_text(w, o->target);
    wire_put_bytes(w, span_of(o->signature, sizeof o->signature));
}

static void
get_order(struct wire_reader *r, struct priv_message *m)
{
    struct job_order *o = &m->is.order;
    o->job = wire_u64(r);
    o->cycle = wire_u64(r);
    o->verb = get_verb(r);
    uint8_t flags = wire_u8(r);
    if ((flags & ~ORDER_FLAGS) != 0)
        r->failed = true;
    o->forget = (flags & ORDER_FORGET) != 0;
    o->dry_run = (flags & ORDER_DRY_RUN) != 0;
    o->replace = (flags & ORDER_REPLACE) != 0;
    o->deadline_seconds = wire_u32(r);
    o->sequence = wire_u64(r);
    o->token = wire_id(r);
    o->previous = wire_id(r);
    o->receipt = wire_id(r);
    get_text(r, o->source, sizeof o->source);
    if (o->verb != JOB_RESTORE)
        return;
    o->root = wire_id(r);
    get_bytes(r, o->root_sealed, sizeof o->root_sealed);
    get_text(r, o->path, sizeof o->path);
    get_text(r, o->target, sizeof o->target);
    get_bytes(r, o->signature, sizeof o->signature);
}

static void
put_job(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.job);
}

static void
get_job(struct wire_reader *r, struct priv_message *m)
{
    m->is.job = wire_u64(r);
}

static void
put_alive(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u8(w, m->is.connected);
}

static void
get_alive(struct wire_reader *r, struct priv_message *m)
{
    m->is.connected = get_bool(r);
}

static void
put_welcome(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.instance);
}

static void
get_welcome(struct wire_reader *r, struct priv_message *m)
{
    m->is.instance = wire_u64(r);
}

static void
put_source(struct wire_writer *w, const struct priv_message *m)
{
    const struct priv_source *s = &m->is.source;
    wire_put_u8(w, s->required);
    put_text(w, s->name);
    put_text(w, s->kind);
    put_text(w, s->description);
}

static void
get_source(struct wire_reader *r, struct priv_message *m)
{
    struct priv_source *s = &m->is.source;
    s->required = get_bool(r);
    get_text(r, s->name, sizeof s->name);
    get_text(r, s->kind, sizeof s->kind);
    get_text(r, s->description, sizeof s->description);
}

static void
put_nothing(struct wire_writer *w, const struct priv_message *m)
{
    (void)w, (void)m;
}

static void
get_nothing(struct wire_reader *r, struct priv_message *m)
{
    (void)r, (void)m;
}

static void
put_answer(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.answer.job);
    wire_put_u8(w, (uint8_t)m->is.answer.rc);
    put_text(w, m->is.answer.text);
}

static void
get_answer(struct wire_reader *r, struct priv_message *m)
{
    m->is.answer.job = wire_u64(r);
    m->is.answer.rc = get_rc(r);
    get_text(r, m->is.answer.text, sizeof m->is.answer.text);
}

static void
put_stream(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.stream.job);
    wire_put_u8(w, m->is.stream.restore);
    wire_put_id(w, &m->is.stream.token);
}

static void
get_stream(struct wire_reader *r, struct priv_message *m)
{
    m->is.stream.job = wire_u64(r);
    m->is.stream.restore = get_bool(r);
    m->is.stream.token = wire_id(r);
}

/* ---- status: numbers in the order of the structures */

static void
put_progress(struct wire_writer *w, const struct priv_progress *p)
{
    const uint64_t all[] = {p->files,       p->bytes,        p->bytes_read,  p->bytes_sent,
                            p->bytes_known, p->files_before, p->bytes_before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        wire_put_u64(w, all[i]);
    put_text(w, p->phase);
}

static void
get_progress(struct wire_reader *r, struct priv_progress *p)
{
    uint64_t *const all[] = {&p->files,       &p->bytes,        &p->bytes_read,  &p->bytes_sent,
                             &p->bytes_known, &p->files_before, &p->bytes_before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = wire_u64(r);
    get_text(r, p->phase, sizeof p->phase);
}

static void
put_restored(struct wire_writer *w, const struct priv_restored *n)
{
    const uint64_t all[] = {n->files,   n->directories, n->others,         n->bytes,
                            n->skipped, n->failed,      n->owners_not_set, n->existing_kept};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        wire_put_u64(w, all[i]);
}

static void
get_restored(struct wire_reader *r, struct priv_restored *n)
{
    uint64_t *const all[] = {&n->files,   &n->directories, &n->others,         &n->bytes,
                             &n->skipped, &n->failed,      &n->owners_not_set, &n->existing_kept};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = wire_u64(r);
}

static void
put_captured(struct wire_writer *w, const struct priv_status *s)
{
    const struct record_totals *t = &s->totals;
    const uint64_t all[] = {t->files,      t->directories, t->others,  t->bytes,
                            t->unreadable, t->fuzzy,       t->vanished};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        wire_put_u64(w, all[i]);
    wire_put_u8(w, s->incomplete);
    wire_put_id(w, &s->root);
}

static void
get_captured(struct wire_reader *r, struct priv_status *s)
{
    struct record_totals *t = &s->totals;
    uint64_t *const all[] = {&t->files,      &t->directories, &t->others,  &t->bytes,
                             &t->unreadable, &t->fuzzy,       &t->vanished};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = wire_u64(r);
    s->incomplete = get_bool(r);
    s->root = wire_id(r);
}

enum { STATUS_PROGRESS = 1, STATUS_RESTORED = 2, STATUS_CAPTURED = 4, STATUS_FLAGS = 7 };

static void
put_progressing(struct wire_writer *w, const struct priv_message *m)
{
    const struct priv_status *s = &m->is.status;
    wire_put_u64(w, s->job);
    wire_put_u8(w, (uint8_t)s->verb);
    wire_put_u8(w, (uint8_t)((s->has_progress ? STATUS_PROGRESS : 0) |
                             (s->has_restored ? STATUS_RESTORED : 0) |
                             (s->has_captured ? STATUS_CAPTURED : 0)));
    if (s->has_progress)
        put_progress(w, &s->progress);
    if (s->has_restored)
        put_restored(w, &s->restored);
    if (s->has_captured)
        put_captured(w, s);
}

static void
get_progressing(struct wire_reader *r, struct priv_message *m)
{
    struct priv_status *s = &m->is.status;
    s->job = wire_u64(r);
    s->verb = get_verb(r);
    uint8_t flags = wire_u8(r);
    if ((flags & ~STATUS_FLAGS) != 0)
        r->failed = true;
    s->has_progress = (flags & STATUS_PROGRESS) != 0;
    s->has_restored = (flags & STATUS_RESTORED) != 0;
    s->has_captured = (flags & STATUS_CAPTURED) != 0;
    if (s->has_progress)
        get_progress(r, &s->progress);
    if (s->has_restored)
        get_restored(r, &s->restored);
    if (s->has_captured)
        get_captured(r, s);
}

static void
put_result(struct wire_writer *w, const struct priv_message *m)
{
    const struct priv_status *s = &m->is.status;
    put_progressing(w, m);
    wire_put_u8(w, (uint8_t)s->rc);
    put_text(w, s->text);
    put_text(w, s->remedy);
    wire_put_i64(w, s->started);
    wire_put_i64(w, s->finished);
    wire_put_i64(w, s->cut_from);
    wire_put_i64(w, s->cut_until);
}

static void
get_result(struct wire_reader *r, struct priv_message *m)
{
    struct priv_status *s = &m->is.status;
    get_progressing(r, m);
    s->rc = get_rc(r);
    get_text(r, s->text, sizeof s->text);
    get_text(r, s->remedy, sizeof s->remedy);
    s->started = wire_i64(r);
    s->finished = wire_i64(r);
    s->cut_from = wire_i64(r);
    s->cut_until = wire_i64(r);
}

static void
put_remark(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.remark.job);
    wire_put_u8(w, m->is.remark.fact);
    put_text(w, m->is.remark.name);
    put_text(w, m->is.remark.value);
}

static void
get_remark(struct wire_reader *r, struct priv_message *m)
{
    m->is.remark.job = wire_u64(r);
    m->is.remark.fact = get_bool(r);
    get_text(r, m->is.remark.name, sizeof m->is.remark.name);
    get_text(r, m->is.remark.value, sizeof m->is.remark.value);
}

static void
put_record(struct wire_writer *w, const struct priv_message *m)
{
    wire_put_u64(w, m->is.record.job);
    wire_put_u16(w, m->is.record.length);
    wire_put_bytes(w, span_of(m->is.record.bytes, m->is.record.length));
}

static void
get_record(struct wire_reader *r, struct priv_message *m)
{
    m->is.record.job = wire_u64(r);
    m->is.record.length = wire_u16(r);
    if (m->is.record.length > PRIV_RECORD_PIECE_MAX) {
        r->failed = true;
        m->is.record.length = 0;
    }
    get_bytes(r, m->is.record.bytes, m->is.record.length);
}

/* ---- the table */

static const struct {
    put_message *put;
    get_message *get;
} codecs[PRIV_PRIVILEGED_TYPES_] = {
    [PRIV_HELLO] = {put_hello, get_hello},
    [PRIV_VAULT] = {put_vault, get_vault},
    [PRIV_ORDER] = {put_order, get_order},
    [PRIV_CANCEL] = {put_job, get_job},
    [PRIV_DROP] = {put_job, get_job},
    [PRIV_ALIVE] = {put_alive, get_alive},
    [PRIV_WELCOME] = {put_welcome, get_welcome},
    [PRIV_SOURCE] = {put_source, get_source},
    [PRIV_READY] = {put_nothing, get_nothing},
    [PRIV_ANSWER] = {put_answer, get_answer},
    [PRIV_STREAM] = {put_stream, get_stream},
    [PRIV_PROGRESS] = {put_progressing, get_progressing},
    [PRIV_RESULT] = {put_result, get_result},
    [PRIV_REMARK] = {put_remark, get_remark},
    [PRIV_RECORD] = {put_record, get_record},
    [PRIV_END] = {put_job, get_job},
};

enum rc
priv_encode(const struct priv_message *m, struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    buffer_clear(out);
    wire_put_u8(&w, (uint8_t)m->type);
    codecs[m->type].put(&w, m);
    return wire_writer_finish(&w);
}

static bool
may_come(uint8_t type, enum priv_from from)
{
    bool network = type < PRIV_NETWORK_TYPES_;
    return type < PRIV_PRIVILEGED_TYPES_ && codecs[type].get != NULL &&
           network == (from == PRIV_FROM_NETWORK);
}

enum rc
priv_decode(struct span bytes, enum priv_from from, struct priv_message *out, struct error *e)
{
    struct wire_reader r = wire_reader_of(bytes);
    uint8_t type = wire_u8(&r);
    if (!wire_ok(&r) || !may_come(type, from))
        return error_set(e, RC_PROTOCOL,
                         "a packet of %zu bytes and type %u between the halves of "
                         "the agent",
                         bytes.len, type);
    memset(out, 0, sizeof *out);
    out->type = (enum priv_type)type;
    codecs[type].get(&r, out);
    if (!wire_done(&r))
        return error_set(e, RC_PROTOCOL,
                         "a malformed packet of type %u between the halves of the agent", type);
    return RC_OK;
}
