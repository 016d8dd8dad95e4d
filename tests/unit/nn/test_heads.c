/* SPDX-License-Identifier: MIT
 * Heads of networks: the layers that their options say, forward and backward, by name in files. */
#include <math.h>
#include "support/test_io.h"

enum { N = 6, SIDE = 24, MOST = 64 }; /* images; widest layer */

typedef struct head_case {
    const char *name;
    redux_head_options projection, prediction; /* layers 0: none */
} head_case;

#define SIZED .struct_size = sizeof(redux_head_options)
static const head_case cases[] = {
    {"simclr", {SIZED, 2, {0, 8}, 0, 0}, {SIZED, 0, {0}, 0, 0}},
    {"swav", {SIZED, 2, {24, 8}, 1, 0}, {SIZED, 0, {0}, 0, 0}},
    {"byol", {SIZED, 2, {32, 8}, 1, 2}, {SIZED, 2, {16, 8}, 1, 2}},
    {"one layer", {SIZED, 1, {5}, 0, 1}, {SIZED, 0, {0}, 0, 0}},
    {"norm at the end", {SIZED, 3, {16, 0, 7}, 7, 7}, {SIZED, 3, {0, 0, 0}, 5, 2}},
    {"eight layers", {SIZED, 8, {9, 8, 7, 6, 7, 8, 9, 5}, 0xAA, 0x0F}, {SIZED, 1, {0}, 0, 0}},
};
enum { CASES = sizeof cases / sizeof *cases };

static redux_network *network_of(const head_case *c)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network;
    options.width = 0.125;
    options.classes = 3;
    options.projection = &c->projection;
    options.prediction = c->prediction.layers > 0 ? &c->prediction : NULL;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    ck_assert_redux_ok(redux_network_plan(network, NULL, N, SIDE, SIDE, 1));
    return network;
}

static redux_network_output last_of(const head_case *c)
{
    return c->prediction.layers > 0 ? REDUX_OUTPUT_PREDICTION : REDUX_OUTPUT_PROJECTION;
}

static redux_tensor noise(int32_t ndim, const int64_t *shape, uint64_t seed)
{
    const redux_random_key key = {seed, 0, 0, 0};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, ndim, shape));
    for (int64_t i = 0; i < redux_tensor_elements(&out); i++)
        ((float *)out.data)[i] = (float)redux_random_normal(&key, (uint32_t)i);
    return out;
}

static redux_tensor images_of(uint64_t seed)
{
    return noise(4, (const int64_t[]){N, SIDE, SIDE, 1}, seed);
}

static redux_tensor matrix(int64_t width)
{
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, (const int64_t[]){N, width}));
    return out;
}

static redux_tensor run(redux_network *network, const redux_tensor *images,
                        redux_network_output output, redux_network_mode mode)
{
    redux_tensor out = matrix(redux_network_outputs(network, output));
    ck_assert_redux_ok(redux_network_forward(&out, NULL, network, images, output, mode));
    return out;
}

/* NULL: there is none of that name. */
static const redux_parameter *parameter(const redux_network *network, const char *prefix,
                                        int module, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s", prefix, module, suffix);
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++)
        if (strcmp(redux_network_parameter(network, i)->name, name) == 0)
            return redux_network_parameter(network, i);
    return NULL;
}

/* ---- one layer after the other, by the public functions ---- */

typedef struct chain_layer {
    redux_tensor in, x, y; /* the product; what goes on */
    const redux_parameter *weight, *bias, *norm[4];
    redux_tensor mean, inverse;
    bool relu;
} chain_layer;

typedef struct chain {
    chain_layer layers[2 * REDUX_HEAD_LAYERS];
    int count;
} chain;

static char workspace[1 << 20];

static redux_batch_norm_state state_of(const chain_layer *l, bool training)
{
    return (redux_batch_norm_state){.weight = &l->norm[0]->value,
                                    .bias = &l->norm[1]->value,
                                    .running_mean = training ? NULL : &l->norm[2]->value,
                                    .running_variance = training ? NULL : &l->norm[3]->value,
                                    .mean = &l->mean,
                                    .inverse = &l->inverse};
}

static void forward_layer(chain_layer *l, bool training)
{
    redux_batch_norm_options options = REDUX_BATCH_NORM_OPTIONS_INIT;
    const int64_t width = l->weight->value.shape[0];
    l->x = matrix(width);
    l->y = matrix(width);
    ck_assert_redux_ok(redux_tensor_new(&l->mean, NULL, REDUX_FLOAT32, 1, &width));
    ck_assert_redux_ok(redux_tensor_new(&l->inverse, NULL, REDUX_FLOAT32, 1, &width));
    ck_assert_redux_ok(redux_linear_forward(&l->x, NULL, &l->in, &l->weight->value,
                                            l->bias == NULL ? NULL : &l->bias->value, workspace));
    options.training = training;
    options.relu = l->relu;
    if (l->norm[0] != NULL) {
        const redux_batch_norm_state state = state_of(l, training);
        ck_assert_redux_ok(
            redux_batch_norm_forward(&l->y, NULL, &l->x, NULL, &state, &options, workspace));
    } else if (l->relu)
        ck_assert_redux_ok(redux_relu_forward(&l->y, NULL, &l->x));
    else
        ck_assert_redux_ok(redux_tensor_copy(&l->y, &l->x));
}

/* Modules are numbered as in PyTorch's Sequential. */
static void forward_head(chain *c, const redux_network *network, const char *prefix,
                         const redux_head_options *head, const redux_tensor *in, bool training)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    int module = 0;
    for (int i = 0; i < head->layers; i++, module++) {
        chain_layer *l = &c->layers[c->count++];
        memset(l, 0, sizeof *l);
        ck_assert_redux_ok(redux_tensor_view(&l->in, i == 0 ? in : &l[-1].y));
        l->relu = i < head->layers - 1;
        l->weight = parameter(network, prefix, module, "weight");
        l->bias = parameter(network, prefix, module++, "bias");
        ck_assert_ptr_nonnull(l->weight);
        ck_assert_int_eq(l->bias == NULL, head->no_bias >> i & 1);
        if ((head->batch_norm >> i & 1) != 0) {
            for (int k = 0; k < 4; k++)
                ck_assert_ptr_nonnull(l->norm[k] = parameter(network, prefix, module, parts[k]));
            module++;
        }
        forward_layer(l, training);
    }
}

static chain forward_chain(const head_case *h, const redux_network *network,
                           const redux_tensor *features, bool training)
{
    chain c = {.count = 0};
    forward_head(&c, network, "projection", &h->projection, features, training);
    if (h->prediction.layers > 0)
        forward_head(&c, network, "prediction", &h->prediction, &c.layers[c.count - 1].y, training);
    return c;
}

static void free_chain(chain *c)
{
    for (int i = 0; i < c->count; i++) {
        chain_layer *l = &c->layers[i];
        redux_tensor *const all[] = {&l->in, &l->x, &l->y, &l->mean, &l->inverse};
        for (int k = 0; k < 5; k++)
            redux_tensor_release(all[k]);
    }
}

static void assert_near(const redux_tensor *have, const float *want, double tolerance,
                        const char *name, const char *what)
{
    double most = 0;
    ck_assert(have->data != NULL && want != NULL);
    for (int64_t i = 0; i < redux_tensor_elements(have); i++)
        most = fmax(most, fabs((double)want[i]));
    for (int64_t i = 0; i < redux_tensor_elements(have); i++)
        ck_assert_msg(fabs((double)((float *)have->data)[i] - (double)want[i]) <=
                          tolerance * most + 1e-9,
                      "%s, %s: element %lld is %g, not %g", name, what, (long long)i,
                      (double)((float *)have->data)[i], (double)want[i]);
}

START_TEST(forward_is_that_of_the_layers)
{
    const head_case *h = &cases[_i];
    redux_network *network = network_of(h);
    redux_tensor images = images_of(1);
    for (int i = 0; i < 3; i++) { /* running statistics that are not 0 and 1 */
        redux_tensor out = run(network, &images, last_of(h), REDUX_MODE_TRAIN);
        redux_tensor_release(&out);
    }
    for (int training = 0; training < 2; training++) {
        const redux_network_mode mode = training ? REDUX_MODE_REPEAT : REDUX_MODE_EVALUATE;
        redux_tensor features = run(network, &images, REDUX_OUTPUT_FEATURES, mode);
        redux_tensor out = run(network, &images, last_of(h), mode);
        chain c = forward_chain(h, network, &features, training != 0);
        ck_assert_int_eq(out.shape[1], c.layers[c.count - 1].y.shape[1]);
        assert_near(&out, c.layers[c.count - 1].y.data, 1e-6, h->name, "output");
        if (h->prediction.layers > 0) {
            redux_tensor projected = run(network, &images, REDUX_OUTPUT_PROJECTION, mode);
            assert_near(&projected, c.layers[h->projection.layers - 1].y.data, 1e-6, h->name,
                        "projection");
            redux_tensor_release(&projected);
        }
        free_chain(&c);
        redux_tensor_release(&features);
        redux_tensor_release(&out);
    }
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* ---- gradients ---- */

/* Room for it, 0. */
static redux_tensor gradient_of(const redux_parameter *p)
{
    redux_tensor out = REDUX_TENSOR_INIT;
    if (p != NULL)
        ck_assert_redux_ok(
            redux_tensor_new(&out, NULL, REDUX_FLOAT32, p->value.ndim, p->value.shape));
    return out;
}

/* The layer's gradients by the public functions against the network's; d becomes that of its input.
 */
static void backward_layer(const chain_layer *l, redux_tensor *d, const char *name)
{
    redux_batch_norm_options options = REDUX_BATCH_NORM_OPTIONS_INIT;
    redux_tensor d_in = matrix(l->weight->value.shape[1]);
    redux_tensor d_weight = gradient_of(l->weight), d_bias = gradient_of(l->bias);
    redux_tensor d_scale = gradient_of(l->norm[0]), d_shift = gradient_of(l->norm[1]);
    options.relu = l->relu;
    if (l->norm[0] != NULL) {
        const redux_batch_norm_state state = state_of(l, true);
        ck_assert_redux_ok(redux_batch_norm_backward(d, NULL, &d_scale, &d_shift, NULL, d, &l->x,
                                                     &l->y, &state, &options, workspace));
        assert_near(&l->norm[0]->gradient, d_scale.data, 1e-4, name, l->norm[0]->name);
        assert_near(&l->norm[1]->gradient, d_shift.data, 1e-4, name, l->norm[1]->name);
    } else if (l->relu)
        ck_assert_redux_ok(redux_relu_backward(d, NULL, d, &l->y));
    ck_assert_redux_ok(redux_linear_backward(&d_in, &d_weight, l->bias == NULL ? NULL : &d_bias,
                                             NULL, d, &l->in, &l->weight->value, workspace));
    assert_near(&l->weight->gradient, d_weight.data, 1e-4, name, l->weight->name);
    if (l->bias != NULL && l->norm[0] == NULL) /* before a norm it is 0, but for rounding */
        assert_near(&l->bias->gradient, d_bias.data, 1e-4, name, l->bias->name);
    redux_tensor *const all[] = {&d_weight, &d_bias, &d_scale, &d_shift, d};
    for (int i = 0; i < 5; i++)
        redux_tensor_release(all[i]);
    *d = d_in;
}

static redux_tensor backward(redux_network *network, const redux_tensor *images,
                             redux_network_output output)
{
    redux_tensor out = run(network, images, output, REDUX_MODE_TRAIN), d;
    redux_network_zero_gradients(network);
    d = noise(2, out.shape, 9);
    ck_assert_redux_ok(redux_network_backward(network, NULL, &d));
    redux_tensor_release(&out);
    return d;
}

START_TEST(backward_is_that_of_the_layers)
{
    const head_case *h = &cases[_i];
    redux_network *network = network_of(h);
    redux_tensor images = images_of(2);
    redux_tensor d = backward(network, &images, last_of(h));
    redux_tensor features = run(network, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_REPEAT);
    chain c = forward_chain(h, network, &features, true);
    for (int i = c.count - 1; i >= 0; i--)
        backward_layer(&c.layers[i], &d, h->name);
    free_chain(&c);
    redux_tensor_release(&d);
    redux_tensor_release(&features);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

static double loss_of(redux_network *network, const redux_tensor *images, const redux_tensor *d,
                      redux_network_output output)
{
    redux_tensor out = run(network, images, output, REDUX_MODE_REPEAT);
    double sum = 0;
    for (int64_t i = 0; i < redux_tensor_elements(&out); i++)
        sum += (double)((float *)out.data)[i] * (double)((float *)d->data)[i];
    redux_tensor_release(&out);
    return sum;
}

/* The loss's slope along a parameter's own gradient is that gradient's length. */
static double slope_error(redux_network *network, const redux_tensor *images, const redux_tensor *d,
                          redux_network_output output, const redux_parameter *p)
{
    const int64_t count = redux_tensor_elements(&p->value);
    float *value = p->value.data, *gradient = p->gradient.data, kept[MOST * MOST];
    double norm = 0, sums[2];
    ck_assert_int_le(count, MOST * MOST);
    memcpy(kept, value, (size_t)count * sizeof *kept);
    for (int64_t i = 0; i < count; i++)
        norm += (double)gradient[i] * (double)gradient[i];
    norm = sqrt(norm);
    if (norm < 1e-4) /* a bias before a norm */
        return 0;
    const double h = fmin(2e-3, 2e-3 / norm);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < count; i++)
            value[i] = kept[i] + (float)((side == 0 ? h : -h) * (double)gradient[i] / norm);
        sums[side] = loss_of(network, images, d, output);
    }
    memcpy(value, kept, (size_t)count * sizeof *kept);
    return fabs((sums[0] - sums[1]) / (2 * h) / norm - 1);
}

/* Single precision, and ReLUs that switch on the way. */
START_TEST(gradients_are_slopes)
{
    const head_case *h = &cases[_i];
    redux_network *network = network_of(h);
    redux_tensor images = images_of(3);
    redux_tensor d = backward(network, &images, last_of(h));
    int tried = 0;
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        if (p->gradient.data == NULL ||
            (strncmp(p->name, "projection.", 11) != 0 && strncmp(p->name, "prediction.", 11) != 0))
            continue;
        const double error = slope_error(network, &images, &d, last_of(h), p);
        ck_assert_msg(error < 0.05, "%s, %s: %g", h->name, p->name, error);
        tried++;
    }
    ck_assert_int_ge(tried, h->projection.layers + h->prediction.layers);
    redux_tensor_release(&d);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* A frozen encoder evaluates; its heads go on learning, norms included. */
START_TEST(heads_of_a_frozen_encoder_train)
{
    const head_case *h = &cases[2];
    redux_network *network = network_of(h);
    redux_tensor images = images_of(4);
    const redux_parameter *mean = parameter(network, "projection", 1, "running_mean");
    const redux_parameter *counter = parameter(network, "projection", 1, "num_batches_tracked");
    const redux_parameter *scale = parameter(network, "prediction", 1, "weight");
    redux_network_freeze(network, 1);
    redux_tensor d = backward(network, &images, REDUX_OUTPUT_PREDICTION);
    ck_assert_float_ne(((float *)mean->value.data)[0], 0);
    ck_assert_float_ne(((float *)scale->gradient.data)[0], 0);
    ck_assert_int_eq(*(int64_t *)counter->value.data, 1);
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        if (strcmp(p->name, "bn1.running_mean") == 0)
            ck_assert_float_eq(((float *)p->value.data)[0], 0);
        if (strcmp(p->name, "conv1.weight") == 0)
            ck_assert_float_eq(((float *)p->gradient.data)[0], 0);
    }
    const float before = ((float *)mean->value.data)[0];
    redux_tensor again = run(network, &images, REDUX_OUTPUT_PREDICTION, REDUX_MODE_REPEAT);
    ck_assert_float_eq(((float *)mean->value.data)[0], before);
    ck_assert_int_eq(*(int64_t *)counter->value.data, 1);
    redux_tensor_release(&again);
    redux_tensor_release(&d);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* ---- names and files ---- */

START_TEST(names_are_those_of_a_sequential)
{
    static const char *const names[] = {"projection.0.weight",
                                        "projection.0.bias",
                                        "projection.1.weight",
                                        "projection.1.bias",
                                        "projection.1.running_mean",
                                        "projection.1.running_var",
                                        "projection.1.num_batches_tracked",
                                        "projection.3.weight",
                                        "prediction.0.weight",
                                        "prediction.0.bias",
                                        "prediction.1.weight",
                                        "prediction.1.bias",
                                        "prediction.1.running_mean",
                                        "prediction.1.running_var",
                                        "prediction.1.num_batches_tracked",
                                        "prediction.3.weight",
                                        "fc.weight",
                                        "fc.bias"};
    enum { COUNT = sizeof names / sizeof *names };
    redux_network *network = network_of(&cases[2]);
    const int64_t first = redux_network_parameter_count(network) - COUNT;
    for (int i = 0; i < COUNT; i++)
        ck_assert_str_eq(redux_network_parameter(network, first + i)->name, names[i]);
    ck_assert_int_eq(redux_network_outputs(network, REDUX_OUTPUT_FEATURES), 64);
    ck_assert_int_eq(redux_network_outputs(network, REDUX_OUTPUT_PROJECTION), 8);
    ck_assert_int_eq(redux_network_outputs(network, REDUX_OUTPUT_CLASSES), 3);
    ck_assert_int_eq(redux_network_outputs(network, (redux_network_output)9), 0);
    redux_network_free(network);
}
END_TEST

static void assert_same_head(const redux_head_options *have, const redux_head_options *want,
                             int64_t inputs)
{
    ck_assert_int_eq(have->layers, want->layers);
    ck_assert(have->batch_norm == want->batch_norm && have->no_bias == want->no_bias);
    for (int i = 0; i < want->layers; i++)
        ck_assert_int_eq(have->widths[i], want->widths[i] == 0 ? inputs : want->widths[i]);
}

/* What a file holds, read from its shapes, is what was made, and gives the same answers. */
START_TEST(a_file_tells_its_heads)
{
    const head_case *h = &cases[_i];
    redux_network *network = network_of(h), *found;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT, own = options;
    redux_head_options projection = REDUX_HEAD_OPTIONS_INIT, prediction = REDUX_HEAD_OPTIONS_INIT;
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    redux_safetensors *file;
    const char *names[256];
    redux_tensor tensors[256], images = images_of(5);
    content.names = names;
    content.tensors = tensors;
    for (; content.count < redux_network_parameter_count(network); content.count++) {
        names[content.count] = redux_network_parameter(network, content.count)->name;
        tensors[content.count] = redux_network_parameter(network, content.count)->value;
    }
    ck_assert_redux_ok(redux_safetensors_save(in_scratch("heads.safetensors"), NULL, &content));
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("heads.safetensors")));
    ck_assert_redux_ok(redux_network_options_of(&options, NULL, NULL, file));
    ck_assert(options.projection == NULL && options.prediction == NULL && options.classes == 3);
    ck_assert_redux_ok(redux_network_options_of(&options, &projection, &prediction, file));
    ck_assert_ptr_eq(options.projection, &projection);
    ck_assert_ptr_eq(options.prediction, h->prediction.layers > 0 ? &prediction : NULL);
    assert_same_head(&projection, &h->projection, 64);
    ck_assert_redux_ok(redux_network_get_options(&own, network));
    assert_same_head(own.projection, &h->projection, 64);
    if (h->prediction.layers > 0)
        assert_same_head(&prediction, &h->prediction,
                         redux_network_outputs(network, REDUX_OUTPUT_PROJECTION));
    ck_assert_redux_ok(redux_network_new(&found, NULL, &options));
    ck_assert_redux_ok(redux_network_load(found, NULL, file));
    ck_assert_redux_ok(redux_network_plan(found, NULL, N, SIDE, SIDE, 0));
    redux_tensor a = run(network, &images, last_of(h), REDUX_MODE_EVALUATE);
    redux_tensor b = run(found, &images, last_of(h), REDUX_MODE_EVALUATE);
    ck_assert_mem_eq(a.data, b.data, (size_t)redux_tensor_elements(&a) * sizeof(float));
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_tensor_release(&images);
    redux_safetensors_free(file);
    redux_network_free(found);
    redux_network_free(network);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heads");
    TCase *tests = tcase_create("heads");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, forward_is_that_of_the_layers, 0, CASES);
    tcase_add_loop_test(tests, backward_is_that_of_the_layers, 0, CASES);
    tcase_add_loop_test(tests, gradients_are_slopes, 0, CASES);
    tcase_add_test(tests, heads_of_a_frozen_encoder_train);
    tcase_add_test(tests, names_are_those_of_a_sequential);
    tcase_add_loop_test(tests, a_file_tells_its_heads, 0, CASES);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
