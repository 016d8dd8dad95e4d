/* SPDX-License-Identifier: MIT
 * A C11 program as a stranger would write it, built against the installed library. */
#include <redux.h>
#include <stdio.h>
#include <string.h>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "consumer.c:%d: not so: %s (%s)\n", __LINE__, #condition,              \
                    redux_error_message());                                                        \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int hash_of_a_ramp(redux_context *context)
{
    uint8_t pixels[64][64], code[8];
    char text[17];
    const int64_t shape[2] = {64, 64}, code_shape[1] = {8};
    redux_tensor image = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;

    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            pixels[y][x] = (uint8_t)(4 * x);
    EXPECT(redux_tensor_borrow(&image, pixels, REDUX_UINT8, 2, shape, NULL) == REDUX_OK);
    EXPECT(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, code_shape, NULL) == REDUX_OK);
    EXPECT(redux_hash_compute(&out, context, &image, NULL) == REDUX_OK);
    redux_hash_to_hex(text, code, 8);
    EXPECT(strcmp(text, "ffffffffffffffff") == 0); /* each column brighter than its left one */
    return 0;
}

static int information_of_two_halves(redux_context *context)
{
    const uint8_t a[4] = {0, 0, 255, 255}, b[4] = {7, 7, 9, 9};
    const int64_t shape[2] = {2, 2};
    redux_tensor first = REDUX_TENSOR_INIT, second = REDUX_TENSOR_INIT;
    redux_information information;
    double entropy = 0;

    EXPECT(redux_tensor_borrow(&first, (void *)a, REDUX_UINT8, 2, shape, NULL) == REDUX_OK);
    EXPECT(redux_tensor_borrow(&second, (void *)b, REDUX_UINT8, 2, shape, NULL) == REDUX_OK);
    EXPECT(redux_entropy(&entropy, context, &first, NULL) == REDUX_OK);
    EXPECT(entropy > 0.999999 && entropy < 1.000001);
    EXPECT(redux_information_compute(&information, context, &first, &second, NULL) == REDUX_OK);
    EXPECT(information.mutual > 0.999999 && information.nmi_arithmetic > 0.999999);
    return 0;
}

int main(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    const char *nowhere = "/nonexistent/volume.nii.gz";

    EXPECT(redux_version_number() == REDUX_VERSION_NUMBER);
    EXPECT(strcmp(redux_version_string(), REDUX_VERSION_STRING) == 0);
    options.threads = 2;
    EXPECT(redux_context_new(&context, &options) == REDUX_OK);
    EXPECT(redux_context_threads(context) == 2);
    if (hash_of_a_ramp(context) != 0 || information_of_two_halves(context) != 0)
        return 1;
    EXPECT(redux_dataset_open(&dataset, context, &nowhere, 1, NULL) == REDUX_E_NOT_FOUND);
    EXPECT(strstr(redux_error_message(), nowhere) != NULL);
    redux_context_free(context);
    printf("C: libredux %s, %s\n", redux_version_string(), redux_cpu_tier());
    return 0;
}
