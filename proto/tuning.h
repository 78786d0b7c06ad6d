/*
 * tuning.h -- every interval of the wire in one place, so that tests need not wait for minutes.
 *
 * The defaults are the constants of tls.h, hub.h and stream.h; only tests change them.  What
 * already runs may keep the old ones for a while.
 * Threads: any. * Layer: proto.
 */
#ifndef PROTO_TUNING_H
#define PROTO_TUNING_H

struct tuning {
    int handshake_ms;   /* a TLS handshake takes longer: closed */
    int linger_ms;      /* how long a refused peer may take to read our alert */
    int heartbeat_ms;   /* control: silence after which we say something */
    int silence_ms;     /* control: silence after which the peer is dead */
    int stuck_ms;       /* control: a frame that was begun, in either direction, does not go on */
    int retry_min_ms;   /* link: first pause between attempts */
    int retry_max_ms;   /* link: longest pause */
    int stream_ping_ms; /* data stream: silence after which we say something */
    int stream_silence_ms;
    int stream_hello_ms; /* data stream: handshake done, nothing said */
};

struct tuning tuning_get(void);
void tuning_set(const struct tuning *t);

#endif
