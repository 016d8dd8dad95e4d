/* SPDX-License-Identifier: MIT
 * Finding volumes: order, names, folders, links, what is left out; slices from several threads. */
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <zlib.h>
#include "io/io.h"
#include "support/counted.h"
#include "support/test_io.h"

static const redux_dataset_options defaults = REDUX_DATASET_OPTIONS_INIT;

/* Golden files of either kind, by the folder they come from. */
static const char *place(const char *archive, const char *name, const char *as)
{
    golden_archive = archive;
    return unpack_as(name, as);
}

#define PICTURES "tests/golden/data/io/pictures.npz"
#define ARRAYS "tests/golden/data/io/arrays.npz"
#define NIFTI "tests/golden/data/io/nifti.npz"

/* Loop tests come by more than once. */
static void folder(const char *name)
{
    ck_assert(mkdir(in_scratch(name), 0755) == 0 || errno == EEXIST);
}

/* The sources of all slices, without the scratch folder, joined by spaces: "a.nii:0 a.nii:1". */
static const char *listing(const redux_dataset *dataset)
{
    static char out[8192];
    size_t used = 0;
    out[0] = '\0';
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        for (int64_t s = 0; s < info.slices; s++) {
            const char *source;
            int64_t index;
            ck_assert_redux_ok(redux_dataset_get_slice_name(&source, &index, dataset, v, s));
            const size_t skip =
                strncmp(source, scratch, strlen(scratch)) == 0 ? strlen(scratch) + 1 : 0;
            used +=
                (size_t)snprintf(out + used, sizeof out - used, "%s%s:%lld%s", used > 0 ? " " : "",
                                 source + skip, (long long)index, s == 0 ? "*" : "");
        }
    }
    return out;
}

static void assert_listing(const char *want, const char *const *paths, int64_t count)
{
    redux_dataset *dataset;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, count, NULL));
    ck_assert_str_eq(listing(dataset), want);
    redux_dataset_free(dataset);
}

START_TEST(natural_order)
{
    static const char *const sorted[] = {"",
                                         "01",
                                         "1",
                                         "2",
                                         "010",
                                         "10",
                                         "A1",
                                         "B",
                                         "a",
                                         "a1",
                                         "a01b2",
                                         "a1b2",
                                         "a1b10",
                                         "a2",
                                         "a10",
                                         "a10x",
                                         "a10x3",
                                         "b99999999999999999999",
                                         "b100000000000000000000",
                                         "x-1",
                                         "x0",
                                         "\xc3\xa4"};
    const int count = (int)(sizeof sorted / sizeof sorted[0]);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            const int have = rdx_natural_compare(sorted[i], sorted[j]);
            ck_assert_msg((have > 0) - (have < 0) == (i > j) - (i < j), "'%s' and '%s': %d",
                          sorted[i], sorted[j], have);
        }
}
END_TEST

/* Everything at once: kinds mixed, hidden and other files, folders within folders. */
START_TEST(folders)
{
    folder("tree");
    folder("tree/s2");
    folder("tree/s10");
    folder("tree/s2/.hidden");
    folder("tree/empty");
    place(PICTURES, "l.png", "tree/s10/1.png");
    place(PICTURES, "l.png", "tree/s2/img10.png");
    place(PICTURES, "l.jpg", "tree/s2/img2.JPG");
    place(PICTURES, "l.jpg", "tree/s2/img1.jpeg");
    place(PICTURES, "l.png", "tree/s2/.img0.png");
    place(PICTURES, "l.png", "tree/s2/.hidden/img0.png");
    place(NIFTI, "flat.nii", "tree/s2/img3.nii");
    place(NIFTI, "flat.nii", "tree/s2/a.NII");
    place(NIFTI, "pair.hdr", "tree/s2/z.hdr");
    place(NIFTI, "pair.img", "tree/s2/z.img");
    place(ARRAYS, "grey3d.npy", "tree/b.npy");
    place(ARRAYS, "deflated.npz", "tree/c.npz");
    place(PICTURES, "l.png", "tree/t.png");
    write_bytes(in_scratch("tree/labels.csv"), "x", 1);
    write_bytes(in_scratch("tree/s2/notes.txt"), "x", 1);
    write_bytes(in_scratch("tree/s2/png"), "x", 1);
    const char *want = "tree/b.npy:0* tree/b.npy:1 tree/b.npy:2 tree/b.npy:3 tree/c.npz:b:0* "
                       "tree/c.npz:b:1 tree/c.npz:b:2 tree/c.npz:b:3 tree/s2/a.NII:0* "
                       "tree/s2/img1.jpeg:0* tree/s2/img2.JPG:0 tree/s2/img10.png:0 "
                       "tree/s2/img3.nii:0* tree/s2/z.hdr:0* tree/s2/z.hdr:1 tree/s2/z.hdr:2 "
                       "tree/s2/z.hdr:3 tree/s2/z.hdr:4 tree/s10/1.png:0* tree/t.png:0*";
    const char *plain = in_scratch("tree"), *slashed = in_scratch("tree//");
    assert_listing(want, &plain, 1);
    assert_listing(want, &slashed, 1);
    redux_dataset *dataset;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    ck_assert_redux_ok(open_path(&dataset, plain, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 8);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 20);
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 3));
    ck_assert_str_eq(info.source, in_scratch("tree/s2"));
    ck_assert_str_eq(info.format, "picture");
    ck_assert_int_eq(info.slices, 3);
    uint32_t crc = 0, sum = 0;
    static const char *const pictures[] = {"tree/s2/img1.jpeg", "tree/s2/img2.JPG",
                                           "tree/s2/img10.png"};
    size_t size, total = 0;
    for (int i = 0; i < 3; i++) {
        unsigned char *bytes = read_bytes(in_scratch(pictures[i]), &size);
        sum = (uint32_t)crc32(sum, bytes, (uInt)size);
        total += size;
        free(bytes);
    }
    ck_assert_redux_ok(redux_dataset_checksum(&crc, NULL, dataset, 3));
    ck_assert_uint_eq(crc, sum);
    ck_assert_uint_eq(info.bytes, total);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(arguments)
{
    folder("args");
    folder("args/one");
    folder("args/two");
    place(PICTURES, "l.png", "args/one/b.png");
    place(PICTURES, "l.png", "args/one/a.png");
    place(PICTURES, "l.png", "args/two/a.png");
    place(NIFTI, "flat.nii", "args/one/x.nii");
    const char *a = in_scratch("args/one/a.png"), *b = in_scratch("args/one/b.png");
    const char *c = in_scratch("args/two/a.png"), *x = in_scratch("args/one/x.nii");
    const char *one = in_scratch("args/one");
    /* In the order given; runs of one folder are one volume; a '*' begins each. A file that was
     * given before is read once. */
    const char *runs[] = {b, c, a, x, b, b};
    assert_listing("args/one/b.png:0* args/two/a.png:0* args/one/a.png:0* args/one/x.nii:0*", runs,
                   6);
    const char *after[] = {one, a};
    assert_listing("args/one/a.png:0* args/one/b.png:0 args/one/x.nii:0*", after, 2);
    char here[4096]; /* relative names stay relative */
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_int_eq(chdir(one), 0);
    const char *relative[] = {"a.png", "b.png", ".", "../two"};
    redux_dataset *dataset;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, relative, 4, NULL));
    ck_assert_str_eq(listing(dataset), "a.png:0* b.png:0 ./x.nii:0* ../two/a.png:0*");
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_str_eq(info.source, ".");
    redux_dataset_free(dataset);
    ck_assert_int_eq(chdir(here), 0);
}
END_TEST

START_TEST(archives)
{
    const char *medmnist = place(ARRAYS, "medmnist.npz", "medmnist.npz");
    assert_listing("medmnist.npz:train_images:0* medmnist.npz:train_images:1 "
                   "medmnist.npz:train_images:2 medmnist.npz:train_images:3 "
                   "medmnist.npz:val_images:0* medmnist.npz:test_images:0* "
                   "medmnist.npz:test_images:1",
                   &medmnist, 1);
    const char *keyed[] = {in_scratch("medmnist.npz:test_images"),
                           in_scratch("medmnist.npz:train_labels")};
    assert_listing("medmnist.npz:test_images:0* medmnist.npz:test_images:1 "
                   "medmnist.npz:train_labels:0*",
                   keyed, 2);
    const char *flat = place(ARRAYS, "flat.npz", "flat.npz");
    redux_dataset *table;
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&table, flat, NULL)); /* 4 x 5: a table */
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "flat.npz:KEY"));
    const char *named_two[] = {in_scratch("flat.npz:one"), in_scratch("flat.npz:two")};
    assert_listing("flat.npz:one:0* flat.npz:two:0*", named_two, 2);
    const char *colour = place(ARRAYS, "colour.npz", "colour.NPZ");
    assert_listing("colour.NPZ:images:0* colour.NPZ:images:1 colour.NPZ:images:2", &colour, 1);

    redux_dataset *dataset;
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("flat.npz:none"), NULL));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("none.npz:one"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&dataset, in_scratch("flat.npz:line"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, in_scratch("medmnist.npz:names"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "labels.npz", "labels.npz"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "no_slices.npz", "zero.npz"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "zero.npz:images"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "0 x 4 x 4"));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "empty.npy", "empty.npy"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "many.npy", "many.npy"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "bool_colour.npy", "bc.npy"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    open_path(&dataset, place(ARRAYS, "complex.npy", "complex.npy"), NULL));
}
END_TEST

/* Arrays as volumes: the slices against NumPy's. */
static void assert_slices(const char *name, const char *key, int64_t only)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor have = REDUX_TENSOR_INIT, want, all;
    const char *path = place(ARRAYS, name, name);
    golden(&all, key);
    ck_assert_redux_ok(
        redux_tensor_slice(&want, &all, 0, only < 0 ? 0 : only, only < 0 ? all.shape[0] : 1, 1));
    ck_assert_redux_ok(read_volume(&have, &info, path, NULL));
    if (have.dtype != want.dtype) { /* stored wider */
        redux_tensor wide;
        ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &want, have.dtype));
        redux_tensor_release(&want);
        want = wide;
    }
    assert_same(&have, &want, name);
    ck_assert_double_eq(info.slope, 1);
    ck_assert_double_eq(info.intercept, 0);
    ck_assert_int_eq(info.same_slices, 1);
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    redux_tensor_release(&all);
}

START_TEST(arrays)
{
    assert_slices("grey3d.npy", "want/images", -1);
    assert_slices("grey3d_f.npy", "want/images", -1);
    assert_slices("grey2d.npy", "want/images", 0);
    assert_slices("grey2d_f.npy", "want/images", 0);
    assert_slices("colour.npy", "want/colour", -1);
    assert_slices("rgba.npy", "want/colour", -1);
    assert_slices("colour16.npy", "want/colour16", -1);
    assert_slices("colour_f4.npy", "want/colour_f4", -1);
    assert_slices("half.npy", "want/half", -1);
    assert_slices("bool.npy", "want/bool", -1);
    assert_slices("colour.npz", "want/colour", -1);
}
END_TEST

START_TEST(pictures_as_slices)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor have, want;
    folder("album");
    place(PICTURES, "rgb.png", "album/1.png");
    place(PICTURES, "grey16.png", "album/2.png");
    place(PICTURES, "l.jpg", "album/3.png"); /* told by its content */
    place(PICTURES, "one_pixel.png", "album/4.png");
    ck_assert_redux_ok(open_path(&dataset, in_scratch("album"), NULL));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_int_eq(info.slices, 4);
    static const char *const keys[] = {"grey/rgb.png", "grey/grey16.png", "grey/l.jpg",
                                       "grey/one_pixel.png"};
    for (int i = 0; i < 4; i++) {
        golden(&want, keys[i]);
        ck_assert_redux_ok(redux_volume_slice(&have, NULL, volume, i));
        assert_same(&have, &want, keys[i]);
        redux_tensor_release(&have);
        redux_tensor_release(&want);
    }
    unlink(in_scratch("album/2.png"));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_volume_slice(&have, NULL, volume, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "album/2.png"));
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(links)
{
    redux_dataset *dataset;
    redux_dataset_options options = defaults;
    folder("linked");
    folder("linked/deep");
    folder("elsewhere");
    place(NIFTI, "flat.nii", "linked/deep/a.nii");
    place(NIFTI, "flat.nii", "elsewhere/b.nii");
    ck_assert_int_eq(symlink("..", in_scratch("linked/deep/up")), 0);
    ck_assert_int_eq(symlink(".", in_scratch("linked/self")), 0);
    ck_assert_int_eq(symlink("../elsewhere", in_scratch("linked/other")), 0);
    ck_assert_int_eq(symlink("../elsewhere/b.nii", in_scratch("linked/file.nii")), 0);
    const char *path = in_scratch("linked");
    assert_listing("linked/deep/a.nii:0* linked/file.nii:0*", &path,
                   1); /* other/b.nii is file.nii */
    ck_assert_int_eq(symlink("nowhere", in_scratch("linked/broken.nii")), 0);
    ck_assert_int_eq(symlink("nowhere", in_scratch("linked/broken.txt")), 0);
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, path, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "broken.nii"));
    options.skip_errors = 1;
    ck_assert_redux_ok(open_path(&dataset, path, &options));
    ck_assert_int_eq(redux_dataset_skipped_count(dataset), 1);
    redux_dataset_free(dataset);
    ck_assert_int_eq(mkfifo(in_scratch("linked/pipe.nii"), 0644), 0); /* ignored, never opened */
    ck_assert_redux_ok(open_path(&dataset, path, &options));
    ck_assert_int_eq(redux_dataset_skipped_count(dataset), 1);
    redux_dataset_free(dataset);
    ck_assert_redux(REDUX_E_IO, open_path(&dataset, in_scratch("linked/pipe.nii"), NULL));
}
END_TEST

START_TEST(nothing_there)
{
    redux_dataset *dataset = NULL;
    folder("bare");
    folder("bare/inner");
    write_bytes(in_scratch("bare/labels.csv"), "x", 1);
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("bare"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "bare"));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("missing"), NULL));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("missing.png"), NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&dataset, in_scratch("bare/labels.csv"), NULL));
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, "", NULL));
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_open(&dataset, NULL, NULL, 0, NULL));
    ck_assert_ptr_null(dataset);
    redux_dataset_free(NULL);
    redux_volume_free(NULL);
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(in_scratch("bare/inner"), 0), 0);
        ck_assert_redux(REDUX_E_IO, open_path(&dataset, in_scratch("bare"), NULL));
        chmod(in_scratch("bare/inner"), 0755);
    }
}
END_TEST

static void keep_warnings(redux_log_level level, const char *line, void *user)
{
    if (level >= REDUX_LOG_WARNING)
        snprintf((char *)user + strlen(user), 1000 - strlen(user), "%s\n", line);
}

/* Pictures of kinds that are not read are not left out in silence; what else lies there is. */
/* What looks like data and is not read is counted by suffix or content, and named. */
START_TEST(unread_kinds)
{
    char log[2000] = "";
    redux_context *context;
    redux_dataset *dataset = NULL;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    const char *files[] = {"a.bmp", "B.GIF", "c.bmp", "d.nii.bz2", "labels.csv", ".e.bmp", "bmp"};
    const char *path = in_scratch("unread");
    options.log = keep_warnings;
    options.log_user = log;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    folder("unread");
    folder("unread/.hidden");
    folder("unread/x.zarr");
    for (int i = 0; i < 7; i++)
        write_bytes(in_scratch(text("unread/%s", files[i])), "x", 1);
    write_bytes(in_scratch("unread/data"), "\x89HDF\r\n\x1a\n", 8);
    write_bytes(in_scratch("unread/scan.v2"), "\x89PNG\r\n\x1a\n", 8);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_dataset_open(&dataset, context, &path, 1, NULL));
    static const char *const lines[] = {
        "passed over: files of a format that is not read (.bmp: mogrify -format png FILE, of "
        "ImageMagick) (2): %s/",
        "passed over: files of a format that is not read (.gif: mogrify -format png FILE, of "
        "ImageMagick) (1): %s/B.GIF\n",
        "passed over: files of a format that is not read (.nii.bz2: bunzip2 FILE) (1): "
        "%s/d.nii.bz2\n",
        "passed over: folders of a format that is not read (.zarr: in Python: "
        "numpy.save(\"OUT.npy\", zarr.open(FOLDER)[NAME][...])) (1): %s/x.zarr\n",
        "passed over: files that look like HDF5, by a name that is not known (1): %s/data\n",
        "passed over: files that look like PNG, by a name that is not known (1): %s/scan.v2\n"};
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&dataset, in_scratch("unread/x.zarr"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "zarr.open"));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&dataset, in_scratch("unread/B.GIF"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "mogrify"));
    for (int i = 0; i < 6; i++) {
        char want[400];
        snprintf(want, sizeof want, lines[i], path);
        ck_assert_msg(strstr(log, want) != NULL, "%s in %s", want, log);
    }
    redux_context_free(context);
    /* Beside data they are known to the dataset. */
    place(PICTURES, "l.png", "unread/1.png");
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_passed_over_count(dataset), 7);
    int64_t total = 0;
    for (int64_t i = 0; i < 7; i++) {
        redux_passed_over passed = REDUX_PASSED_OVER_INIT;
        ck_assert_redux_ok(redux_dataset_get_passed_over(&passed, dataset, i));
        ck_assert_ptr_nonnull(strstr(passed.names, path));
        total += passed.count;
    }
    ck_assert_int_eq(total, 8);
    redux_passed_over passed = REDUX_PASSED_OVER_INIT;
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_get_passed_over(&passed, dataset, 7));
    redux_dataset_free(dataset);
}
END_TEST

/* The same file by several paths: links, the folder and its parent, the name itself. */
START_TEST(given_twice)
{
    char log[2000] = "";
    redux_context *context;
    redux_dataset *dataset = NULL;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    options.log = keep_warnings;
    options.log_user = log;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    folder("twice");
    folder("twice/sub");
    place(NIFTI, "flat.nii", "twice/sub/flat.nii");
    place(PICTURES, "l.png", "twice/sub/1.png");
    place(ARRAYS, "deflated.npz", "twice/sub/a.npz");
    ck_assert_int_eq(symlink("sub/flat.nii", in_scratch("twice/link.nii")), 0);
    ck_assert_int_eq(link(in_scratch("twice/sub/1.png"), in_scratch("twice/hard.png")), 0);
    const char *once[] = {in_scratch("twice")};
    const char *often[] = {in_scratch("twice"), in_scratch("twice/sub"),
                           in_scratch("twice/./sub/1.png"), in_scratch("twice/sub/flat.nii")};
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, once, 1, NULL));
    const int64_t slices = redux_dataset_slice_count(dataset),
                  volumes = redux_dataset_volume_count(dataset);
    ck_assert_ptr_nonnull(strstr(log, "passed over: files that were given before"));
    redux_dataset_free(dataset);
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, often, 4, NULL));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), slices);
    ck_assert_int_eq(redux_dataset_volume_count(dataset), volumes);
    redux_dataset_free(dataset);
    redux_context_free(context);
}
END_TEST

/* Numbered slices say nothing; pictures whose names show no order are said to be such. */
START_TEST(unordered_pictures)
{
    static const char *const names[2][4] = {{"a_1.png", "a_2.png", "a_10.png", "b_1.png"},
                                            {"cat.png", "dog.png", "emu.png", "fox.png"}};
    for (int k = 0; k < 2; k++) {
        char log[2000] = "";
        redux_context *context;
        redux_dataset *dataset = NULL;
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        const char *path = in_scratch(k == 0 ? "ordered" : "unordered");
        options.log = keep_warnings;
        options.log_user = log;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        folder(k == 0 ? "ordered" : "unordered");
        for (int i = 0; i < 4; i++)
            place(PICTURES, "l.png", text("%s/%s", k == 0 ? "ordered" : "unordered", names[k][i]));
        ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, NULL));
        ck_assert_int_eq(strstr(log, "4 pictures show no order") != NULL, k);
        redux_dataset_free(dataset);
        redux_context_free(context);
    }
}
END_TEST

/* Pictures of a folder that were not named one after the other are two volumes of different names.
 */
START_TEST(names_are_unique)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_dataset *dataset = NULL;
    folder("u");
    folder("v");
    place(PICTURES, "l.png", "u/1.png");
    place(PICTURES, "l.png", "u/2.png");
    place(PICTURES, "l.png", "v/1.png");
    const char *paths[] = {in_scratch("u/1.png"), in_scratch("v/1.png"), in_scratch("u/2.png")};
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 3, NULL));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 2));
    ck_assert_str_eq(info.source, text("%s#2", in_scratch("u")));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(skipping)
{
    redux_dataset *dataset = NULL;
    redux_dataset_options options = defaults;
    folder("mess");
    place(PICTURES, "l.png", "mess/1.png");
    write_bytes(in_scratch("mess/2.png"), "no picture", 10);
    place(PICTURES, "l.png", "mess/3.png");
    place(NIFTI, "film.nii", "mess/film.nii");
    place(NIFTI, "flat.nii", "mess/flat.nii");
    write_bytes(in_scratch("mess/broken.npz"), "PK", 2);
    place(NIFTI, "pair.img", "mess/half.img");
    const char *paths[] = {in_scratch("mess"), in_scratch("gone"), in_scratch("mess/1.png")};
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_dataset_open(&dataset, NULL, paths, 3, NULL));
    options.skip_errors = 1;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 3, &options));
    ck_assert_str_eq(listing(dataset), "mess/1.png:0* mess/3.png:0 mess/flat.nii:0*");
    static const char *const skipped[] = {"mess/2.png", "mess/broken.npz", "mess/film.nii",
                                          "mess/half.img", "gone"};
    ck_assert_int_eq(redux_dataset_skipped_count(dataset), 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_str_eq(redux_dataset_skipped_source(dataset, i), in_scratch(skipped[i]));
        ck_assert_ptr_nonnull(strstr(redux_dataset_skipped_reason(dataset, i), skipped[i]));
    }
    ck_assert_ptr_null(redux_dataset_skipped_source(dataset, 5));
    ck_assert_ptr_null(redux_dataset_skipped_reason(dataset, -1));
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    const char *source;
    int64_t index;
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_get_volume_info(&info, dataset, 3));
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_get_slice_name(&source, &index, dataset, 0, 2));
    redux_dataset_free(dataset);
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, in_scratch("mess/2.png"), &options));
    ck_assert_ptr_nonnull(
        strstr(redux_error_message(), "not a picture in a format that libredux reads"));
}
END_TEST

/* A larger struct is fine while its unknown tail is zero; a smaller one gets defaults. */
START_TEST(options_size)
{
    redux_dataset *dataset;
    struct {
        redux_dataset_options known;
        uint64_t unknown;
    } larger = {defaults, 0};
    const char *path = place(NIFTI, "film.nii", "film.nii");
    larger.known.struct_size = sizeof larger;
    larger.known.frame = 1;
    ck_assert_redux_ok(open_path(&dataset, path, &larger.known));
    redux_dataset_free(dataset);
    larger.unknown = 1;
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, path, &larger.known));
    larger.known.struct_size = offsetof(redux_dataset_options, frame);
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, path, &larger.known));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "--frame"));
}
END_TEST

/* ---- slices from several threads ---- */

typedef struct reader {
    const redux_volume *volume;
    int64_t slices;
    double sum;
    redux_status status;
} reader;

static void *read_slices(void *user)
{
    reader *r = user;
    for (int round = 0; round < 20; round++)
        for (int64_t i = 0; i < r->slices; i++) {
            redux_tensor slice, plain;
            r->status = redux_volume_slice(&slice, NULL, r->volume, i);
            if (r->status != REDUX_OK)
                return NULL;
            r->status = redux_tensor_contiguous(&plain, NULL, &slice, REDUX_FLOAT64);
            for (int64_t j = 0; j < redux_tensor_elements(&plain); j++)
                r->sum += ((const double *)plain.data)[j];
            redux_tensor_release(&plain);
            redux_tensor_release(&slice);
        }
    return NULL;
}

START_TEST(threads)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    reader readers[4];
    pthread_t ids[4];
    folder("parallel");
    place(PICTURES, "rgb.png", "parallel/1.png");
    place(PICTURES, "rgb_2.jpg", "parallel/2.jpg");
    place(ARRAYS, "colour.npy", "parallel/a.npy");
    place(NIFTI, "big.nii.gz", "parallel/b.nii.gz");
    ck_assert_redux_ok(open_path(&dataset, in_scratch("parallel"), NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 3);
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, _i));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, _i));
    for (int i = 0; i < 4; i++) {
        readers[i] = (reader){volume, info.slices, 0, REDUX_OK};
        ck_assert_int_eq(pthread_create(&ids[i], NULL, read_slices, &readers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
        ck_assert_redux_ok(readers[i].status);
        ck_assert_double_eq(readers[i].sum, readers[0].sum);
    }
    ck_assert_double_ne(readers[0].sum, 0);
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- memory that runs out ---- */

static redux_status read_everything(redux_context *context, const char *path, int skip_errors)
{
    redux_dataset *dataset;
    redux_dataset_options options = defaults;
    redux_status status;
    options.skip_errors = skip_errors;
    status = redux_dataset_open(&dataset, context, &path, 1, &options);
    if (status != REDUX_OK)
        return status;
    for (int64_t i = 0; status == REDUX_OK && i < redux_dataset_volume_count(dataset); i++) {
        redux_volume *volume;
        redux_tensor slice;
        uint32_t crc;
        status = redux_dataset_checksum(&crc, context, dataset, i);
        if (status == REDUX_OK)
            status = redux_volume_open(&volume, context, dataset, i);
        if (status != REDUX_OK)
            break;
        status = redux_volume_slice(&slice, context, volume, 0);
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        redux_volume_free(volume);
    }
    redux_dataset_free(dataset);
    return status;
}

START_TEST(no_memory)
{
    counter c;
    redux_context *context = counted_context(&c, 0);
    const int base = c.live;
    redux_status status = REDUX_E_NO_MEMORY;
    int calls = 0;
    folder("poor");
    place(PICTURES, "rgb.png", "poor/1.png");
    place(PICTURES, "l.jpg", "poor/2.png");
    place(ARRAYS, "colour.npy", "poor/a.npy");
    place(ARRAYS, "half.npy", "poor/h.npy");
    place(ARRAYS, "medmnist.npz", "poor/m.npz");
    place(NIFTI, "big.nii.gz", "poor/n.nii.gz");
    place(NIFTI, "pair.hdr", "poor/p.hdr");
    place(NIFTI, "pair.img", "poor/p.img");
    place(NIFTI, "float128_le_1.nii", "poor/q.nii");
    if (_i)
        write_bytes(in_scratch("poor/z.npz"), "", 0);
    for (; status != REDUX_OK && calls < 5000; calls++) {
        counted_fail_from(&c, calls);
        status = read_everything(context, in_scratch("poor"), _i);
        if (status != REDUX_OK)
            ck_assert_redux(REDUX_E_NO_MEMORY, status);
        ck_assert_int_eq(c.live, base);
    }
    ck_assert_redux_ok(status);
    ck_assert_int_gt(calls, 50);
    redux_context_free(context);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* Many pictures take little memory. */
/* ---- redux_dataset_visit ---- */

enum { VISITED = 40 };

typedef struct visits {
    pthread_mutex_t mutex;
    int64_t numbers[VISITED], count, unreadable, stop_after;
    uint32_t sums[VISITED]; /* by number */
    bool failed[VISITED];
} visits;

static redux_status note_visit(void *user, const redux_tensor *image, int64_t number,
                               int64_t volume, int64_t slice)
{
    visits *v = user;
    uint32_t sum = 1;
    ck_assert_int_lt(number, VISITED);
    ck_assert_int_ge(volume, 0);
    ck_assert_int_le(slice, number);
    if (image != NULL) {
        ck_assert_int_eq(redux_tensor_is_contiguous(image), 1);
        sum = (uint32_t)crc32(
            crc32(0, NULL, 0), image->data,
            (uInt)((size_t)redux_tensor_elements(image) * redux_dtype_size(image->dtype)));
    } else {
        ck_assert_str_ne(redux_error_message(), "");
    }
    pthread_mutex_lock(&v->mutex);
    v->failed[number] = image == NULL;
    v->unreadable += image == NULL;
    v->sums[number] = sum;
    v->numbers[v->count++] = number;
    const bool stop = v->stop_after > 0 && v->count == v->stop_after;
    pthread_mutex_unlock(&v->mutex);
    return stop ? REDUX_E_FORMAT : REDUX_OK;
}

static redux_status visit_folder(visits *out, redux_context *context, const char *path,
                                 const redux_visit_options *options)
{
    redux_dataset *dataset;
    ck_assert_redux_ok(open_path(&dataset, path, NULL));
    pthread_mutex_init(&out->mutex, NULL);
    const redux_status status = redux_dataset_visit(context, dataset, options, note_visit, out);
    pthread_mutex_destroy(&out->mutex);
    redux_dataset_free(dataset);
    return status;
}

/* 24 pictures of two sizes in two folders, and among them one that is cut short. */
static void make_pictures(void)
{
    folder("seen");
    folder("seen/a");
    folder("seen/b");
    for (int i = 0; i < 24; i++) {
        const int64_t shape[2] = {12 + i % 2, 9};
        redux_tensor picture;
        ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
        for (int64_t k = 0; k < redux_tensor_elements(&picture); k++)
            ((uint8_t *)picture.data)[k] = (uint8_t)(k * (i + 1));
        ck_assert_redux_ok(redux_picture_write_png(
            in_scratch(text("seen/%s/%02d.png", i < 13 ? "a" : "b", i)), NULL, &picture));
        redux_tensor_release(&picture);
    }
}

START_TEST(visits_in_order)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    redux_context *context;
    visits ordered = {.count = 0}, any = {.count = 0}, some = {.count = 0}, cut = {.count = 0};
    static const int64_t chosen[] = {3, 12, 13, 23};
    uint8_t wanted[24] = {0};
    make_pictures();
    context_options.threads = 1 + _i * 3;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux_ok(visit_folder(&ordered, context, in_scratch("seen"), NULL));
    ck_assert_int_eq(ordered.count, 24);
    for (int i = 0; i < 24; i++)
        ck_assert_int_eq(ordered.numbers[i], i);
    options.any_order = 1;
    ck_assert_redux_ok(visit_folder(&any, context, in_scratch("seen"), &options));
    ck_assert_int_eq(any.count, 24);
    ck_assert_mem_eq(any.sums, ordered.sums, sizeof any.sums);
    options.any_order = 0;
    for (int i = 0; i < 4; i++)
        wanted[chosen[i]] = 1;
    options.wanted = wanted;
    ck_assert_redux_ok(visit_folder(&some, context, in_scratch("seen"), &options));
    ck_assert_int_eq(some.count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(some.numbers[i], chosen[i]);
    ck_assert_uint_eq(some.sums[12], ordered.sums[12]);
    cut.stop_after = 5; /* what the function returns is returned, and ends it */
    ck_assert_redux(REDUX_E_FORMAT, visit_folder(&cut, context, in_scratch("seen"), NULL));
    ck_assert_int_eq(cut.count, 5);
    redux_context_free(context);
}
END_TEST

START_TEST(visits_skip)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    redux_context *context;
    redux_dataset *dataset;
    visits all = {.count = 0}, none = {.count = 0};
    size_t size;
    make_pictures();
    context_options.threads = 2;
    options.any_order = _i;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    unsigned char *bytes = read_bytes(in_scratch("seen/b/15.png"), &size);
    ck_assert_redux_ok(open_path(&dataset, in_scratch("seen"), NULL));
    write_bytes(in_scratch("seen/b/15.png"), bytes, size - 30);
    pthread_mutex_init(&all.mutex, NULL);
    pthread_mutex_init(&none.mutex, NULL);
    ck_assert_int_ne(redux_dataset_visit(context, dataset, &options, note_visit, &none), REDUX_OK);
    options.skip_errors = 1;
    ck_assert_redux_ok(redux_dataset_visit(context, dataset, &options, note_visit, &all));
    ck_assert_int_eq(all.count, 24);
    ck_assert_int_eq(all.unreadable, 1);
    ck_assert(all.failed[15]);
    options.form = (redux_visit_form)7;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_dataset_visit(context, dataset, &options, note_visit, &none));
    options.form = REDUX_VISIT_WINDOWED;
    options.orientation = 2;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_dataset_visit(context, dataset, &options, note_visit, &none));
    free(bytes);
    redux_dataset_free(dataset);
    redux_context_free(context);
}
END_TEST

START_TEST(many_pictures)
{
    enum { COUNT = 5000 };
    counter c;
    redux_context *context = counted_context(&c, 0);
    redux_dataset *dataset;
    folder("many");
    size_t size;
    unsigned char *bytes =
        read_bytes(place(PICTURES, "one_pixel.png", "many/slice_000000.png"), &size);
    for (int i = 1; i < COUNT; i++)
        write_bytes(text("%s/many/slice_%06d.png", scratch, i), bytes, size);
    free(bytes);
    const int64_t before = c.bytes;
    const char *path = in_scratch("many");
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), COUNT);
    const char *source;
    int64_t index;
    ck_assert_redux_ok(redux_dataset_get_slice_name(&source, &index, dataset, 0, COUNT - 1));
    ck_assert_str_eq(source, text("%s/slice_%06d.png", path, COUNT - 1));
    const int64_t each = (c.bytes - before) / COUNT; /* the path, and where it is */
    ck_assert_int_lt(each, (int64_t)strlen(source) + 40);
    redux_dataset_free(dataset);
    redux_context_free(context);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* (N, D, H, W) in an archive is N volumes, as MedMNIST's 3-D sets are; beside them labels. */
START_TEST(arrays_of_volumes)
{
    const int64_t shape[4] = {3, 5, 6, 7}, labels_shape[2] = {3, 1};
    const char *keys[2] = {"train_images", "train_labels"}, *path = in_scratch("volumes.npz");
    redux_tensor parts[2];
    redux_dataset *dataset;
    redux_volume *volume;
    ck_assert_redux_ok(redux_tensor_new(&parts[0], NULL, REDUX_UINT8, 4, shape));
    ck_assert_redux_ok(redux_tensor_new(&parts[1], NULL, REDUX_UINT8, 2, labels_shape));
    for (int i = 0; i < 3 * 5 * 6 * 7; i++)
        ((uint8_t *)parts[0].data)[i] = (uint8_t)(i / 42); /* the number of the slice */
    ck_assert_redux_ok(redux_npz_write(path, NULL, keys, parts, 2));
    redux_tensor_release(&parts[0]);
    redux_tensor_release(&parts[1]);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 3);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 15);
    ck_assert_int_eq(redux_dataset_passed_over_count(dataset), 1); /* the labels */
    for (int v = 2; v >= 0; v--) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_tensor slice;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        ck_assert_str_eq(info.source, text("%s:train_images[%d]", path, v));
        ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, v));
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, 4));
        ck_assert_int_eq(*(uint8_t *)slice.data, 5 * v + 4);
        redux_tensor_release(&slice);
        redux_volume_free(volume);
    }
    redux_dataset_free(dataset);
    ck_assert_redux_ok(open_path(&dataset, text("%s:train_images[1]", path), NULL));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 5);
    redux_dataset_free(dataset);
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, text("%s:train_images[3]", path), NULL));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, text("%s:train_labels[0]", path), NULL));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_path(&dataset, text("%s:train_images[]", path), NULL));
}
END_TEST

/* ---- numbers, and windowed slices in one call ---- */

/* As redux_window.h defines them, of a slice as it is stored. */
static void check_windowed(const redux_dataset *dataset, int64_t v, int64_t s)
{
    const redux_window auto_window = {REDUX_WINDOW_AUTO, 0, 0}, lung = {REDUX_WINDOW_RANGE, 10, 90};
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_tensor stored, grey, range, again, wide;
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, v));
    ck_assert_redux_ok(redux_volume_slice(&stored, NULL, volume, s));
    ck_assert_redux_ok(redux_volume_slice_windowed(&grey, NULL, volume, s, auto_window));
    ck_assert_redux_ok(redux_volume_slice_windowed(&range, NULL, volume, s, lung));
    redux_volume_free(volume);
    ck_assert_redux_ok(redux_dataset_read_slice(&again, NULL, dataset, v, s, auto_window));
    assert_same(&again, &grey, info.source);
    ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &stored, REDUX_FLOAT64));
    const double *x = wide.data;
    const int64_t count = redux_tensor_elements(&wide);
    double low = x[0] * info.slope + info.intercept, high = low;
    for (int64_t i = 0; i < count; i++) {
        const double value = x[i] * info.slope + info.intercept;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    const bool is_full = stored.dtype == REDUX_UINT8 && !info.is_scan;
    for (int64_t i = 0; i < count; i++) {
        const double value = x[i] * info.slope + info.intercept, share = (value - 10) / 80;
        ck_assert_int_eq(((uint8_t *)grey.data)[i],
                         (int)(is_full ? x[i] : rint((value - low) / (high - low + 1e-5) * 255)));
        ck_assert_float_eq(((float *)range.data)[i], (float)fmin(fmax(share, 0), 1));
    }
    redux_tensor *const all[] = {&stored, &grey, &range, &again, &wide};
    for (int i = 0; i < 5; i++)
        redux_tensor_release(all[i]);
}

/* Numbers are counted; every slice has its own, and it leads back. */
START_TEST(numbers_and_windows)
{
    const char *paths[] = {in_scratch("seen"), place(NIFTI, "scaled.nii", "number.nii"),
                           in_scratch("numbers.npy")};
    redux_tensor stack;
    redux_dataset *dataset;
    int64_t number = 0, volume = -7, slice = -7;
    make_pictures();
    ck_assert_redux_ok(
        redux_tensor_new(&stack, NULL, REDUX_FLOAT32, 3, (const int64_t[]){5, 6, 7}));
    for (int i = 0; i < 5 * 6 * 7; i++)
        ((float *)stack.data)[i] = (float)(i * 37 % 101) - 3;
    ck_assert_redux_ok(redux_npy_write(paths[2], NULL, &stack));
    redux_tensor_release(&stack);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 3, NULL));
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        ck_assert_int_eq(redux_dataset_slice_number(dataset, v, info.slices), -1);
        for (int64_t s = 0; s < info.slices; s++, number++) {
            ck_assert_int_eq(redux_dataset_slice_number(dataset, v, s), number);
            ck_assert_redux_ok(redux_dataset_get_place(&volume, &slice, dataset, number));
            ck_assert(volume == v && slice == s);
            check_windowed(dataset, v, s);
        }
    }
    ck_assert_int_eq(number, redux_dataset_slice_count(dataset));
    ck_assert_int_gt(redux_dataset_volume_count(dataset), 2);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_dataset");
    TCase *tests = tcase_create("datasets");
    tcase_add_test(tests, natural_order);
    tcase_add_test(tests, folders);
    tcase_add_test(tests, arguments);
    tcase_add_test(tests, archives);
    tcase_add_test(tests, arrays);
    tcase_add_test(tests, pictures_as_slices);
    tcase_add_test(tests, links);
    tcase_add_test(tests, nothing_there);
    tcase_add_test(tests, unread_kinds);
    tcase_add_test(tests, given_twice);
    tcase_add_test(tests, unordered_pictures);
    tcase_add_test(tests, names_are_unique);
    tcase_add_test(tests, skipping);
    tcase_add_test(tests, options_size);
    tcase_add_loop_test(tests, threads, 0, 3);
    tcase_add_loop_test(tests, no_memory, 0, 2);
    tcase_add_loop_test(tests, visits_in_order, 0, 2);
    tcase_add_loop_test(tests, visits_skip, 0, 2);
    tcase_add_test(tests, numbers_and_windows);
    tcase_add_test(tests, many_pictures);
    tcase_add_test(tests, arrays_of_volumes);
    suite_add_tcase(suite, tests);
    scratch_make();
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
