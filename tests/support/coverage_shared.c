/* coverage_shared.c -- what a child counts, its parent has counted too.
 *
 * gcov writes its counters when a process ends by exit().  A child that ends by _exit, by a signal or in exec would be lost, and one
 * that has become another user could not write.  So the counters of a test lie in memory that its children share: whatever line a
 * child runs, the test itself writes down at its end.  Linked into tests of the preset `coverage` only; coverage.ld puts
 * the counters on pages of their own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern uint8_t coverage_counters_begin[], coverage_counters_end[];

/* Before main: no thread counts yet. */
__attribute__((constructor)) static void
share_counters(void)
{
    size_t size = (size_t)(coverage_counters_end - coverage_counters_begin);
    if (size == 0)
        return;
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    (void)memcpy(shared, coverage_counters_begin, size);
    if (mremap(shared, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, coverage_counters_begin) ==
        MAP_FAILED)
        abort();
}
