/* SPDX-License-Identifier: MIT
 * A file of torch.save, and what a network would be by it. Input: 0 and a whole archive, or any
 * other byte and a pickle, which is put into an archive with two storages, since no fuzzer finds
 * its CRC-32. */
#include <stdlib.h>
#include "fuzz.h"
#include "support/torch_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const float storage[16] = {1, 2, 3};
    redux_context *context = fuzz_begin();
    redux_safetensors *file;
    torch_bytes *bytes = calloc(1, sizeof *bytes);
    const char *path;
    if (size > 0 && bytes != NULL && data[0] != 0 && size < sizeof bytes->at / 2) {
        torch_add(bytes, "x/data.pkl", data + 1, size - 1);
        torch_add(bytes, "x/data/0", storage, sizeof storage);
        torch_add(bytes, "x/data/1", storage, sizeof storage);
        torch_end(bytes);
        path = fuzz_put("w.pt", bytes->at, bytes->size);
    } else {
        path = fuzz_put("w.pt", data + (size > 0), size - (size > 0));
    }
    if (fuzz_ok(redux_safetensors_load(&file, context, path))) {
        redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
        for (int64_t i = 0; i < redux_safetensors_tensor_count(file); i++) {
            redux_tensor tensor;
            fuzz_require(redux_safetensors_find(file, redux_safetensors_name(file, i)) == i,
                         "a name that is not found");
            fuzz_require(fuzz_ok(redux_safetensors_get_tensor(&tensor, file, i)), "no tensor");
            fuzz_touch(context, &tensor);
            redux_tensor_release(&tensor);
        }
        fuzz_ok(redux_network_options_of(&network, NULL, NULL, file));
        redux_safetensors_free(file);
    }
    fuzz_end(context);
    free(bytes);
    return 0;
}
