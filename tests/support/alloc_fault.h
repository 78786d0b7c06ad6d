/*
 * alloc_fault.h -- makes the n-th allocation fail, in our code and in OpenSSL.
 *
 *     alloc_fault_begin();                                  // first of all: OpenSSL must not have allocated yet
 *     alloc_fault_arm(&(struct alloc_fault_plan){.what = ALLOC_FAULT_OURS, .at = n});
 *     rc = the_operation();
 *     alloc_fault_disarm();
 *
 * malloc and its kin are replaced in the program's own objects and static libraries by the linker (--wrap, see
 * tests/trust/campaigns.cmake), so that the sanitizers below keep their own, and the leak checker sees every
 * byte.  Threads that cannot be started count as allocations.
 * Threads: any; the counts are common to all.
 */
#ifndef TESTS_SUPPORT_ALLOC_FAULT_H
#define TESTS_SUPPORT_ALLOC_FAULT_H

#include <stdbool.h>

enum alloc_fault_class { ALLOC_FAULT_OURS, ALLOC_FAULT_OPENSSL, ALLOC_FAULT_CLASSES_ };

struct alloc_fault_plan {
    enum alloc_fault_class what;
    bool sticky; /* the later ones fail, too */
    unsigned at; /* 1 is the first; 0 only counts */
};

void alloc_fault_begin(void);
void alloc_fault_arm(const struct alloc_fault_plan *plan);
void alloc_fault_disarm(void);
/* Since the last arming. */
bool alloc_fault_fired(void);
unsigned alloc_fault_counted(enum alloc_fault_class what);

#endif
