/* SPDX-License-Identifier: MIT
 * Networks: torchvision's names and shapes, weights in and out, modes, memory. The numbers are
 * compared in test_simclr.c. */
#include <math.h>
#include "support/counted.h"
#include "support/test_io.h"

static redux_network *tiny(int32_t channels, redux_context *context)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_network *network;
    options.channels = channels;
    options.width = 0.125;
    options.projection = &head;
    head.widths[1] = 6;
    options.classes = 3;
    ck_assert_redux_ok(redux_network_new(&network, context, &options));
    return network;
}

static redux_tensor images_of(int64_t n, int64_t side, int64_t channels, uint64_t seed)
{
    const int64_t shape[] = {n, side, side, channels};
    const redux_random_key key = {seed, 0, 0, 0};
    redux_tensor images;
    ck_assert_redux_ok(redux_tensor_new(&images, NULL, REDUX_FLOAT32, 4, shape));
    for (int64_t i = 0; i < n * side * side; i++)
        for (int64_t c = 0; c < channels; c++) /* grey */
            ((float *)images.data)[i * channels + c] =
                (float)redux_random_normal(&key, (uint32_t)i);
    return images;
}

static redux_tensor run(redux_network *network, redux_context *context, const redux_tensor *images,
                        redux_network_output output, redux_network_mode mode)
{
    const int64_t shape[] = {images->shape[0], redux_network_outputs(network, output)};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_network_forward(&out, context, network, images, output, mode));
    return out;
}

static double difference(const redux_tensor *a, const redux_tensor *b)
{
    double most = 0, error = 0;
    ck_assert_int_eq(redux_tensor_elements(a), redux_tensor_elements(b));
    for (int64_t i = 0; i < redux_tensor_elements(a); i++) {
        const double x = (double)((float *)a->data)[i], y = (double)((float *)b->data)[i];
        most = fmax(most, fabs(y));
        error = fmax(error, fabs(x - y));
    }
    return error / most;
}

static const redux_parameter *parameter(const redux_network *network, const char *name)
{
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++)
        if (strcmp(redux_network_parameter(network, i)->name, name) == 0)
            return redux_network_parameter(network, i);
    ck_abort_msg("no %s", name);
    return NULL;
}

/* ---- names ---- */

static redux_network *network_of(redux_arch arch)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network;
    options.arch = arch;
    options.channels = 3;
    options.classes = 1000;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    ck_assert_int_eq(redux_network_features(network), arch >= REDUX_RESNET50 ? 2048 : 512);
    return network;
}

START_TEST(names_and_shapes_are_torchvisions)
{
    FILE *file = fopen("tests/golden/data/network.tsv", "r");
    char arch[16], name[64], shape[64];
    redux_network *network = network_of((redux_arch)_i);
    int64_t index = 0;
    ck_assert_ptr_nonnull(file);
    while (fscanf(file, "%15s %63s %63s", arch, name, shape) == 3) {
        char have[64] = "-";
        size_t used = 0;
        if (strcmp(arch, redux_arch_name((redux_arch)_i)) != 0)
            continue;
        const redux_parameter *p = redux_network_parameter(network, index++);
        ck_assert_ptr_nonnull(p);
        ck_assert_str_eq(p->name, name);
        for (int32_t i = 0; i < p->value.ndim; i++)
            used += (size_t)snprintf(have + used, sizeof have - used, "%s%lld", i == 0 ? "" : ",",
                                     (long long)p->value.shape[i]);
        ck_assert_str_eq(have, shape);
        ck_assert_int_eq(p->kind == REDUX_PARAMETER_WEIGHT, p->value.ndim > 1);
    }
    ck_assert_int_gt(index, 0);
    ck_assert_int_eq(index, redux_network_parameter_count(network));
    ck_assert_ptr_null(redux_network_parameter(network, index));
    redux_network_free(network);
    fclose(file);
}
END_TEST

/* ---- files ---- */

static const char *extra_name; /* of one more tensor in the next file; NULL: none */

/* All tensors but those whose name begins with `without`. */
static const char *save(const redux_network *network, const char *name, const char *without)
{
    enum { MOST = 1000 };
    static const char *names[MOST];
    static redux_tensor tensors[MOST];
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const char *path = in_scratch(name);
    content.names = names;
    content.tensors = tensors;
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        if (without != NULL && strncmp(p->name, without, strlen(without)) == 0)
            continue;
        names[content.count] = p->name;
        tensors[content.count++] = p->value;
    }
    if (extra_name != NULL) {
        names[content.count] = extra_name;
        tensors[content.count++] = redux_network_parameter(network, 1)->value;
    }
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
    return path;
}

static redux_safetensors *open_file(const char *path)
{
    redux_safetensors *file;
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    return file;
}

/* The network's tensors behind prefixes, one copy for each; and "queue" beside them. */
static const char *save_behind(const redux_network *network, const char *const *prefixes, int count)
{
    enum { MOST = 500 };
    static const char *names[MOST];
    static redux_tensor tensors[MOST];
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    content.names = names;
    content.tensors = tensors;
    for (int k = 0; k < count; k++)
        for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
            const redux_parameter *p = redux_network_parameter(network, i);
            names[content.count] = text("%s%s", prefixes[k], p->name);
            tensors[content.count++] = p->value;
        }
    names[content.count] = "queue";
    tensors[content.count++] = redux_network_parameter(network, 1)->value;
    ck_assert_redux_ok(redux_safetensors_save(in_scratch("behind.safetensors"), NULL, &content));
    return in_scratch("behind.safetensors");
}

static char log_lines[1024];

static void keep_log(redux_log_level level, const char *line, void *user)
{
    (void)user;
    if (level <= REDUX_LOG_INFO && strlen(log_lines) + strlen(line) + 2 < sizeof log_lines)
        strcat(strcat(log_lines, line),
               "\n"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
}

/* The encoder is found behind any prefix, and said; of two, the one that was trained by gradients.
 */
START_TEST(encoders_behind_prefixes)
{
    static const struct {
        const char *prefixes[3];
        int count;
        const char *taken; /* NULL: refused */
    } files[] = {
        {{"module."}, 1, "'module'"},
        {{"online_network.encoder."}, 1, "'online_network.encoder'"},
        {{"module.encoder_k.", "module.encoder_q."}, 2, "'module.encoder_q'"},
        {{"target_network.encoder.", "online_network.encoder."}, 2, "'online_network.encoder'"},
        {{"backbone.", "backbone_momentum."}, 2, "'backbone'"},
        {{"encoder_k."}, 1, "'encoder_k'"}, /* the only one there is */
        {{"student.", "teacher."}, 2, NULL},
        {{"a_k.", "b.target."}, 2, NULL},
    };
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_context *context;
    redux_network *network, *loaded;
    context_options.log = keep_log;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    options.width = 0.125;
    options.seed = 5;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        redux_network_options found = REDUX_NETWORK_OPTIONS_INIT;
        redux_safetensors *file =
            open_file(save_behind(network, files[i].prefixes, files[i].count));
        const redux_status status = redux_network_options_of(&found, NULL, NULL, file);
        ck_assert_redux(files[i].taken == NULL ? REDUX_E_FORMAT : REDUX_OK, status);
        if (files[i].taken == NULL) {
            ck_assert_ptr_nonnull(strstr(redux_error_message(), "2 encoders"));
            redux_safetensors_free(file);
            continue;
        }
        ck_assert(found.arch == REDUX_RESNET18 && found.width < 0.13);
        ck_assert_redux_ok(redux_network_new(&loaded, NULL, &found));
        log_lines[0] = '\0';
        ck_assert_redux_ok(redux_network_load(loaded, context, file));
        ck_assert_msg(strstr(log_lines, files[i].taken) != NULL, "%s", log_lines);
        ck_assert_ptr_nonnull(strstr(log_lines, "outside the encoder are not used"));
        for (int64_t k = 0; k < 60; k++)
            ck_assert_mem_eq(redux_network_parameter(loaded, k)->value.data,
                             redux_network_parameter(network, k)->value.data, 4);
        redux_network_free(loaded);
        redux_safetensors_free(file);
    }
    redux_network_free(network);
    redux_context_free(context);
}
END_TEST

START_TEST(a_file_tells_its_network)
{
    for (int arch = REDUX_RESNET18; arch <= REDUX_RESNET152; arch++)
        for (int stem = 0; stem < 2; stem++) {
            redux_network_options options = REDUX_NETWORK_OPTIONS_INIT, found = options;
            redux_head_options head = REDUX_HEAD_OPTIONS_INIT, heads[2] = {head, head};
            redux_network *network;
            options.arch = (redux_arch)arch;
            options.stem = (redux_stem)stem;
            options.channels = 1 + 2 * stem;
            options.width = arch == 0 ? 0.5 : 0.125;
            options.projection = arch > 0 ? &head : NULL;
            head.widths[1] = arch * 7;
            options.classes = stem * 4;
            ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
            redux_safetensors *file = open_file(save(network, "tell.safetensors", NULL));
            ck_assert_redux_ok(redux_network_options_of(&found, &heads[0], &heads[1], file));
            ck_assert_int_eq(found.arch, options.arch);
            ck_assert_int_eq(found.stem, options.stem);
            ck_assert_int_eq(found.channels, options.channels);
            ck_assert_double_eq(found.width, options.width);
            ck_assert_int_eq(found.projection == NULL, arch == 0);
            ck_assert_ptr_null(found.prediction);
            ck_assert(arch == 0 || heads[0].widths[1] == arch * 7);
            ck_assert_int_eq(found.classes, options.classes);
            redux_safetensors_free(file);
            redux_network_free(network);
        }
}
END_TEST

/* A file of a larger network, or of one with other parts, would give other features. */
START_TEST(a_part_that_is_not_used_is_refused_by_name)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *small, *large;
    options.width = 0.125;
    options.arch = REDUX_RESNET50;
    ck_assert_redux_ok(redux_network_new(&small, NULL, &options));
    options.arch = REDUX_RESNET101;
    ck_assert_redux_ok(redux_network_new(&large, NULL, &options));
    redux_safetensors *file = open_file(save(large, "large.safetensors", NULL));
    ck_assert_redux(REDUX_E_FORMAT, redux_network_load(small, NULL, file));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "layer3."));
    redux_safetensors_free(file);
    static const char *const extra[] = {"layer1.0.se.fc1.weight", "conv1.bias",
                                        "projector.0.weight"};
    for (int i = 0; i < 3; i++) {
        extra_name = extra[i];
        file = open_file(save(small, "extra.safetensors", NULL));
        ck_assert_redux(i < 2 ? REDUX_E_FORMAT : REDUX_OK, redux_network_load(small, NULL, file));
        ck_assert(i == 2 || strstr(redux_error_message(), extra[i]) != NULL);
        redux_safetensors_free(file);
    }
    extra_name = NULL;
    redux_network_free(small);
    redux_network_free(large);
}
END_TEST

START_TEST(weights_come_back_and_nothing_changes_where_they_do_not_fit)
{
    redux_network *a = tiny(1, NULL), *b;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_tensor images = images_of(3, 32, 1, 1);
    ck_assert_redux_ok(redux_network_get_options(&options, a));
    options.seed = 9;
    ck_assert_redux_ok(redux_network_new(&b, NULL, &options));
    ck_assert_redux_ok(redux_network_plan(a, NULL, 3, 32, 32, 0));
    ck_assert_redux_ok(redux_network_plan(b, NULL, 3, 32, 32, 0));
    redux_tensor of_a = run(a, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_EVALUATE);
    redux_tensor before = run(b, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_EVALUATE);
    ck_assert_double_gt(difference(&before, &of_a), 0.01);
    redux_safetensors *file = open_file(save(a, "lacking.safetensors", "layer3.1.bn2.bias"));
    ck_assert_redux(REDUX_E_FORMAT, redux_network_load(b, NULL, file));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "layer3.1.bn2.bias"));
    redux_safetensors_free(file);
    options.width = 0.25;
    redux_network *wide;
    ck_assert_redux_ok(redux_network_new(&wide, NULL, &options));
    file = open_file(save(wide, "wide.safetensors", NULL));
    ck_assert_redux(REDUX_E_FORMAT, redux_network_load(b, NULL, file));
    redux_safetensors_free(file);
    redux_network_free(wide);
    redux_tensor after = run(b, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_EVALUATE);
    ck_assert_mem_eq(after.data, before.data, 9 * sizeof(float));
    file = open_file(save(a, "whole.safetensors", NULL));
    ck_assert_redux_ok(redux_network_load(b, NULL, file));
    redux_safetensors_free(file);
    redux_tensor_release(&after);
    after = run(b, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_EVALUATE);
    ck_assert_mem_eq(after.data, of_a.data, 9 * sizeof(float));
    /* A head that is missing is left as it is. */
    file = open_file(save(a, "headless.safetensors", "fc."));
    ck_assert_redux_ok(redux_network_load(b, NULL, file));
    redux_safetensors_free(file);
    redux_tensor_release(&images);
    redux_tensor_release(&of_a);
    redux_tensor_release(&before);
    redux_tensor_release(&after);
    redux_network_free(a);
    redux_network_free(b);
}
END_TEST

static void check_same_bits(const redux_network *network, const redux_safetensors *file)
{
    const int64_t count = redux_network_parameter_count(network);
    for (int64_t i = 0; i < count; i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        redux_tensor stored, dense;
        ck_assert_redux_ok(
            redux_safetensors_get_tensor(&stored, file, redux_safetensors_find(file, p->name)));
        ck_assert_redux_ok(redux_tensor_contiguous(&dense, NULL, &p->value, p->value.dtype));
        assert_same(&stored, &dense, p->name);
        redux_tensor_release(&stored);
        redux_tensor_release(&dense);
    }
}

static void check_files_are_equal(const char *a, const char *b)
{
    size_t size, other;
    unsigned char *bytes = read_bytes(a, &size), *others = read_bytes(b, &other);
    ck_assert_uint_eq(size, other);
    ck_assert_mem_eq(bytes, others, size);
    free(bytes);
    free(others);
}

/* Saved, loaded into a network of other weights, saved again: the same bytes; what
 * redux_encoder_load reads and what it says of the input are as given. */
START_TEST(a_saved_network_comes_back)
{
    const redux_window lung = {REDUX_WINDOW_RANGE, -1350, 150};
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT, prediction = REDUX_HEAD_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT, seen = REDUX_INPUT_OPTIONS_INIT;
    redux_network *network, *other;
    const char *path = in_scratch("saved.safetensors"), *again = in_scratch("again.safetensors");
    options.arch = (redux_arch)_i;
    options.width = 0.125;
    options.classes = 3;
    options.projection = &head;
    head.batch_norm = 1;
    options.prediction = &prediction;
    options.seed = 5;
    input.window = lung;
    input.size = 48;
    input.mean = 0.1;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    options.seed = 6;
    ck_assert_redux_ok(redux_network_new(&other, NULL, &options));
    /* a weight of bits that hardly any arithmetic gives */
    memcpy(redux_network_parameter(network, 0)->value.data, "\x01\x02\xc0\x3f", 4);
    ck_assert_redux_ok(redux_network_save(path, NULL, network, &input, NULL));
    redux_safetensors *file = open_file(path);
    ck_assert_int_eq(redux_safetensors_tensor_count(file), redux_network_parameter_count(network));
    check_same_bits(network, file);
    ck_assert_str_eq(redux_safetensors_metadata(file, "format"), "pt");
    ck_assert_str_eq(redux_safetensors_metadata(file, "arch"), redux_arch_name(options.arch));
    ck_assert_redux_ok(redux_input_options_of(&seen, file));
    ck_assert(seen.size == 48 && seen.mean == 0.1 && seen.deviation == input.deviation);
    ck_assert(seen.window.low == -1350 && seen.window.high == 150);
    ck_assert_redux_ok(redux_network_load(other, NULL, file));
    redux_safetensors_free(file);
    redux_network_free(network);
    ck_assert_redux_ok(redux_network_save(again, NULL, other, &input, NULL));
    check_files_are_equal(path, again);
    redux_network_free(other);
    ck_assert_redux_ok(redux_encoder_load(&network, &seen, NULL, NULL, path));
    ck_assert_redux_ok(redux_network_save(again, NULL, network, &seen, NULL));
    check_files_are_equal(path, again);
    redux_network_free(network);
}
END_TEST

START_TEST(more_is_saved_beside_a_network)
{
    redux_safetensors_content more = REDUX_SAFETENSORS_CONTENT_INIT;
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(1, 8, 1, 3);
    const char *path = in_scratch("more.safetensors"), *name = "prototypes", *key = "step";
    const char *value = "17", *wrong = "fc.bias", *own = "arch";
    more.count = more.pair_count = 1;
    more.names = &name;
    more.tensors = &images;
    more.keys = &key;
    more.values = &value;
    ck_assert_redux_ok(redux_network_save(path, NULL, network, NULL, &more));
    redux_safetensors *file = open_file(path);
    redux_tensor stored;
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&stored, file, redux_safetensors_find(file, name)));
    assert_same(&stored, &images, name);
    redux_tensor_release(&stored);
    check_same_bits(network, file);
    ck_assert_str_eq(redux_safetensors_metadata(file, "step"), "17");
    ck_assert_ptr_null(redux_safetensors_metadata(file, "window")); /* nothing was said */
    redux_safetensors_free(file);
    more.names = &wrong;
    ck_assert_redux(REDUX_E_INVALID, redux_network_save(path, NULL, network, NULL, &more));
    more.names = &name;
    more.keys = &own;
    ck_assert_redux(REDUX_E_INVALID, redux_network_save(path, NULL, network, NULL, &more));
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* Grey pictures give the same features whatever the channels of the stem. */
START_TEST(stems_of_other_channels)
{
    redux_network *colour = tiny(3, NULL), *grey = tiny(1, NULL), *again = tiny(3, NULL);
    redux_tensor three = images_of(2, 40, 3, 5), one = images_of(2, 40, 1, 5);
    redux_network *all[] = {colour, grey, again};
    for (int i = 0; i < 3; i++)
        ck_assert_redux_ok(redux_network_plan(all[i], NULL, 2, 40, 40, 0));
    redux_tensor want = run(colour, NULL, &three, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
    redux_safetensors *file = open_file(save(colour, "colour.safetensors", NULL));
    ck_assert_redux_ok(redux_network_load(grey, NULL, file));
    redux_safetensors_free(file);
    redux_tensor have = run(grey, NULL, &one, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
    ck_assert_double_lt(difference(&have, &want), 1e-5);
    redux_tensor_release(&have);
    file = open_file(save(grey, "grey.safetensors", NULL));
    ck_assert_redux_ok(redux_network_load(again, NULL, file));
    redux_safetensors_free(file);
    have = run(again, NULL, &three, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
    ck_assert_double_lt(difference(&have, &want), 1e-5);
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    redux_tensor_release(&three);
    redux_tensor_release(&one);
    for (int i = 0; i < 3; i++)
        redux_network_free(all[i]);
}
END_TEST

/* He et al. 2015: normal, by the fan-out; and keyed by name and seed. */
START_TEST(first_weights_are_normal)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network;
    options.width = 0.5;
    options.seed = 3;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    const redux_parameter *p[] = {parameter(network, "layer3.0.conv2.weight"),
                                  parameter(network, "layer3.1.conv1.weight")};
    const int64_t count = redux_tensor_elements(&p[0]->value);
    ck_assert_int_eq(count, 128 * 128 * 9);
    for (int k = 0; k < 2; k++) {
        const float *w = p[k]->value.data;
        double sum = 0, squares = 0, beyond = 0, product = 0;
        const double deviation = sqrt(2.0 / (128 * 9));
        for (int64_t i = 0; i < count; i++) {
            const double z = (double)w[i] / deviation;
            sum += z;
            squares += z * z;
            beyond += fabs(z) > 1.959964;
            product += z * (double)((float *)p[1 - k]->value.data)[i] / deviation;
        }
        /* five standard errors */
        ck_assert_double_le(fabs(sum), 5 * sqrt((double)count));
        ck_assert_double_le(fabs(squares - (double)count), 5 * sqrt(2 * (double)count));
        ck_assert_double_le(fabs(beyond - 0.05 * (double)count), 5 * sqrt(0.0475 * (double)count));
        ck_assert_double_le(fabs(product), 5 * sqrt((double)count));
    }
    redux_network_free(network);
}
END_TEST

/* ---- modes ---- */

START_TEST(running_statistics_follow_in_training_only)
{
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(4, 32, 1, 1), first, second;
    const float *mean = parameter(network, "bn1.running_mean")->value.data;
    const int64_t *seen = parameter(network, "bn1.num_batches_tracked")->value.data;
    ck_assert_redux_ok(redux_network_plan(network, NULL, 4, 32, 32, 1));
    first = run(network, NULL, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_REPEAT);
    ck_assert_float_eq(mean[0], 0);
    ck_assert_int_eq(*seen, 0);
    second = run(network, NULL, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN);
    ck_assert_mem_eq(first.data, second.data, 4 * 64 * sizeof(float));
    ck_assert_float_ne(mean[0], 0);
    ck_assert_int_eq(*seen, 1);
    const float after = mean[0];
    redux_tensor_release(&first);
    first = run(network, NULL, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
    redux_network_freeze(network, 1);
    redux_tensor_release(&second);
    second = run(network, NULL, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN);
    ck_assert_mem_eq(first.data, second.data, 4 * 64 * sizeof(float));
    ck_assert_float_eq(mean[0], after);
    redux_tensor_release(&first);
    redux_tensor_release(&second);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

static double norm_of(const redux_parameter *p)
{
    double sum = 0;
    for (int64_t i = 0; i < redux_tensor_elements(&p->gradient); i++)
        sum += pow((double)((float *)p->gradient.data)[i], 2);
    return sqrt(sum);
}

START_TEST(a_frozen_encoder_gets_no_gradients)
{
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(4, 32, 1, 1);
    ck_assert_redux_ok(redux_network_plan(network, NULL, 4, 32, 32, 1));
    for (int frozen = 0; frozen < 2; frozen++) {
        redux_network_freeze(network, frozen);
        redux_network_zero_gradients(network);
        redux_tensor out = run(network, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_TRAIN);
        ck_assert_redux_ok(redux_network_backward(network, NULL, &out));
        ck_assert((norm_of(parameter(network, "conv1.weight")) == 0) == (frozen == 1));
        ck_assert((norm_of(parameter(network, "layer4.1.bn2.bias")) == 0) == (frozen == 1));
        ck_assert_double_gt(norm_of(parameter(network, "fc.weight")), 0);
        ck_assert(norm_of(parameter(network, "projection.0.weight")) == 0);
        const double once = norm_of(parameter(network, "fc.bias"));
        redux_tensor_release(&out);
        out = run(network, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_REPEAT);
        ck_assert_redux_ok(redux_network_backward(network, NULL, &out));
        ck_assert_double_eq_tol(norm_of(parameter(network, "fc.bias")), 2 * once, 1e-5 * once);
        redux_tensor_release(&out);
    }
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* What counts is whether it was frozen when it went forward. */
START_TEST(thawed_between_forward_and_backward)
{
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(4, 32, 1, 1);
    ck_assert_redux_ok(redux_network_plan(network, NULL, 4, 32, 32, 1));
    redux_network_freeze(network, 1);
    redux_tensor out = run(network, NULL, &images, REDUX_OUTPUT_CLASSES, REDUX_MODE_TRAIN);
    redux_network_freeze(network, 0);
    ck_assert_redux_ok(redux_network_backward(network, NULL, &out));
    ck_assert(norm_of(parameter(network, "conv1.weight")) == 0);
    ck_assert_double_gt(norm_of(parameter(network, "fc.weight")), 0);
    /* A new plan forgets the forward, also one that fails. */
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan(network, NULL, 4, 0, 32, 1));
    ck_assert_redux_ok(redux_network_plan(network, NULL, 2, 16, 16, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_network_backward(network, NULL, &out));
    redux_tensor_release(&out);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

/* The whole network along one direction: the loss's change against what the gradients say. */
START_TEST(gradients_are_the_slope_of_the_whole)
{
    double worst = 0;
    for (int arch = 0; arch < 3; arch += 2)
        for (int stem = 0; stem < 2; stem++) {
            redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
            redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
            redux_network *network;
            redux_tensor images = images_of(8, 48, 1, 3);
            const redux_random_key key = {11, 0, 0, 0};
            double sums[2], said = 0;
            options.arch = (redux_arch)arch;
            options.stem = (redux_stem)stem;
            options.width = 0.125;
            options.projection = &head;
            head.widths[1] = 5;
            ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
            ck_assert_redux_ok(redux_network_plan(network, NULL, 8, 48, 48, 1));
            redux_network_zero_gradients(network);
            redux_tensor out =
                run(network, NULL, &images, REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN);
            redux_tensor d = out;
            float weights[40];
            for (uint32_t i = 0; i < 40; i++)
                weights[i] = (float)redux_random_normal(&key, i);
            d.data = weights;
            ck_assert_redux_ok(redux_network_backward(network, NULL, &d));
            redux_tensor_release(&out);
            /* The direction of the gradient itself, of one layer early and one late. */
            const redux_parameter *along[] = {parameter(network, "layer1.0.conv1.weight"),
                                              parameter(network, "layer4.1.bn1.weight")};
            for (int p = 0; p < 2; p++) {
                const int64_t count = redux_tensor_elements(&along[p]->value);
                /* a step that changes the loss by 1e-3: above rounding, below the next ReLUs */
                const double norm = norm_of(along[p]), h = 1e-3 / norm;
                for (int side = 0; side < 2; side++) {
                    float *kept = malloc((size_t)count * sizeof *kept);
                    float *value = along[p]->value.data, *g = along[p]->gradient.data;
                    ck_assert_ptr_nonnull(kept);
                    memcpy(kept, value, (size_t)count * sizeof *kept);
                    for (int64_t i = 0; i < count; i++)
                        value[i] += (float)((side == 0 ? h : -h) * (double)g[i] / norm);
                    out = run(network, NULL, &images, REDUX_OUTPUT_PROJECTION, REDUX_MODE_REPEAT);
                    sums[side] = 0;
                    for (int i = 0; i < 40; i++)
                        sums[side] += (double)((float *)out.data)[i] * (double)weights[i];
                    redux_tensor_release(&out);
                    memcpy(value, kept, (size_t)count * sizeof *kept);
                    free(kept);
                }
                said = (sums[0] - sums[1]) / (2 * h);
                /* single precision, and ReLUs that switch on the way */
                ck_assert_double_eq_tol(said / norm, 1, 0.03);
                worst = fmax(worst, fabs(said / norm - 1));
            }
            redux_tensor_release(&images);
            redux_network_free(network);
        }
    report_difference("slope of a whole network, float32", worst);
}
END_TEST

/* ---- memory, threads, errors ---- */

START_TEST(a_step_allocates_nothing)
{
    counter c;
    redux_context *context = counted_context(&c, 2);
    redux_network *network = tiny(1, context);
    redux_tensor images = images_of(6, 40, 1, 1), small = images_of(3, 24, 1, 2);
    ck_assert_redux_ok(redux_network_plan(network, context, 6, 40, 40, 1));
    ck_assert_uint_gt(redux_network_planned_bytes(network), 0);
    const int before = c.calls;
    for (int i = 0; i < 2; i++) {
        redux_tensor out = run(network, context, i == 0 ? &images : &small, REDUX_OUTPUT_PROJECTION,
                               REDUX_MODE_TRAIN);
        ck_assert_redux_ok(redux_network_backward(network, context, &out));
        redux_tensor_release(&out);
    }
    ck_assert_int_eq(c.calls, before);
    redux_network_free(network);
    redux_tensor_release(&images);
    redux_tensor_release(&small);
    redux_context_free(context);
}
END_TEST

START_TEST(bits_do_not_depend_on_threads)
{
    redux_tensor images = images_of(16, 40, 1, 1), first = REDUX_TENSOR_INIT;
    float *gradients = NULL;
    for (int threads = 1; threads < 4; threads++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        redux_network *network = tiny(1, context);
        const redux_parameter *weight = parameter(network, "layer2.0.conv1.weight");
        const size_t bytes = (size_t)redux_tensor_elements(&weight->gradient) * sizeof(float);
        ck_assert_redux_ok(redux_network_plan(network, context, 16, 40, 40, 1));
        redux_tensor out =
            run(network, context, &images, REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN);
        ck_assert_redux_ok(redux_network_backward(network, context, &out));
        if (threads == 1) {
            first = out;
            gradients = malloc(bytes);
            ck_assert_ptr_nonnull(gradients);
            memcpy(gradients, weight->gradient.data, bytes);
        } else {
            ck_assert_mem_eq(out.data, first.data, 16 * 6 * sizeof(float));
            ck_assert_mem_eq(weight->gradient.data, gradients, bytes);
            redux_tensor_release(&out);
        }
        redux_network_free(network);
        redux_context_free(context);
    }
    free(gradients);
    redux_tensor_release(&first);
    redux_tensor_release(&images);
}
END_TEST

/* Fewer and smaller images than planned, and others beside one, do not change what it gives. */
/* ---- groups, and passes without a backward ---- */

static void assert_same_gradients(const redux_network *a, const redux_network *b)
{
    for (int64_t i = 0; i < redux_network_parameter_count(a); i++) {
        const redux_parameter *p = redux_network_parameter(a, i),
                              *q = redux_network_parameter(b, i);
        const size_t bytes =
            (size_t)redux_tensor_elements(&p->value) * redux_dtype_size(p->value.dtype);
        ck_assert_msg(memcmp(p->value.data, q->value.data, bytes) == 0, "%s", p->name);
        if (p->gradient.data != NULL)
            ck_assert_msg(memcmp(p->gradient.data, q->gradient.data, bytes) == 0, "%s", p->name);
    }
}

/* Images of three sizes in one pass: features, gradients and running statistics are those of three
 * passes, bit for bit, in less memory than three networks. */
START_TEST(groups_are_passes_of_their_own)
{
    static const int64_t shapes[] = {5, 40, 40, 3, 24, 24, 4, 33, 33};
    redux_network *one = tiny(1, NULL), *other = tiny(1, NULL);
    const int64_t width = redux_network_features(one), all[] = {12, width};
    redux_tensor images[3], out, d_out;
    uint64_t bytes = 0;
    int64_t row = 0;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, all));
    ck_assert_redux_ok(redux_tensor_new(&d_out, NULL, REDUX_FLOAT32, 2, all));
    for (int64_t i = 0; i < 12 * width; i++)
        ((float *)d_out.data)[i] = (float)(i % 7 - 3);
    for (int g = 0; g < 3; g++) {
        redux_network *alone = tiny(1, NULL);
        const int64_t *s = shapes + (ptrdiff_t)3 * g;
        images[g] = images_of(s[0], s[1], 1, (uint64_t)g);
        ck_assert_redux_ok(redux_network_plan(alone, NULL, s[0], s[1], s[2], 1));
        bytes += redux_network_planned_bytes(alone);
        redux_network_free(alone);
    }
    ck_assert_redux_ok(redux_network_plan_groups(one, NULL, shapes, 3, 1));
    ck_assert_uint_lt(redux_network_planned_bytes(one), bytes);
    ck_assert_redux_ok(redux_network_forward_groups(&out, NULL, one, images, 3,
                                                    REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN));
    ck_assert_redux_ok(redux_network_backward(one, NULL, &d_out));
    ck_assert_redux_ok(redux_network_plan(other, NULL, 5, 40, 40, 1));
    for (int g = 0; g < 3; g++) {
        const int64_t n = images[g].shape[0];
        redux_tensor d;
        redux_tensor have = run(other, NULL, &images[g], REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN);
        ck_assert_mem_eq(have.data, (float *)out.data + row * width,
                         (size_t)(n * width) * sizeof(float));
        ck_assert_redux_ok(redux_tensor_slice(&d, &d_out, 0, row, n, 1));
        ck_assert_redux_ok(redux_network_backward(other, NULL, &d));
        redux_tensor_release(&d);
        redux_tensor_release(&have);
        redux_tensor_release(&images[g]);
        row += n;
    }
    assert_same_gradients(one, other);
    redux_network_free(one);
    redux_network_free(other);
    redux_tensor_release(&out);
    redux_tensor_release(&d_out);
}
END_TEST

/* A head with batch norm takes the rows of all groups together. */
START_TEST(heads_take_all_groups)
{
    static const int64_t shapes[] = {4, 32, 32, 6, 24, 24};
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    const int64_t all[] = {10, 5};
    redux_tensor images[2], out, *const both[] = {&images[0], &images[1]};
    redux_network *network;
    head.widths[1] = 5;
    head.batch_norm = 2; /* of the outputs */
    options.width = 0.125;
    options.projection = &head;
    for (int g = 0; g < 2; g++)
        images[g] = images_of(shapes[3 * g], shapes[3 * g + 1], 1, (uint64_t)g);
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    ck_assert_redux_ok(redux_network_plan_groups(network, NULL, shapes, 2, 1));
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, all));
    ck_assert_redux_ok(redux_network_forward_groups(&out, NULL, network, images, 2,
                                                    REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN));
    for (int k = 0; k < 5; k++) {
        double sum = 0, part = 0;
        for (int i = 0; i < 10; i++) {
            sum += (double)((float *)out.data)[i * 5 + k];
            part += i < 4 ? (double)((float *)out.data)[i * 5 + k] : 0;
        }
        ck_assert_double_eq_tol(sum, 0, 1e-5);
        ck_assert_double_gt(fabs(part), 1e-3);
    }
    for (int g = 0; g < 2; g++)
        redux_tensor_release(both[g]);
    redux_tensor_release(&out);
    redux_network_free(network);
}
END_TEST

/* As in training, bit for bit, running statistics too, in the memory of evaluation. */
START_TEST(a_pass_without_gradient)
{
    redux_tensor images = images_of(6, 40, 1, 9);
    redux_network *slim = tiny(1, NULL), *whole = tiny(1, NULL);
    ck_assert_redux_ok(redux_network_plan(slim, NULL, 6, 40, 40, 0));
    ck_assert_redux_ok(redux_network_plan(whole, NULL, 6, 40, 40, 1));
    ck_assert_uint_lt(2 * redux_network_planned_bytes(slim), redux_network_planned_bytes(whole));
    redux_tensor want = run(whole, NULL, &images, REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN);
    redux_tensor have = run(slim, NULL, &images, REDUX_OUTPUT_PROJECTION, REDUX_MODE_NO_GRADIENT);
    ck_assert_mem_eq(have.data, want.data, (size_t)redux_tensor_elements(&want) * sizeof(float));
    assert_same_gradients(slim, whole);
    ck_assert_redux(REDUX_E_INVALID, redux_network_backward(slim, NULL, &have));
    redux_network_free(slim);
    redux_network_free(whole);
    redux_tensor_release(&images);
    redux_tensor_release(&want);
    redux_tensor_release(&have);
}
END_TEST

START_TEST(groups_that_make_no_sense)
{
    int64_t shapes[3 * (REDUX_NETWORK_GROUPS + 1)];
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(2, 16, 1, 9), out;
    const int64_t wide[] = {4, 6};
    for (int i = 0; i < 3 * (REDUX_NETWORK_GROUPS + 1); i++)
        shapes[i] = 16;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, wide));
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan_groups(network, NULL, shapes, 0, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan_groups(network, NULL, NULL, 1, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan_groups(NULL, NULL, shapes, 1, 1));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_network_plan_groups(network, NULL, shapes, REDUX_NETWORK_GROUPS + 1, 1));
    shapes[4] = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan_groups(network, NULL, shapes, 2, 1));
    ck_assert_redux_ok(redux_network_plan_groups(network, NULL, shapes, 1, 1));
    for (int count = 0; count < 2; count++) /* no group, and rows for two */
        ck_assert_redux(REDUX_E_INVALID,
                        redux_network_forward_groups(&out, NULL, network, &images, count,
                                                     REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN));
    redux_network_free(network);
    redux_tensor_release(&images);
    redux_tensor_release(&out);
}
END_TEST

START_TEST(what_an_image_gives_does_not_hang_on_others)
{
    redux_network *network = tiny(1, NULL);
    redux_tensor images = images_of(7, 33, 1, 1), one;
    ck_assert_redux_ok(redux_network_plan(network, NULL, 9, 50, 50, 0));
    redux_tensor all = run(network, NULL, &images, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
    for (int64_t i = 0; i < 7; i++) {
        redux_tensor row;
        ck_assert_redux_ok(redux_tensor_slice(&one, &images, 0, i, 1, 1));
        ck_assert_redux_ok(redux_tensor_slice(&row, &all, 0, i, 1, 1));
        redux_tensor alone = run(network, NULL, &one, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
        ck_assert_double_lt(difference(&alone, &row), 1e-5);
        redux_tensor_release(&alone);
        redux_tensor_release(&row);
        redux_tensor_release(&one);
    }
    redux_tensor_release(&all);
    redux_tensor_release(&images);
    redux_network_free(network);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    redux_network *network = tiny(1, NULL), *none = NULL;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_tensor images = images_of(2, 32, 1, 1), colour = images_of(2, 32, 3, 1), out;
    const int64_t shape[] = {2, 64};
    redux_arch arch;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_arch_parse(&arch, "resnet19"));
    options.channels = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_network_new(&none, NULL, &options));
    options.channels = 1;
    options.width = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_network_new(&none, NULL, &options));
    options.width = 0.3; /* files could not tell it */
    ck_assert_redux(REDUX_E_INVALID, redux_network_new(&none, NULL, &options));
    ck_assert_redux(REDUX_E_INVALID, redux_network_backward(network, NULL, &out));
    ck_assert_redux(REDUX_E_INVALID, redux_network_plan(network, NULL, 0, 32, 32, 0));
    ck_assert_redux(REDUX_E_INVALID, /* not planned */
                    redux_network_forward(&out, NULL, network, &images, REDUX_OUTPUT_FEATURES,
                                          REDUX_MODE_EVALUATE));
    ck_assert_redux_ok(redux_network_plan(network, NULL, 2, 32, 32, 0));
    redux_tensor flat = images;
    flat.shape[1] = 0;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_network_forward(&out, NULL, network, &flat, REDUX_OUTPUT_FEATURES,
                                          REDUX_MODE_EVALUATE));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_network_forward(&out, NULL, network, &colour, REDUX_OUTPUT_FEATURES,
                                          REDUX_MODE_EVALUATE));
    ck_assert_redux(REDUX_E_INVALID, /* wrong width */
                    redux_network_forward(&out, NULL, network, &images, REDUX_OUTPUT_PROJECTION,
                                          REDUX_MODE_EVALUATE));
    ck_assert_redux(REDUX_E_INVALID, /* planned for evaluation */
                    redux_network_forward(&out, NULL, network, &images, REDUX_OUTPUT_FEATURES,
                                          REDUX_MODE_TRAIN));
    ck_assert_redux_ok(redux_network_forward(&out, NULL, network, &images, REDUX_OUTPUT_FEATURES,
                                             REDUX_MODE_EVALUATE));
    ck_assert_redux(REDUX_E_INVALID, redux_network_backward(network, NULL, &out));
    redux_tensor_release(&images);
    redux_tensor_release(&colour);
    redux_tensor_release(&out);
    redux_network_free(network);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    tcase_set_timeout(cases, 30);
    tcase_add_unchecked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_loop_test(cases, names_and_shapes_are_torchvisions, REDUX_RESNET18,
                        REDUX_RESNET18 + 1);
    tcase_add_loop_test(slow_tests(suite, 60), names_and_shapes_are_torchvisions,
                        REDUX_RESNET18 + 1, REDUX_RESNET152 + 1);
    tcase_add_test(cases, a_file_tells_its_network);
    tcase_add_test(cases, encoders_behind_prefixes);
    tcase_add_test(cases, a_part_that_is_not_used_is_refused_by_name);
    tcase_add_test(cases, weights_come_back_and_nothing_changes_where_they_do_not_fit);
    tcase_add_test(cases, stems_of_other_channels);
    tcase_add_loop_test(cases, a_saved_network_comes_back, REDUX_RESNET18, REDUX_RESNET50 + 1);
    tcase_add_test(cases, more_is_saved_beside_a_network);
    tcase_add_test(cases, first_weights_are_normal);
    tcase_add_test(cases, running_statistics_follow_in_training_only);
    tcase_add_test(cases, a_frozen_encoder_gets_no_gradients);
    tcase_add_test(cases, thawed_between_forward_and_backward);
    tcase_add_test(cases, gradients_are_the_slope_of_the_whole);
    tcase_add_test(cases, a_step_allocates_nothing);
    tcase_add_test(cases, bits_do_not_depend_on_threads);
    tcase_add_test(cases, what_an_image_gives_does_not_hang_on_others);
    tcase_add_test(cases, groups_are_passes_of_their_own);
    tcase_add_test(cases, heads_take_all_groups);
    tcase_add_test(cases, a_pass_without_gradient);
    tcase_add_test(cases, groups_that_make_no_sense);
    tcase_add_test(cases, nonsense_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
