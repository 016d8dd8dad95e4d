/* SPDX-License-Identifier: MIT
 * A safetensors file, and what a network and its inputs would be by it. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    redux_safetensors *file;
    if (fuzz_ok(redux_safetensors_load(&file, context, fuzz_put("w.safetensors", data, size)))) {
        redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
        redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
        for (int64_t i = 0; i < redux_safetensors_tensor_count(file); i++) {
            redux_tensor tensor;
            fuzz_require(redux_safetensors_find(file, redux_safetensors_name(file, i)) == i,
                         "a name that is not found");
            fuzz_require(fuzz_ok(redux_safetensors_get_tensor(&tensor, file, i)), "no tensor");
            fuzz_touch(context, &tensor);
            redux_tensor_release(&tensor);
        }
        redux_head_options heads[2] = {REDUX_HEAD_OPTIONS_INIT, REDUX_HEAD_OPTIONS_INIT};
        fuzz_ok(redux_network_options_of(&network, &heads[0], &heads[1], file));
        fuzz_ok(redux_input_options_of(&input, file));
        redux_safetensors_metadata(file, "window");
        redux_safetensors_free(file);
    }
    fuzz_end(context);
    return 0;
}
