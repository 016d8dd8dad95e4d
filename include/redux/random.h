/* SPDX-License-Identifier: MIT */
/** @file
 * Counter-based random numbers: a pure function of (seed, epoch, sample, operation, index).
 *
 * @code
 * redux_random_key key = {42, 0, 1, 7}; // seed, epoch, operation, sample
 * double angle = -10 + 20 * redux_random_uniform(&key, 0);
 * uint64_t die = 1 + redux_random_below(&key, 1, 6);
 * printf("%g degrees, %d\n", angle, (int)die);
 * return REDUX_OK;
 * @endcode
 *
 * Promised: the integers are the same on every machine, whatever the order of calls and the number
 * of threads: nothing is remembered between calls.
 *
 * Not promised: the last bit of redux_random_normal, which depends on the C library's logarithm and
 * cosine.
 *
 * Source: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * Threads: any. Since 0.1.
 */
#ifndef REDUX_RANDOM_H
#define REDUX_RANDOM_H

#include <stdint.h>
#include <redux/export.h>

REDUX_BEGIN_DECLS

/** Names a stream of numbers. */
typedef struct redux_random_key {
    uint64_t seed;
    uint32_t epoch;
    uint32_t operation;
    uint64_t sample;
} redux_random_key;

/** One block of Philox4x32-10: out = philox(counter, key). */
REDUX_API void redux_random_philox(uint32_t out[4], const uint32_t counter[4],
                                   const uint32_t key[2]);

/** The `index`-th 32-bit number of the key's stream. */
REDUX_API uint32_t redux_random_u32(const redux_random_key *key, uint32_t index);

/** Uniform in [0, 1), 53 bits. */
REDUX_API double redux_random_uniform(const redux_random_key *key, uint32_t index);

/** Standard normal (Box-Muller). */
REDUX_API double redux_random_normal(const redux_random_key *key, uint32_t index);

/** Uniform in 0 ... bound - 1 without bias; 0 when bound is 0. */
REDUX_API uint64_t redux_random_below(const redux_random_key *key, uint32_t index, uint64_t bound);

REDUX_END_DECLS
#endif
