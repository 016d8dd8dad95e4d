/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 0: tensors and views. Everything in libredux goes in and out through one small struct:
 * a pointer, a shape, strides and a dtype. */
#include <redux.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Every function that can fail returns a status; the message of the last failure says why. */
static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s: %s\n", redux_status_string(status), redux_error_message());
    exit(1);
}

static void print(const char *what, const redux_tensor *t)
{
    printf("%-28s %s [", what, redux_dtype_name(t->dtype));
    for (int32_t i = 0; i < t->ndim; i++)
        printf("%s%" PRId64, i > 0 ? ", " : "", t->shape[i]);
    printf("], %s\n", redux_tensor_is_contiguous(t) ? "contiguous" : "strided");
}

int main(void)
{
    /* Your own memory: borrowed, never copied, and you keep it alive. */
    int16_t hu[24];
    for (int i = 0; i < 24; i++)
        hu[i] = (int16_t)(i * 10 - 1000);
    redux_tensor volume;
    must(redux_tensor_borrow(&volume, hu, REDUX_INT16, 3, (const int64_t[]){2, 3, 4}, NULL));
    print("volume", &volume);

    /* Views share that memory: a slice, every other column backwards, axes in another order. */
    redux_tensor slice, columns, turned;
    must(redux_tensor_select(&slice, &volume, 0, 1));
    must(redux_tensor_slice(&columns, &slice, 1, 3, 2, -2));
    must(redux_tensor_permute(&turned, &volume, (const int32_t[]){2, 1, 0}));
    print("slice 1", &slice);
    print("its columns 3 and 1", &columns);
    print("axes turned round", &turned);
    hu[12 + 3] = 7; /* slice 1, row 0, column 3 */
    printf("%-28s %d\n", "seen through the view", *(int16_t *)columns.data);

    /* Memory of the library: 64-byte aligned, zeroed. Copies convert the dtype. */
    redux_tensor floats, dense;
    must(redux_tensor_new(&floats, NULL, REDUX_FLOAT32, 3, turned.shape));
    must(redux_tensor_copy(&floats, &turned));
    must(redux_tensor_contiguous(&dense, NULL, &columns, REDUX_FLOAT64));
    print("a converted copy", &floats);
    print("made contiguous", &dense);

    /* Release what a function filled in, views too. For borrowed memory that does nothing. */
    redux_tensor *all[] = {&volume, &slice, &columns, &turned, &floats, &dense};
    for (int i = 0; i < 6; i++)
        redux_tensor_release(all[i]);
    return 0;
}
