/* SPDX-License-Identifier: MIT
 * Networks whose weights come from the formula of tests/golden/simclr.py, and their comparison with
 * arrays of goldens. REPORT=1 in the environment prints the differences. */
#ifndef REDUX_GOLDEN_NETWORK_H
#define REDUX_GOLDEN_NETWORK_H

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include "support/test.h"

/* As the golden script makes them. */
static inline double uniform(uint32_t seed, int64_t index)
{
    uint32_t x = (uint32_t)index * 0x9E3779B1u + seed;
    x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
    x = (x ^ (x >> 13)) * 0xC2B2AE35u;
    return (double)(x ^ (x >> 16)) / 4294967296.0;
}

static inline uint32_t seed_of(const char *name)
{
    return (uint32_t)crc32(0, (const Bytef *)name, (uInt)strlen(name));
}

static inline bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static inline double first_value(const redux_parameter *p, double u)
{
    const redux_tensor *t = &p->value;
    u -= 0.5;
    if (t->ndim == 4)
        return u * sqrt(12.0 * 2 / (double)(t->shape[0] * t->shape[2] * t->shape[3]));
    const bool is_head =
        strncmp(p->name, "projection.", 11) == 0 || strncmp(p->name, "prediction.", 11) == 0;
    if (is_head && (t->ndim == 2 || ends_with(p->name, "bias")))
        return u * (2 / sqrt(t->ndim == 2 ? (double)t->shape[1] : 512));
    u = u * 0.2 + (ends_with(p->name, "weight") ? 1 : 0);
    return ends_with(p->name, "bn3.weight") ? u * 0.25 : u;
}

static inline void initialise(redux_network *network)
{
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        redux_tensor values;
        if (p->kind == REDUX_PARAMETER_BUFFER)
            continue;
        ck_assert_redux_ok(
            redux_tensor_new(&values, NULL, REDUX_FLOAT32, p->value.ndim, p->value.shape));
        for (int64_t k = 0; k < redux_tensor_elements(&values); k++)
            ((float *)values.data)[k] = (float)first_value(p, uniform(seed_of(p->name), k));
        ck_assert_redux_ok(redux_tensor_copy(&p->value, &values));
        redux_tensor_release(&values);
    }
}

/* Array OF/WHAT of a file of goldens. */
static inline redux_tensor golden(const char *file, const char *of, const char *what)
{
    char key[64];
    redux_tensor tensor = REDUX_TENSOR_INIT;
    snprintf(key, sizeof key, "%s/%s", of, what);
    ck_assert_redux_ok(redux_npz_read(&tensor, NULL, file, key));
    return tensor;
}

static inline double at(const redux_tensor *t, int64_t i)
{
    return t->dtype == REDUX_FLOAT64 ? ((const double *)t->data)[i]
                                     : (double)((const float *)t->data)[i];
}

static inline void report(const char *of, const char *what, double error)
{
    char name[96];
    snprintf(name, sizeof name, "%s %s", of, what);
    report_difference(name, error);
}

/* Largest difference of the first columns, over the largest value. */
static inline void check_values(const char *file, const char *of, const char *what,
                                const redux_tensor *have, double tolerance)
{
    redux_tensor want = golden(file, of, what);
    double most = 0, error = 0;
    for (int64_t i = 0; i < want.shape[0]; i++)
        for (int64_t k = 0; k < want.shape[1]; k++) {
            const double w = at(&want, i * want.shape[1] + k);
            most = fmax(most, fabs(w));
            error = fmax(error, fabs(at(have, i * have->shape[1] + k) - w));
        }
    report(of, what, error / most);
    ck_assert_msg(error <= tolerance * most, "%s %s: %g of %g", of, what, error, most);
    redux_tensor_release(&want);
}

/* The largest difference of one digest (norm, first four elements), over the norm. */
static inline double digest_error(const double *want, const redux_tensor *tensor)
{
    redux_tensor values;
    double sum = 0, error = 0;
    ck_assert_redux_ok(redux_tensor_contiguous(&values, NULL, tensor, REDUX_FLOAT32));
    for (int64_t k = 0; k < redux_tensor_elements(&values); k++)
        sum += at(&values, k) * at(&values, k);
    error = fabs(sqrt(sum) - want[0]);
    for (int k = 0; k < 4; k++)
        error = fmax(error, fabs(at(&values, k) - want[1 + k]));
    redux_tensor_release(&values);
    return error / want[0];
}

/* Digests of gradients ("gradient..."), running statistics ("...running") or else values of those
 * that are parameters of a network. */
static inline void check_digests(const char *file, const char *of, const char *what,
                                 const redux_parameter *const *list, int64_t count,
                                 double tolerance)
{
    redux_tensor want = golden(file, of, what);
    const bool wants_running = strstr(what, "running") != NULL;
    const bool wants_gradient = strncmp(what, "gradient", 8) == 0;
    double most = 0;
    int64_t row = 0;
    for (int64_t i = 0; i < count; i++) {
        const bool runs = strstr(list[i]->name, ".running_") != NULL;
        double digest[5];
        if (runs != wants_running || list[i]->value.dtype != REDUX_FLOAT32)
            continue;
        for (int k = 0; k < 5; k++)
            digest[k] = at(&want, row * 5 + k);
        const double error =
            digest_error(digest, wants_gradient ? &list[i]->gradient : &list[i]->value);
        ck_assert_msg(error <= tolerance, "%s %s %s: %g", of, what, list[i]->name, error);
        most = fmax(most, error);
        row++;
    }
    ck_assert_int_eq(row, want.shape[0]);
    report(of, what, most);
    redux_tensor_release(&want);
}

/* The same of a network. */
static inline void check_network(const char *file, const char *of, const char *what,
                                 const redux_network *network, double tolerance)
{
    const redux_parameter *list[400];
    const int64_t count = redux_network_parameter_count(network);
    ck_assert_int_le(count, 400);
    for (int64_t i = 0; i < count; i++)
        list[i] = redux_network_parameter(network, i);
    check_digests(file, of, what, list, count, tolerance);
}

#endif
