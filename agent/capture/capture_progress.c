/* capture_progress.c -- a short text that one thread writes and others read, without a lock.  See capture.h. */
#include "agent/capture/capture.h"

enum { WORDS = CAPTURE_PHASE_SIZE / sizeof(uint64_t) };

void
capture_progress_say(struct capture_progress *p, const char *phase)
{
    union {
        char text[CAPTURE_PHASE_SIZE];
        uint64_t words[WORDS];
    } copy = {.words = {0}};
    size_t len = strlen(phase);
    memcpy(copy.text, phase, len < sizeof copy.text ? len : sizeof copy.text - 1);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&p->phase[i], copy.words[i], memory_order_relaxed);
}

const char *
capture_progress_phase(const struct capture_progress *p, char out[static CAPTURE_PHASE_SIZE])
{
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = atomic_load_explicit(&p->phase[i], memory_order_relaxed);
        memcpy(out + i * sizeof word, &word, sizeof word);
    }
    out[CAPTURE_PHASE_SIZE - 1] = '\0'; /* it always is: no text is that long */
    return out;
}
