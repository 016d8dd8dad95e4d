/* SPDX-License-Identifier: MIT
 * Option structs of every size and content, as programs built against an older or a newer library
 * hand them over. The block is as long as struct_size says, so that AddressSanitizer sees a read
 * beyond it. Structs with pointers in them come with the pointers NULL. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"

static redux_context *context;
static redux_tensor image; /* [12, 14] uint8 */

static redux_status try_ssim(const void *options)
{
    double out;
    return redux_ssim(&out, context, &image, &image, options);
}

static redux_status try_ms_ssim(const void *options)
{
    double out;
    return redux_ms_ssim(&out, context, &image, &image, options);
}

static redux_status try_entropy(const void *options)
{
    double out;
    return redux_entropy(&out, context, &image, options);
}

static redux_status try_mattes(const void *options)
{
    double out;
    return redux_mattes(&out, context, &image, &image, options);
}

static redux_status try_phase(const void *options)
{
    redux_shift out;
    return redux_phase_correlation(&out, context, &image, &image, options);
}

static redux_status try_hash(const void *options)
{
    redux_hash_list *list;
    const redux_status status = redux_hash_list_new(&list, context, options);
    if (status != REDUX_OK)
        return status;
    const redux_status checked = redux_hash_check(options);
    const int64_t size = redux_hash_bytes(options);
    redux_hash_list_free(list);
    fuzz_require(checked == REDUX_OK, "a list of a hash that there is not");
    fuzz_require(size > 0 && size <= 4096, "bytes of a code");
    uint8_t *code = malloc((size_t)size); /* its own block: writing beyond it is seen */
    fuzz_require(code != NULL, "no memory");
    const redux_status made = redux_hash_picture(code, NULL, context, &image, options);
    free(code);
    return made;
}

static redux_status try_volume_hash(const void *options)
{
    fuzz_require(redux_volume_hash_bytes(options) >= 0, "bytes of a code");
    return redux_volume_hash_check(options);
}

static redux_status try_index(const void *options)
{
    redux_index *index;
    const redux_status status = redux_index_new(&index, context, 8, options);
    if (status == REDUX_OK)
        redux_index_free(index);
    return status;
}

static redux_status try_input(const void *options)
{
    const redux_input_options *input = options;
    const int32_t size =
        input->struct_size >= offsetof(redux_input_options, mean) ? input->size : 64;
    const int64_t side = size > 0 && size <= 256 ? size : 1, shape[] = {side, side};
    redux_tensor out;
    fuzz_require(redux_tensor_new(&out, context, REDUX_FLOAT32, 2, shape) == REDUX_OK, "no tensor");
    const redux_status status = redux_input_apply(&out, context, &image, 1, 0, 0, options);
    redux_tensor_release(&out);
    return status;
}

static redux_status try_views(const void *options)
{
    static const int64_t shape[] = {16, 16};
    const redux_random_key key = {.seed = 1};
    redux_tensor out;
    fuzz_require(redux_tensor_new(&out, context, REDUX_FLOAT32, 2, shape) == REDUX_OK, "no tensor");
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    input.size = 16;
    const redux_status status =
        redux_views_apply(&out, context, &image, 1, 0, 0, &input, options, &key, 0);
    redux_tensor_release(&out);
    return status;
}

static redux_status try_reduce(const void *options)
{
    return redux_reduce_check(options);
}

static redux_status try_network(const void *options)
{
    redux_network *network;
    const redux_status status = redux_network_new(&network, context, options);
    if (status == REDUX_OK)
        redux_network_free(network);
    return status;
}

static redux_status (*const trials[])(const void *options) = {
    try_ssim,        try_ms_ssim, try_entropy, try_mattes, try_phase,   try_hash,
    try_volume_hash, try_index,   try_input,   try_views,  try_network, try_reduce};

/* Pointers in redux_reduce_options: from, up to. */
static const size_t pointers[][2] = {
    {offsetof(redux_reduce_options, embeddings), offsetof(redux_reduce_options, skip_errors)},
    {offsetof(redux_reduce_options, against), offsetof(redux_reduce_options, keep_exemplars)},
    {offsetof(redux_reduce_options, metric), offsetof(redux_reduce_options, clusters)},
    {offsetof(redux_reduce_options, encoder), sizeof(redux_reduce_options)},
};

static void clear_pointers(uint8_t *block, size_t size)
{
    for (size_t p = 0; p < sizeof pointers / sizeof *pointers; p++)
        for (size_t i = pointers[p][0]; i < pointers[p][1] && i < size; i++)
            block[i] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t shape[] = {12, 14};
    if (size < 2 || size > 600)
        return 0;
    const size_t which = data[0] % (sizeof trials / sizeof *trials);
    const size_t block_size = sizeof(size_t) + size - 2;
    const size_t struct_size = data[1] == 0 ? block_size : data[1] % (block_size + 1);
    uint8_t bytes[sizeof(size_t) + 600];
    memcpy(bytes, &struct_size, sizeof struct_size);
    memcpy(bytes + sizeof struct_size, data + 2, size - 2);
    uint8_t *block = fuzz_copy(bytes, block_size);
    if (trials[which] == try_reduce)
        clear_pointers(block, block_size);
    context = fuzz_begin();
    fuzz_require(redux_tensor_new(&image, context, REDUX_UINT8, 2, shape) == REDUX_OK, "no image");
    for (int i = 0; i < 12 * 14; i++)
        ((uint8_t *)image.data)[i] = (uint8_t)(i * i);
    fuzz_ok(trials[which](block));
    redux_tensor_release(&image);
    fuzz_end(context);
    free(block);
    return 0;
}
