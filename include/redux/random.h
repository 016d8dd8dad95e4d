/* SPDX-License-Identifier: MIT
 * Counter-based random numbers: a pure function of (seed, epoch, sample, operation, index).
 *
 * Nothing is remembered between calls, so a result does not depend on the order of calls or on the
 * number of threads. Generator: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). All functions here may be called from any thread. */
#ifndef REDUX_RANDOM_H
#define REDUX_RANDOM_H

#include <stdint.h>
#include <redux/export.h>

REDUX_BEGIN_DECLS

/** What a stream of numbers belongs to. */
typedef struct redux_random_key {
    uint64_t seed;
    uint32_t epoch;
    uint32_t operation;
    uint64_t sample;
} redux_random_key;

/** One block of Philox4x32-10: out = philox(counter, key). Since 0.1. */
REDUX_API void redux_random_philox(uint32_t out[4], const uint32_t counter[4],
                                   const uint32_t key[2]);

/** The `index`-th 32-bit number of the key's stream. Since 0.1. */
REDUX_API uint32_t redux_random_u32(const redux_random_key *key, uint32_t index);

/** Uniform in [0, 1), 53 bits. Since 0.1. */
REDUX_API double redux_random_uniform(const redux_random_key *key, uint32_t index);

/** Standard normal (Box-Muller). Since 0.1. */
REDUX_API double redux_random_normal(const redux_random_key *key, uint32_t index);

/** Uniform in 0 ... bound - 1 without bias; 0 when bound is 0. Since 0.1. */
REDUX_API uint64_t redux_random_below(const redux_random_key *key, uint32_t index, uint64_t bound);

REDUX_END_DECLS
#endif
