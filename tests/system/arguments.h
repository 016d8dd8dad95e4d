/* SPDX-License-Identifier: MIT
 * Shared by tests/test_arguments*.c: what a program may get wrong (a pointer that is NULL, an index
 * out of range, tensors of the wrong shape, dtype or layout, settings that make no sense) is
 * refused with REDUX_E_INVALID and a message, before anything is touched; what only asks gives an
 * empty answer. */
#ifndef REDUX_TEST_ARGUMENTS_H
#define REDUX_TEST_ARGUMENTS_H

#include <math.h>
#include "support/test_io.h"

#define REFUSED(call) ck_assert_redux(REDUX_E_INVALID, call)

#define VOLUME "data/ct/STS_002_CT.nii.gz"

enum { SIDE = 16 };

static inline redux_tensor tensor_of(redux_dtype dtype, int32_t ndim, const int64_t *shape)
{
    redux_tensor tensor;
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, dtype, ndim, shape));
    memset(tensor.data, 0, (size_t)redux_tensor_elements(&tensor) * redux_dtype_size(dtype));
    return tensor;
}

#define TENSOR(dtype, ...)                                                                         \
    tensor_of(dtype, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static inline void release_all(redux_tensor *const *tensors)
{
    for (; *tensors != NULL; tensors++)
        redux_tensor_release(*tensors);
}

#define RELEASE(...) release_all((redux_tensor *const[]){__VA_ARGS__, NULL})

#endif
