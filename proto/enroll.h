/*
 * enroll.h -- how a host or an operator gets its certificate: one question on a stream of its own.
 *
 * The joiner holds a one-time token (common/crypto/token.h).  It dials the enrolment listener, which demands no
 * certificate, and accepts only the key that the token pins.  It proves the token and its new keys over
 *
 *     transcript = "koffer/1/enroll" || TLS exporter (32 bytes) || varbytes role || varbytes name || varbytes request
 *                  || varbytes signing key || varbytes receiving key
 *     proof      = HMAC-SHA256(SHA-256(token secret), transcript)
 *     signature  = Ed25519 by the signing key, context "koffer/1/enroll", over the transcript
 *
 * so that neither can be replayed on another connection.  Question and answer are MESSAGE frames of the data stream that hold
 * an ENROLL control frame; a refusal is a FAILURE frame.
 *
 * Threads: any.  Layer: proto.
 */
#ifndef PROTO_ENROLL_H
#define PROTO_ENROLL_H

#include "common/base/limits.h"
#include "common/crypto/token.h"
#include "common/record/record.h"
#include "proto/koffer.pb-c.h"
#include "proto/stream.h"

#define ENROLL_CONTEXT "koffer/1/enroll"

enum rc enroll_transcript(const Koffer__EnrollRequest *request, const uint8_t binding[static 32],
                          struct buffer *out, struct error *e);

/* One ENROLL control frame in a MESSAGE frame, for both sides. */
enum rc
enroll_send(struct stream *s, uint8_t flags, const ProtobufCMessage *message, struct error *e);
enum rc enroll_receive(struct stream *s, int ms, const ProtobufCMessageDescriptor *what,
                       ProtobufCMessage **out, struct error *e);

/*
 * The token's secret and the long-lived keys may be in another process than the conversation: it asks for a proof, by what only
 * it can know (the connection's binding) and what it made itself (the request for a certificate).
 */
struct enroll_proof {
    bool with_keys; /* agents */
    struct keys_public signing, receiving;
    struct id proof;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
};

struct enroll_prover {
    enum rc (*prove)(void *ctx, const uint8_t binding[static 32], const char *request,
                     struct enroll_proof *out, struct error *e);
    void *ctx;
};

struct enroll_keys { /* signing, receiving: NULL for an operator */
    const struct token *token;
    const struct keys_private *signing, *receiving;
};
/* Where the secret and the keys are.  A prover's function: ctx is a struct enroll_keys. */
enum rc enroll_prove(void *ctx, const uint8_t binding[static 32], const char *request,
                     struct enroll_proof *out, struct error *e);

struct enroll_result {
    char *certificate, *ca; /* PEM */
    char *controller, *control_url, *data_url;
    struct record_vault_id vault;
    struct keys_public controller_key;
    struct id proof; /* of controller_key: common/record/mandate.h */
    struct keys_public recipients[LIMIT_RECIPIENTS];
    size_t recipient_count;
};
void enroll_result_free(struct enroll_result *r); /* releases what it points to */

/* RC_DENIED with the controller's words when the token is not (or no longer) good.  The token's secret is not looked at. */
enum rc enroll_join(const struct token *token, const struct keys_private *tls,
                    const struct enroll_prover *prover, struct enroll_result *out, struct error *e);

#endif
