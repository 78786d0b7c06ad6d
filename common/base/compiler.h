/*
 * compiler.h -- the few compiler extensions we rely on, named once.
 *
 * Layer: common/base.  Includes nothing.
 */
#ifndef COMMON_BASE_COMPILER_H
#define COMMON_BASE_COMPILER_H

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define MUST_CHECK __attribute__((warn_unused_result))
/* On a type: every function returning it is MUST_CHECK.  Only clang can; it is our dev compiler. */
#ifdef __clang__
#define MUST_CHECK_TYPE __attribute__((warn_unused_result))
#else
#define MUST_CHECK_TYPE
#endif
#define NONNULL __attribute__((nonnull))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
