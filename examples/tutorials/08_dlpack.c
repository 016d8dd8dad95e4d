/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 8: DLPack. Arrays of other libraries (PyTorch, NumPy, JAX, ...) come in and go out
 * without a copy. The structs are DLPack's; a program that has dlpack.h includes that instead. */
#include <redux.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct DLTensor {
    void *data;
    struct {
        int32_t type, id;
    } device; /* type 1: host memory */
    int32_t ndim;
    struct {
        uint8_t code, bits; /* code 0 signed, 1 unsigned, 2 float */
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides; /* strides in elements; NULL: C order */
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s\n", redux_error_message());
    exit(1);
}

static void not_needed_any_more(DLManagedTensor *self)
{
    printf("the producer's memory is free again\n");
    free(self->dl_tensor.data);
}

int main(void)
{
    /* In: a producer hands over 2 x 3 floats and the function that takes them back. */
    int64_t shape[] = {2, 3};
    float *data = calloc(6, sizeof *data);
    DLManagedTensor theirs = {
        {data, {1, 0}, 2, {2, 32, 1}, shape, NULL, 0}, NULL, not_needed_any_more};
    redux_tensor tensor, row;
    if (data == NULL)
        return 1;
    must(redux_tensor_from_dlpack(&tensor, NULL, &theirs));
    printf("%s, the same memory: %s\n", redux_dtype_name(tensor.dtype),
           tensor.data == (void *)data ? "yes" : "no");
    must(redux_tensor_select(&row, &tensor, 0, 1));
    redux_tensor_release(&tensor); /* the row still holds the memory */
    ((float *)row.data)[2] = 5;

    /* Out: a consumer gets the view, and calls the deleter when it is done. */
    DLManagedTensor *ours;
    must(redux_tensor_to_dlpack(&ours, NULL, &row));
    redux_tensor_release(&row);
    const DLTensor *t = &ours->dl_tensor;
    printf("%d axis, %d values, the last one %g\n", (int)t->ndim, (int)t->shape[0],
           (double)((float *)((char *)t->data + t->byte_offset))[2]);
    ours->deleter(ours); /* the last reference: the producer's deleter runs */
    return 0;
}
