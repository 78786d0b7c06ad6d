/* check.h -- cmocka with our vocabulary: a failed call shows the error text, not just a code. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/error.h"

#define CHECK_OK(call, e)                                                                          \
    do {                                                                                           \
        enum rc check_rc_ = (call);                                                                \
        if (check_rc_ != RC_OK)                                                                    \
            fail_msg("%s: %s: %s", #call, rc_name(check_rc_), (e)->text);                          \
    } while (0)

#define CHECK_RC(call, want) assert_string_equal(rc_name(call), rc_name(want))

#endif
