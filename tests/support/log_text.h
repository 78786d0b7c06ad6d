/*
 * log_text.h -- what the program logged, for tests that promise a log line.
 *
 *     log_text_begin();  ...  assert_non_null(strstr(log_text(), "refused"));  log_text_end();
 *
 * stderr goes to memory in between; log_text_end writes it to the real one, so that a failed test
 * shows it.
 */
#ifndef TESTS_SUPPORT_LOG_TEXT_H
#define TESTS_SUPPORT_LOG_TEXT_H

#include <stdbool.h>

void log_text_begin(void);
void log_text_end(void);
/* Everything since log_text_begin; valid until the next call. */
const char *log_text(void);
/* Is there a line with both texts?  Waits up to five seconds for it. */
bool log_text_wait(const char *first, const char *second);

#endif
