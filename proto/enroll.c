/* enroll.c -- the joiner's side, and the transcript both sides agree on.  See enroll.h. */
#include "proto/enroll.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "proto/frame.h"
#include "proto/message.h"

enum rc
enroll_transcript(const Koffer__EnrollRequest *request, const uint8_t binding[static 32],
                  struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    buffer_clear(out);
    wire_put_bytes(&w, span_of(ENROLL_CONTEXT, sizeof ENROLL_CONTEXT - 1));
    wire_put_bytes(&w, span_of(binding, 32));
    wire_put_varbytes(&w, span_of(request->role, strlen(request->role)));
    wire_put_varbytes(&w, span_of(request->name, strlen(request->name)));
    wire_put_varbytes(&w, span_of(request->request, strlen(request->request)));
    wire_put_varbytes(&w, span_of(request->signing_key.data, request->signing_key.len));
    wire_put_varbytes(&w, span_of(request->receiving_key.data, request->receiving_key.len));
    return wire_writer_finish(&w);
}

void
enroll_result_free(struct enroll_result *r)
{
    free(r->certificate);
    free(r->ca);
    free(r->controller);
    free(r->control_url);
    free(r->data_url);
    *r = (struct enroll_result){0};
}

/* ---- the proof */

/* All but the request for a certificate; borrows. */
static void
fill(Koffer__EnrollRequest *r, const struct token *token, struct enroll_proof *p)
{
    koffer__enroll_request__init(r);
    r->role = message_text(certificate_role_name(token->identity.role));
    r->name = message_text(token->identity.name);
    if (!p->with_keys)
        return;
    r->signing_key = message_bytes(p->signing.bytes, KEYS_PUBLIC_SIZE);
    r->receiving_key = message_bytes(p->receiving.bytes, KEYS_PUBLIC_SIZE);
}

enum rc
enroll_prove(void *ctx, const uint8_t binding[static 32], const char *request,
             struct enroll_proof *out, struct error *e)
{
    const struct enroll_keys *keys = ctx;
    const struct keys_private *signing = keys->signing, *receiving = keys->receiving;
    CLEANUP(buffer_free) struct buffer transcript = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    Koffer__EnrollRequest said;
    struct id hash;
    *out = (struct enroll_proof){.with_keys = signing != NULL};
    if (signing != NULL)
        TRY(keys_public_of(signing, &out->signing, e));
    if (receiving != NULL)
        TRY(keys_public_of(receiving, &out->receiving, e));
    fill(&said, keys->token, out);
    said.request = message_text(request);
    TRY(enroll_transcript(&said, binding, &transcript, e));
    TRY(digest_sha256(span_of(keys->token->secret.bytes, ID_SIZE), &hash, e));
    TRY(digest_hmac(&hash, buffer_span(&transcript), (struct span){0}, &out->proof, e));
    if (signing == NULL)
        return RC_OK;
    return keys_sign(signing, ENROLL_CONTEXT, buffer_span(&transcript), out->signature, e);
}

/* ---- the conversation */

static enum rc
copy_text(const char *from, char **to, struct error *e)
{
    *to = strdup(from);
    return *to != NULL ? RC_OK : error_set(e, RC_NO_MEMORY, "enrolment");
}

static enum rc
copy_reply(const Koffer__EnrollReply *reply, struct enroll_result *out, struct error *e)
{
    if (reply->vault_id.len != RECORD_VAULT_ID_SIZE ||
        reply->controller_key.len != KEYS_PUBLIC_SIZE || reply->n_recipients == 0 ||
        reply->n_recipients > LIMIT_RECIPIENTS || reply->proof.len != ID_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller's answer is malformed");
    memcpy(out->vault.bytes, reply->vault_id.data, RECORD_VAULT_ID_SIZE);
    memcpy(out->controller_key.bytes, reply->controller_key.data, KEYS_PUBLIC_SIZE);
    memcpy(out->proof.bytes, reply->proof.data, ID_SIZE);
    for (size_t i = 0; i < reply->n_recipients; i++) {
        if (reply->recipients[i].len != KEYS_PUBLIC_SIZE)
            return error_set(e, RC_PROTOCOL, "the controller's answer is malformed");
        memcpy(out->recipients[i].bytes, reply->recipients[i].data, KEYS_PUBLIC_SIZE);
    }
    out->recipient_count = reply->n_recipients;
    TRY(copy_text(reply->certificate, &out->certificate, e));
    TRY(copy_text(reply->ca, &out->ca, e));
    TRY(copy_text(reply->controller, &out->controller, e));
    TRY(copy_text(reply->control_url, &out->control_url, e));
    return copy_text(reply->data_url, &out->data_url, e);
}

enum rc
enroll_send(struct stream *s, uint8_t flags, const ProtobufCMessage *message, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    uint8_t header[FRAME_HEADER_SIZE];
    TRY(message_pack(message, &body, e));
    const struct frame frame = {.flags = flags,
                                .type = KOFFER__MESSAGE_TYPE__ENROLL,
                                .correlation = 1,
                                .body = buffer_span(&body)};
    frame_encode_header(&frame, header);
    const struct span parts[] = {span_of(header, sizeof header), frame.body};
    return stream_send(s, STREAM_MESSAGE, parts, 2, e);
}

enum rc
enroll_receive(struct stream *s, int ms, const ProtobufCMessageDescriptor *what,
               ProtobufCMessage **out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    enum stream_type type;
    struct frame frame;
    TRY(stream_receive_within(s, ms, &type, &bytes, e));
    if (type != STREAM_MESSAGE)
        return error_set(e, RC_PROTOCOL, "enrolment by frame type %d", (int)type);
    TRY(frame_decode(buffer_span(&bytes), &frame, e));
    if (frame.type != KOFFER__MESSAGE_TYPE__ENROLL)
        return error_set(e, RC_PROTOCOL, "message type %u in an enrolment", frame.type);
    return message_unpack(what, frame.body, out, e);
}

static enum rc
ask(struct stream *s, const Koffer__EnrollRequest *request, struct enroll_result *out,
    struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(enroll_send(s, 0, &request->base, e));
    TRY(enroll_receive(s, STREAM_SILENCE_MS, &koffer__enroll_reply__descriptor, &m, e));
    return copy_reply((const Koffer__EnrollReply *)m, out, e);
}

static enum rc
converse(struct stream *s, const struct token *token, const char *csr,
         const struct enroll_prover *prover, struct enroll_result *out, struct error *e)
{
    struct enroll_proof p;
    Koffer__EnrollRequest request;
    TRY(prover->prove(prover->ctx, stream_peer(s)->binding, csr, &p, e));
    fill(&request, token, &p);
    request.request = message_text(csr);
    request.proof = message_bytes(p.proof.bytes, ID_SIZE);
    if (p.with_keys)
        request.signature = message_bytes(p.signature, KEYS_SIGNATURE_SIZE);
    return ask(s, &request, out, e);
}

enum rc
enroll_join(const struct token *token, const struct keys_private *tls,
            const struct enroll_prover *prover, struct enroll_result *out, struct error *e)
{
    CLEANUP(stream_closep) struct stream *s = NULL;
    CLEANUP(own_freep) char *csr = NULL;
    char pin[sizeof "pin:" + ID_TEXT_SIZE], hex[ID_TEXT_SIZE];
    struct enroll_result result = {0};

    (void)snprintf(pin, sizeof pin, "pin:%s", id_text(&token->spki, hex));
    static const struct tls_identity nobody = {.ca = NULL}; /* the pin stands for the CA */
    enum rc rc = certificate_make_request(tls, &token->identity, &csr, e);
    if (rc == RC_OK)
        rc = stream_dial(token->url, &nobody, pin, &s, e);
    if (rc == RC_OK)
        rc = converse(s, token, csr, prover, &result, e);
    if (rc != RC_OK) {
        enroll_result_free(&result);
        return error_context(e, "enrol '%s' at %s", token->identity.name, token->url);
    }
    *out = result;
    return RC_OK;
}
