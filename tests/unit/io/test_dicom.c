/* SPDX-License-Identifier: MIT
 * DICOM: real slices against the NIfTI file of the same scan, compressed ones against plain ones,
 * and files made for the purpose: order, gaps, series, slopes, forms of pixels, and broken ones. */
#include <math.h>
#include "support/dicom_writer.h"
#include "support/test.h"

#define REAL "tests/golden/data/dicom/STS_019"
#define COMPRESSED "tests/golden/data/dicom/compressed"

static void folder(const char *name)
{
    ck_assert(mkdir(in_scratch(name), 0755) == 0 || errno == EEXIST);
}

/* A series of its own folder: slices whose pixels are all `value`. */
static void write_slice(const char *name, const char *position, int instance, int value)
{
    dicom_file f = DICOM_FILE;
    int32_t pixels[24];
    for (int i = 0; i < 24; i++)
        pixels[i] = value;
    f.position = position;
    f.instance = instance;
    write_dicom(name, &f, pixels);
}

/* The first pixels of the slices, in order: "1 2 3". */
static const char *first_pixels(const char *path)
{
    static char found[256];
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all, wide;
    size_t used = 0;
    ck_assert_redux_ok(read_volume(&all, &info, path, NULL));
    ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &all, REDUX_FLOAT64));
    const double *v = wide.data;
    for (int64_t i = 0; i < info.slices; i++)
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%g", i > 0 ? " " : "",
                                 info.slope * v[i * info.height * info.width] + info.intercept);
    redux_tensor_release(&wide);
    redux_tensor_release(&all);
    return found;
}

/* ---- real files ---- */

START_TEST(same_as_nifti)
{
    redux_volume_info dicom = REDUX_VOLUME_INFO_INIT, nifti = REDUX_VOLUME_INFO_INIT;
    redux_tensor have, all, want;
    ck_assert_redux_ok(read_volume(&have, &dicom, REAL, NULL));
    ck_assert_redux_ok(read_volume(&all, &nifti, "data/ct/STS_019_CT.nii.gz", NULL));
    ck_assert_redux_ok(redux_tensor_slice(&want, &all, 0, 19, 10, 1));
    assert_same(&have, &want, "slices 19 to 28");
    ck_assert_str_eq(dicom.format, "dicom");
    ck_assert_double_eq(dicom.slope, nifti.slope);
    ck_assert_double_eq(dicom.intercept, nifti.intercept);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(dicom.spacing[i], nifti.spacing[i], 1e-4);
    redux_tensor_release(&want);
    redux_tensor_release(&all);
    redux_tensor_release(&have);
}
END_TEST

static const char *const compressed[] = {"jpegll", "jpegls", "j2k", "rle"};

START_TEST(compressed_pixels)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor have, want;
    const char *path = text("%s/%s.dcm", COMPRESSED, compressed[_i]);
    const redux_status status = read_volume(&have, &info, path, NULL);
    if (status == REDUX_E_UNSUPPORTED) { /* a build without GDCM: it says what to do */
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "convert it with dcm2niix"));
        printf("no module to decode %s\n", path);
        return;
    }
    ck_assert_redux_ok(status);
    ck_assert_redux_ok(read_volume(&want, &info, REAL "/000019.dcm", NULL));
    assert_same(&have, &want, path);
    redux_tensor_release(&want);
    redux_tensor_release(&have);
}
END_TEST

/* Compressed bytes that are damaged, or end early. */
START_TEST(damaged_compressed_pixels)
{
    size_t size;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor out;
    unsigned char *bytes = read_bytes(text("%s/%s.dcm", COMPRESSED, compressed[_i]), &size);
    for (size_t i = size - 9000; i < size - 8; i++)
        bytes[i] ^= 0xA5;
    write_bytes(in_scratch("damaged.dcm"), bytes, size);
    redux_status status = read_volume(&out, &info, in_scratch("damaged.dcm"), NULL);
    if (status == REDUX_OK) /* a codec without checks: but it is an image of that size */
        redux_tensor_release(&out);
    else
        ck_assert(status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED);
    write_bytes(in_scratch("damaged.dcm"), bytes, size - 4000);
    status = read_volume(&out, &info, in_scratch("damaged.dcm"), NULL);
    ck_assert(status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "damaged.dcm"));
    free(bytes);
}
END_TEST

/* What a codestream says of itself, changed: `at` bytes behind the marker of its frame or size.
 * GDCM ended the process where that disagreed with the DICOM header. */
static const struct lie {
    const char *file;
    unsigned char marker;
    int at;
    unsigned char value;
    const char *words;
} lies[] = {
    {"jpegll", 0xC3, 2, 16, 0}, /* 16 bits of 16: no lie */
    {"jpegll", 0xC3, 2, 8, "bits"},
    {"jpegll", 0xC3, 2, 0, "0 bits"},
    {"jpegll", 0xC3, 3, 2, "its header says"},
    {"jpegll", 0xC3, 4, 1, "its header says"},
    {"jpegll", 0xC3, 6, 1, "its header says"},
    {"jpegll", 0xC3, 5, 9, "its header says"},
    {"jpegll", 0xC3, 7, 3, "wrong length"},
    {"jpegll", 0xC3, -1, 0xC0, "transfer syntax"},
    {"jpegll", 0xC3, -1, 0xF7, "transfer syntax"},
    {"jpegll", 0xC3, 0, 0xFF, "wrong length"},
    {"jpegls", 0xF7, 2, 8, "bits"},
    {"jpegls", 0xF7, 3, 1, "its header says"},
    {"jpegls", 0xF7, 4, 0, "its header says"},
    {"jpegls", 0xF7, 6, 255, "its header says"},
    {"jpegls", 0xF7, 7, 2, "wrong length"},
    {"jpegls", 0xF7, -1, 0xC3, "transfer syntax"},
    {"jpegls", 0xF7, -1, 0xF8, ""},
    {"j2k", 0x51, 6, 1, "its header says"},
    {"j2k", 0x51, 10, 1, "its header says"},
    {"j2k", 0x51, 15, 1, "its header says"},
    {"j2k", 0x51, 20, 0x80, ""},
    {"j2k", 0x51, 38, 7, "bits"},
    {"j2k", 0x51, 37, 3, "wrong length"},
    {"j2k", 0x51, 39, 2, "subsampled"},
    {"j2k", 0x51, 0, 1, "wrong length"},
};

START_TEST(codestreams_that_lie)
{
    const struct lie *lie = &lies[_i];
    const unsigned char marker[2] = {0xFF, lie->marker};
    size_t size;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor out;
    unsigned char *bytes = read_bytes(text("%s/%s.dcm", COMPRESSED, lie->file), &size);
    const size_t pixels = size - size / 10 * 9; /* the pixels are the most of the file */
    unsigned char *found = memmem(bytes + pixels, size - pixels, marker, sizeof marker);
    ck_assert_ptr_nonnull(found);
    found[2 + lie->at] = lie->value;
    write_bytes(in_scratch("lie.dcm"), bytes, size);
    free(bytes);
    const redux_status status = read_volume(&out, &info, in_scratch("lie.dcm"), NULL);
    if (lie->words == NULL) {
        ck_assert(status == REDUX_OK || status == REDUX_E_UNSUPPORTED);
        if (status == REDUX_OK)
            redux_tensor_release(&out);
        return;
    }
    ck_assert_redux(REDUX_E_FORMAT, status);
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "lie.dcm"));
    ck_assert_msg(strstr(redux_error_message(), lie->words) != NULL, "%s", redux_error_message());
}
END_TEST

/* CharLS took seconds for a few kilobytes that were cut. */
START_TEST(jpeg_ls_without_its_end)
{
    const unsigned char end[2] = {0xFF, 0xD9};
    size_t size;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor out;
    unsigned char *bytes = read_bytes(COMPRESSED "/jpegls.dcm", &size);
    unsigned char *found = memmem(bytes + size - 64, 64, end, sizeof end);
    ck_assert_ptr_nonnull(found);
    memset(found, 0, sizeof end);
    write_bytes(in_scratch("endless.dcm"), bytes, size);
    free(bytes);
    ck_assert_redux(REDUX_E_FORMAT, read_volume(&out, &info, in_scratch("endless.dcm"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "endless.dcm: its compressed pixels are "
                                                        "damaged: they are cut short"));
}
END_TEST

/* The other way round: Rows, Columns and bits of the DICOM header. */
START_TEST(headers_that_lie)
{
    static const struct {
        unsigned char element, value[2];
    } fields[] = {{0x10, {0, 1}}, {0x11, {0, 1}}, {0x10, {1, 0}}, {0x11, {255, 255}}};
    const char *file = compressed[_i];
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
        const unsigned char tag[4] = {0x28, 0, fields[k].element, 0};
        size_t size;
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_tensor out;
        unsigned char *bytes = read_bytes(text("%s/%s.dcm", COMPRESSED, file), &size);
        unsigned char *found = memmem(bytes, size, tag, sizeof tag);
        ck_assert_ptr_nonnull(found);
        const size_t at = memcmp(found + 4, "UN", 2) == 0 ? 12 : 8;
        memcpy(found + at, fields[k].value, 2);
        write_bytes(in_scratch("lie.dcm"), bytes, size);
        free(bytes);
        ck_assert_redux(REDUX_E_FORMAT, read_volume(&out, &info, in_scratch("lie.dcm"), NULL));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "lie.dcm"));
    }
}
END_TEST

/* ---- series ---- */

typedef struct lines {
    char text[1024];
} lines;

static void keep_line(redux_log_level level, const char *line, void *user)
{
    lines *l = user;
    if (level == REDUX_LOG_WARNING)
        snprintf(l->text + strlen(l->text), sizeof l->text - strlen(l->text), "%s\n", line);
}

static redux_context *listening(lines *l)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    memset(l, 0, sizeof *l);
    options.log = keep_line;
    options.log_user = l;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

/* By place, neither by name nor by number; names without an ending are looked into. */
START_TEST(ordered_by_place)
{
    folder("order");
    write_slice("order/IM000001", "0\\0\\-5", 9, -5);
    write_slice("order/a.dcm", "0\\0\\10.0", 2, 10);
    write_slice("order/1.2.840.5", "0\\0\\2.5e0", 4, 2);
    write_slice("order/Z.IMA", "0\\0\\-1e1", 3, -10);
    write_bytes(in_scratch("order/README"), "no image", 8);
    write_bytes(in_scratch("order/DICOMDIR"), "an index", 8);
    ck_assert_str_eq(first_pixels(in_scratch("order")), "-10 -5 2 10");
    /* oblique: from left to right along the normal (0, -0.6, 0.8) of these cosines */
    folder("oblique");
    for (int i = 0; i < 4; i++) {
        dicom_file f = DICOM_FILE;
        int32_t pixels[24] = {i};
        char position[64];
        const int at = (i * 3 + 1) % 4;
        snprintf(position, sizeof position, "7\\%g\\%g", -0.6 * 2 * at + 3, 0.8 * 2 * at + 3);
        f.position = position;
        f.orientation = "1\\0\\0\\0\\0.8\\0.6";
        pixels[0] = at;
        write_dicom(text("oblique/%d.dcm", i), &f, pixels);
    }
    ck_assert_str_eq(first_pixels(in_scratch("oblique")), "0 1 2 3");
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all;
    ck_assert_redux_ok(read_volume(&all, &info, in_scratch("oblique"), NULL));
    ck_assert_double_eq_tol(info.spacing[0], 2, 1e-9);
    ck_assert_double_eq(info.spacing[1], 0.5);
    ck_assert_double_eq(info.spacing[2], 0.75);
    redux_tensor_release(&all);
}
END_TEST

START_TEST(gaps_and_duplicates_are_told)
{
    lines log;
    redux_context *context = listening(&log);
    const char *path = in_scratch("gaps");
    redux_dataset *dataset;
    folder("gaps");
    for (int i = 0; i < 6; i++)
        write_slice(text("gaps/%d.dcm", i), text("0\\0\\%d", i < 4 ? i : i + 2), i, i);
    write_slice("gaps/9.dcm", "0\\0\\2", 7, 7);
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 7);
    ck_assert_ptr_nonnull(strstr(log.text, "1 gap between DICOM slices that are usually 1 mm"));
    ck_assert_ptr_nonnull(strstr(log.text, "1 DICOM slice has the same position as another one"));
    ck_assert_ptr_nonnull(strstr(log.text, text("%s/2.dcm and %s/9.dcm", path, path)));
    ck_assert_ptr_nonnull(strstr(log.text, text("the first: %s/3.dcm and %s/4.dcm", path, path)));
    redux_dataset_free(dataset);
    ck_assert_str_eq(first_pixels(in_scratch("gaps")), "0 1 2 7 3 4 5");
    redux_context_free(context);
}
END_TEST

START_TEST(without_places_by_number)
{
    lines log;
    redux_context *context = listening(&log);
    const char *path = in_scratch("numbers");
    redux_dataset *dataset;
    folder("numbers");
    for (int i = 0; i < 4; i++)
        write_slice(text("numbers/%d.dcm", i), NULL, (i * 3 + 2) % 4, (i * 3 + 2) % 4);
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, NULL));
    ck_assert_ptr_nonnull(strstr(log.text, "have no position"));
    redux_dataset_free(dataset);
    ck_assert_str_eq(first_pixels(in_scratch("numbers")), "0 1 2 3");
    redux_context_free(context);
}
END_TEST

/* Another series, another size, another orientation: another volume. */
START_TEST(told_apart)
{
    const char *path = in_scratch("apart");
    redux_dataset *dataset;
    int32_t pixels[24] = {0};
    folder("apart");
    for (int i = 0; i < 8; i++) {
        dicom_file f = DICOM_FILE;
        char position[32];
        snprintf(position, sizeof position, "0\\0\\%d", i);
        f.position = position;
        f.series = i % 2 == 0 ? "1.2.3" : "1.2.4";
        if (i == 6) /* a localiser with the series' own UID */
            f.orientation = "0\\1\\0\\0\\0\\-1";
        if (i == 7) {
            f.rows = 6;
            f.columns = 4;
        }
        write_dicom(text("apart/%d.dcm", i), &f, pixels);
    }
    dicom_file report = DICOM_FILE; /* passed over */
    report.no_pixels = true;
    write_dicom("apart/9.dcm", &report, pixels);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    const int64_t slices[] = {3, 3, 1, 1};
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 4);
    for (int64_t v = 0; v < 4; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        ck_assert_int_eq(info.slices, slices[v]);
        ck_assert_str_eq(info.source, text("%s#%s%s", path, v % 2 == 0 ? "1.2.3" : "1.2.4",
                                           v < 2 ? "" : "#2")); /* no two have one name */
    }
    const char *source;
    int64_t index;
    ck_assert_redux_ok(redux_dataset_get_slice_name(&source, &index, dataset, 1, 2));
    ck_assert_str_eq(source, text("%s/5.dcm", path)); /* a slice is named by its file */
    ck_assert_int_eq(index, 0);
    redux_dataset_free(dataset);
}
END_TEST

/* Slices whose kinds of pixels differ are one volume, in values: BitsStored, sign, inversion. */
START_TEST(kinds_of_pixels_that_differ)
{
    const char *path = in_scratch("kinds");
    redux_dataset *dataset;
    redux_volume *volume;
    int32_t pixels[24] = {0};
    folder("kinds");
    pixels[0] = 5;
    for (int i = 0; i < 4; i++) {
        dicom_file f = DICOM_FILE;
        f.position = text("0\\0\\%d", i);
        f.stored = i == 3 ? 16 : 12 + i;
        f.is_signed = i < 2;
        f.photometric = i == 3 ? "MONOCHROME1" : "MONOCHROME2";
        write_dicom(text("kinds/%d.dcm", i), &f, pixels);
    }
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 1);
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    for (int i = 0; i < 4; i++) {
        redux_tensor slice;
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, i));
        ck_assert_int_eq(slice.dtype, REDUX_FLOAT32);
        ck_assert_float_eq(*(float *)slice.data, i == 3 ? 65530 : 5);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
END_TEST

static void write_timed(const char *name, int z, int time, int instance)
{
    dicom_file f = DICOM_FILE;
    dicom_bytes b;
    int32_t pixels[24] = {0};
    f.position = text("0\\0\\%d.000%d", z, time); /* not quite the same place */
    f.instance = instance;
    pixels[0] = 10 * time + z;
    dicom_begin(&b, &f);
    dicom_text(&b, 0x00200100, "IS", text("%d", time));
    dicom_end(&b, &f, pixels);
    write_bytes(in_scratch(name), b.at, b.size);
}

/* Three time points of two places, whose files are mixed up. */
START_TEST(time_points)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    const char *path = in_scratch("times");
    redux_dataset *dataset;
    redux_volume *volume;
    folder("times");
    for (int i = 0; i < 6; i++)
        write_timed(text("times/%d.dcm", i * 5 % 6), i % 2, i / 2, 20 - i);
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_open(&dataset, NULL, &path, 1, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "3 images at each of 2 places"));
    options.frame = 3;
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_open(&dataset, NULL, &path, 1, &options));
    options.frame = 2;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 2);
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    for (int z = 0; z < 2; z++) {
        redux_tensor slice;
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, z));
        ck_assert_int_eq(*(int16_t *)slice.data, 20 + z);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(mosaics)
{
    dicom_file f = DICOM_FILE;
    dicom_bytes b;
    int32_t pixels[24] = {0};
    redux_dataset *dataset;
    dicom_begin(&b, &f);
    dicom_text(&b, 0x00080008, "CS", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC");
    dicom_end(&b, &f, pixels);
    write_bytes(in_scratch("mosaic.dcm"), b.at, b.size);
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_path(&dataset, in_scratch("mosaic.dcm"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "mosaic"));
}
END_TEST

/* Numbers that cannot be read are refused by the name of their element; empty ones are unknown. */
START_TEST(numbers_that_cannot_be_read)
{
    static const struct {
        const char *slope, *intercept, *spacing, *position, *name;
    } wrong[] = {{"2,5", NULL, NULL, "0\\0\\0", "RescaleSlope (0028,1053) is '2,5'"},
                 {"abc", NULL, NULL, "0\\0\\0", "RescaleSlope"},
                 {"0", NULL, NULL, "0\\0\\0", "RescaleSlope"},
                 {NULL, "1 2", NULL, "0\\0\\0", "RescaleIntercept"},
                 {NULL, "nan", NULL, "0\\0\\0", "RescaleIntercept"},
                 {NULL, NULL, "0.5", "0\\0\\0", "PixelSpacing (0028,0030) is '0.5', not 2 numbers"},
                 {NULL, NULL, NULL, "0\\0", "ImagePositionPatient"}};
    int32_t pixels[24] = {0};
    redux_dataset *dataset;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        dicom_file f = DICOM_FILE;
        f.slope = wrong[i].slope;
        f.intercept = wrong[i].intercept;
        f.spacing = wrong[i].spacing;
        f.position = wrong[i].position;
        const char *path = write_dicom("number.dcm", &f, pixels);
        ck_assert_redux(REDUX_E_FORMAT, open_path(&dataset, path, NULL));
        ck_assert_msg(strstr(redux_error_message(), wrong[i].name) != NULL, "%s",
                      redux_error_message());
    }
    dicom_file f = DICOM_FILE;
    f.slope = f.intercept = f.spacing = "";
    ck_assert_redux_ok(open_path(&dataset, write_dicom("number.dcm", &f, pixels), NULL));
    redux_dataset_free(dataset);
}
END_TEST

/* Old archives have no preamble: files begin with the meta group, or with their first elements. */
START_TEST(without_preamble)
{
    static const char *const syntaxes[] = {DICOM_EXPLICIT, DICOM_IMPLICIT};
    int32_t pixels[24] = {0};
    pixels[0] = 321;
    folder("bare");
    for (int i = 0; i < 4; i++) {
        dicom_file f = DICOM_FILE;
        dicom_bytes b;
        size_t from = 132;
        f.syntax = syntaxes[i / 2];
        f.position = text("0\\0\\%d", i);
        dicom_begin(&b, &f);
        if (i % 2 == 1) { /* no meta group either: begin with (0008,0005) in the same encoding */
            const bool implicit = b.implicit;
            memset(&b, 0, sizeof b);
            b.implicit = implicit;
            from = 0;
            dicom_text(&b, 0x00080005, "CS", "ISO_IR 100");
            dicom_text(&b, 0x0020000E, "UI", f.series);
            dicom_text(&b, 0x00200032, "DS", f.position);
            dicom_text(&b, 0x00200037, "DS", f.orientation);
        }
        dicom_end(&b, &f, pixels);
        write_bytes(in_scratch(text("bare/scan.v%d", i)), b.at + from, b.size - from);
    }
    write_bytes(in_scratch("bare/notes.v9"), "\x08\x00 nothing of the kind", 22);
    ck_assert_str_eq(first_pixels(in_scratch("bare")), "321 321 321 321");
}
END_TEST

/* Padding takes the least of the other values; its range is inclusive, and may be given backwards.
 */
START_TEST(padding)
{
    static const struct {
        int padding, limit, is_signed;
        const char *photometric;
        int least; /* what the pixel of -2000 becomes, beside -1999, 40 and -1000 */
    } cases[] = {{-2000, 0, 1, "MONOCHROME2", -1999},
                 {-2000, -1999, 1, "MONOCHROME2", -1000},
                 {-1999, -2000, 1, "MONOCHROME2", -1000},
                 {-2000, -1999, 1, "MONOCHROME1", 40},
                 {63536, 0, 0, "MONOCHROME2", 40}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dicom_file f = DICOM_FILE;
        int32_t pixels[24];
        redux_dataset *dataset;
        redux_volume *volume;
        redux_tensor slice;
        for (int p = 0; p < 24; p++)
            pixels[p] = p == 0 ? -2000 : p == 2 ? 40 : p == 5 ? -1000 : -1999;
        f.padding = cases[i].padding & 0xFFFF;
        f.padding_limit = cases[i].limit & 0xFFFF;
        f.is_signed = cases[i].is_signed;
        f.photometric = cases[i].photometric;
        const char *path = write_dicom("padding.dcm", &f, pixels);
        ck_assert_redux_ok(open_path(&dataset, path, NULL));
        ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, 0));
        const int got = f.is_signed ? *(int16_t *)slice.data : *(uint16_t *)slice.data;
        ck_assert_msg(got == cases[i].least, "case %d: %d", (int)i, got);
        redux_tensor_release(&slice);
        ck_assert_redux_ok(
            redux_volume_slice_oriented(&slice, NULL, volume, 0, REDUX_ORIENTATION_STORED));
        ck_assert_int_eq(f.is_signed ? *(int16_t *)slice.data : *(uint16_t *)slice.data,
                         f.is_signed ? -2000 : 63536); /* as the paper's script sees it */
        redux_tensor_release(&slice);
        redux_volume_free(volume);
        redux_dataset_free(dataset);
    }
}
END_TEST

/* Files that are named, as by a shell's *: those of one folder belong together. */
START_TEST(named_files)
{
    const char *paths[6];
    redux_dataset *dataset;
    folder("first");
    folder("second");
    for (int i = 0; i < 6; i++) {
        const char *name = text("%s/%d.dcm", i < 4 ? "first" : "second", 9 - i);
        write_slice(name, text("0\\0\\%d", i), i, i);
        paths[i] = in_scratch(name);
    }
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 6, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 2);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 6);
    redux_dataset_free(dataset);
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    options.exclude = paths + 1; /* as an update leaves out what it knows */
    options.exclude_count = 3;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 6, &options));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 3);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- pixels ---- */

static void check_values(const char *name, const dicom_file *f, const int32_t *pixels, double slope,
                         double intercept, const int32_t *want)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all, wide;
    ck_assert_redux_ok(read_volume(&all, &info, write_dicom("pixels.dcm", f, pixels), NULL));
    ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &all, REDUX_FLOAT64));
    for (int i = 0; i < 24; i++)
        ck_assert_msg(fabs(info.slope * ((double *)wide.data)[i] + info.intercept -
                           (slope * want[i] + intercept)) < 1e-9,
                      "%s: pixel %d", name, i);
    redux_tensor_release(&wide);
    redux_tensor_release(&all);
}

START_TEST(forms_of_pixels)
{
    static const char *const syntaxes[] = {DICOM_EXPLICIT, DICOM_IMPLICIT, DICOM_BIG};
    for (int s = 0; s < 3; s++)
        for (int bits = 8; bits <= 32; bits *= 2)
            for (int sign = 0; sign < 2; sign++) {
                dicom_file f = DICOM_FILE;
                int32_t pixels[24];
                for (int i = 0; i < 24; i++)
                    pixels[i] = (i * 37) % 100 - (sign ? 50 : 0);
                f.syntax = syntaxes[s];
                f.bits = f.stored = bits;
                f.is_signed = sign;
                check_values(text("%s, %d bits", syntaxes[s], bits), &f, pixels, 1, 0, pixels);
            }
}
END_TEST

START_TEST(values_of_pixels)
{
    dicom_file f = DICOM_FILE;
    int32_t pixels[24], want[24];
    for (int i = 0; i < 24; i++)
        pixels[i] = i * 100 - 1000;
    f.slope = "2.5 ";
    f.intercept = "-1024";
    check_values("rescaled", &f, pixels, 2.5, -1024, pixels);
    /* 12 of 16 bits: what stands above them is nothing, and the 12th is the sign */
    f.stored = 12;
    for (int i = 0; i < 24; i++)
        want[i] = pixels[i];
    for (int i = 0; i < 24; i++)
        pixels[i] = (want[i] & 0xFFF) | 0x5000;
    check_values("signed, 12 bits", &f, pixels, 2.5, -1024, want);
    f.is_signed = 0;
    for (int i = 0; i < 24; i++) {
        want[i] = i * 170;
        pixels[i] = want[i] | 0xA000;
    }
    check_values("unsigned, 12 bits", &f, pixels, 2.5, -1024, want);
    f.photometric = "MONOCHROME1"; /* counted from the bright end */
    check_values("inverted", &f, pixels, -2.5, 2.5 * 4095 - 1024, want);
}
END_TEST

/* Fewer bits than a pixel has room for, in each size of pixels. */
START_TEST(bits_that_are_stored)
{
    static const int sizes[][2] = {{8, 6}, {16, 10}, {32, 24}};
    for (int s = 0; s < 3; s++)
        for (int sign = 0; sign < 2; sign++) {
            dicom_file f = DICOM_FILE;
            int32_t pixels[24], want[24];
            f.bits = sizes[s][0];
            f.stored = sizes[s][1];
            f.is_signed = sign;
            const uint32_t mask = (1U << f.stored) - 1;
            for (int i = 0; i < 24; i++) {
                want[i] = i - (sign ? 12 : 0);
                pixels[i] = (int32_t)(((uint32_t)want[i] & mask) | (uint32_t)(i % 2) << f.stored);
            }
            check_values(text("%d of %d bits", f.stored, f.bits), &f, pixels, 1, 0, want);
        }
}
END_TEST

/* Slices of one volume with slopes of their own come as values. */
START_TEST(slopes_that_differ)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all;
    folder("slopes");
    for (int i = 0; i < 3; i++) {
        dicom_file f = DICOM_FILE;
        int32_t pixels[24] = {10};
        char slope[16], position[32];
        snprintf(slope, sizeof slope, "%d", i + 1);
        snprintf(position, sizeof position, "0\\0\\%d", i);
        f.slope = slope;
        f.intercept = "-1";
        f.position = position;
        write_dicom(text("slopes/%d.dcm", i), &f, pixels);
    }
    ck_assert_redux_ok(read_volume(&all, &info, in_scratch("slopes"), NULL));
    ck_assert_int_eq(all.dtype, REDUX_FLOAT32);
    ck_assert_double_eq(info.slope, 1);
    ck_assert_str_eq(first_pixels(in_scratch("slopes")), "9 19 29");
    redux_tensor_release(&all);
}
END_TEST

/* ---- several frames in a file ---- */

/* The first pixel of each slice, times the slope. */
static const char *first_of_frames(const char *path, int frame)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_dataset *dataset;
    redux_volume *volume;
    char line[256] = "";
    options.frame = frame;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_str_eq(info.source, path);
    ck_assert(info.height == 4 && info.width == 6 && info.is_scan && !info.file_per_slice);
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    for (int64_t i = 0; i < info.slices; i++) {
        redux_tensor slice;
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, i));
        const double value = slice.dtype == REDUX_FLOAT32 ? (double)*(const float *)slice.data
                                                          : *(const int16_t *)slice.data;
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%g", i > 0 ? " " : "", value);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    return text("%s", line);
}

static const char along_z[] = "1\\0\\0\\0\\1\\0";
static dicom_bytes frame_bytes;

START_TEST(frames_are_ordered_by_place)
{
    dicom_file f = DICOM_FILE;
    const dicom_frame frames[] = {{"0\\0\\6", NULL, NULL},
                                  {"0\\0\\2", NULL, NULL},
                                  {"0\\0\\4", NULL, NULL},
                                  {"0\\0\\0", NULL, NULL}},
                      slopes[] = {{"0\\0\\6", along_z, "2"},
                                  {"0\\0\\2", along_z, "3"},
                                  {"0\\0\\4", along_z, NULL},
                                  {"0\\0\\0", along_z, "1"}},
                      times[] = {{"0\\0\\3", NULL, NULL},
                                 {"0\\0\\3", NULL, NULL},
                                 {"0\\0\\1", NULL, NULL},
                                 {"0\\0\\1.0001", NULL, NULL}};
    static const char *const syntaxes[] = {DICOM_EXPLICIT, DICOM_IMPLICIT, DICOM_BIG};
    for (int i = 0; i < 3; i++) {
        f.syntax = syntaxes[i];
        ck_assert_str_eq(first_of_frames(write_frames(&frame_bytes, "f.dcm", &f, frames, 4, 4), -1),
                         "4 2 3 1");
        ck_assert_str_eq(first_of_frames(write_frames(&frame_bytes, "f.dcm", &f, times, 4, 4), 0),
                         "3 1");
        ck_assert_str_eq(first_of_frames(write_frames(&frame_bytes, "f.dcm", &f, times, 4, 4), 1),
                         "4 2");
        ck_assert_str_eq(first_of_frames(write_frames(&frame_bytes, "f.dcm", &f, frames, 4, 0), -1),
                         "1 2 3 4");
    }
    f.orientation = NULL;
    ck_assert_str_eq(first_of_frames(write_frames(&frame_bytes, "f.dcm", &f, slopes, 4, 4), -1),
                     "4 6 3 2");
}
END_TEST

START_TEST(frames_that_are_refused)
{
    dicom_file f = DICOM_FILE;
    redux_dataset *dataset;
    const dicom_frame frames[] = {{"0\\0\\3", NULL, NULL},
                                  {"0\\0\\4", NULL, NULL},
                                  {"0\\0\\3", NULL, NULL},
                                  {"0\\0\\4", NULL, NULL}},
                      mixed[] = {{"0\\0\\3", along_z, NULL},
                                 {"0\\0\\4", "1\\0\\0\\0\\0\\-1", NULL}};
    ck_assert_redux(
        REDUX_E_FORMAT,
        open_path(&dataset, write_frames(&frame_bytes, "f.dcm", &f, frames, 4, 3), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "has 4 frames, and describes 3"));
    ck_assert_redux(
        REDUX_E_FORMAT,
        open_path(&dataset, write_frames(&frame_bytes, "f.dcm", &f, frames, 3, 4), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "groups of its frames are damaged"));
    ck_assert_redux(
        REDUX_E_UNSUPPORTED,
        open_path(&dataset, write_frames(&frame_bytes, "f.dcm", &f, mixed, 2, 2), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "several orientations"));
    ck_assert_redux(
        REDUX_E_INVALID,
        open_path(&dataset, write_frames(&frame_bytes, "f.dcm", &f, frames, 4, 4), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "--frame"));
}
END_TEST

/* Beside files of a series, and with another file in its place once it is open. */
START_TEST(frames_beside_a_series)
{
    const int32_t pixels[24] = {0};
    const dicom_frame frames[] = {{"0\\0\\1", NULL, NULL}, {"0\\0\\2", NULL, NULL}};
    dicom_file f = DICOM_FILE;
    redux_dataset *dataset;
    redux_volume *volume;
    folder("both");
    write_dicom("both/1.dcm", &f, pixels);
    f.position = "0\\0\\1";
    write_dicom("both/2.dcm", &f, pixels);
    write_frames(&frame_bytes, "both/many.dcm", &f, frames, 2, 2);
    ck_assert_redux_ok(open_path(&dataset, in_scratch("both"), NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 2);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 4);
    write_dicom("both/many.dcm", &f, pixels);
    redux_status status = REDUX_OK;
    for (int64_t v = 0; v < 2 && status == REDUX_OK; v++) {
        status = redux_volume_open(&volume, NULL, dataset, v);
        if (status == REDUX_OK)
            redux_volume_free(volume);
    }
    ck_assert_redux(REDUX_E_FORMAT, status);
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "has changed"));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(frames_cut_and_altered)
{
    dicom_file f = DICOM_FILE;
    const dicom_frame frames[] = {{"0\\0\\1", along_z, "2"}, {"0\\0\\2", along_z, "3"}};
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all;
    write_frames(&frame_bytes, "f.dcm", &f, frames, 2, 2);
    for (size_t size = 0; size < frame_bytes.size; size++) {
        write_bytes(in_scratch("f.dcm"), frame_bytes.at, size);
        ck_assert_int_ne(read_volume(&all, &info, in_scratch("f.dcm"), NULL), REDUX_OK);
    }
    for (size_t at = 128; at < frame_bytes.size - 96; at++) {
        frame_bytes.at[at] ^= 0xFF;
        write_bytes(in_scratch("f.dcm"), frame_bytes.at, frame_bytes.size);
        if (read_volume(&all, &info, in_scratch("f.dcm"), NULL) == REDUX_OK)
            redux_tensor_release(&all);
        frame_bytes.at[at] ^= 0xFF;
    }
}
END_TEST

/* ---- what is refused ---- */

static void refused(redux_status expected, const char *words, const dicom_file *f)
{
    static const int32_t pixels[24];
    redux_dataset *dataset;
    ck_assert_redux(expected, open_path(&dataset, write_dicom("wrong.dcm", f, pixels), NULL));
    ck_assert_msg(strstr(redux_error_message(), words) != NULL, "%s", redux_error_message());
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "wrong.dcm"));
}

#define REFUSED(status, words, field, value)                                                       \
    do {                                                                                           \
        dicom_file wrong = DICOM_FILE;                                                             \
        wrong.field = value;                                                                       \
        refused(status, words, &wrong);                                                            \
    } while (0)

START_TEST(wrong_files)
{
    REFUSED(REDUX_E_FORMAT, "transfer syntax", syntax, NULL);
    REFUSED(REDUX_E_UNSUPPORTED, "dcm2niix", syntax, "1.2.840.10008.1.2.4.100");
    REFUSED(REDUX_E_UNSUPPORTED, "gdcmconv -w", syntax, "1.2.840.10008.1.2.1.99");
    REFUSED(REDUX_E_FORMAT, "do not fit its transfer syntax", syntax, "1.2.840.10008.1.2.4.70");
    REFUSED(REDUX_E_UNSUPPORTED, "holds no image", no_pixels, true);
    REFUSED(REDUX_E_UNSUPPORTED, "in colour", samples, 3);
    REFUSED(REDUX_E_UNSUPPORTED, "in colour", photometric, "PALETTE COLOR");
    REFUSED(REDUX_E_FORMAT, "48 bytes of pixels, not 576", frames, "12");
    REFUSED(REDUX_E_UNSUPPORTED, "at most 65536", frames, "65537");
    REFUSED(REDUX_E_UNSUPPORTED, "used up to bit", stored, 20);
    REFUSED(REDUX_E_FORMAT, "0 x 6 pixels", rows, 0);
    REFUSED(REDUX_E_FORMAT, "bytes of pixels, not", rows, 65535);
    REFUSED(REDUX_E_FORMAT, "extends beyond the end", pixel_length, 0x7FFFFFF0);
    REFUSED(REDUX_E_FORMAT, "extends beyond the end", pixel_length, 0xFFFFFFFE);
    REFUSED(REDUX_E_FORMAT, "do not fit its transfer syntax", pixel_length, 0xFFFFFFFF);
    REFUSED(REDUX_E_FORMAT, "has 66 bytes", series,
            "1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7.8.9.1.2.3.4.5.67");
}
END_TEST

/* A file that ends anywhere, or whose bytes are others, is refused or read: nothing else. */
START_TEST(cut_and_altered)
{
    dicom_bytes b;
    dicom_file f = DICOM_FILE;
    const int32_t pixels[24] = {0};
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor all;
    dicom_begin(&b, &f);
    dicom_end(&b, &f, pixels);
    for (size_t size = 0; size < b.size; size++) {
        write_bytes(in_scratch("cut.dcm"), b.at, size);
        const redux_status status = read_volume(&all, &info, in_scratch("cut.dcm"), NULL);
        ck_assert_msg(status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED, "%zu bytes", size);
    }
    for (size_t at = 128; at < b.size - 48; at++) {
        b.at[at] ^= 0xFF;
        write_bytes(in_scratch("cut.dcm"), b.at, b.size);
        if (read_volume(&all, &info, in_scratch("cut.dcm"), NULL) == REDUX_OK)
            redux_tensor_release(&all);
        b.at[at] ^= 0xFF;
    }
}
END_TEST

/* Sequences without lengths: walked through, not endlessly deep. */
START_TEST(nested_sequences)
{
    for (int depth = 1; depth <= 64; depth += depth < 30 ? 29 : 17) {
        dicom_bytes b;
        dicom_file f = DICOM_FILE;
        const int32_t pixels[24] = {5};
        redux_dataset *dataset;
        dicom_begin(&b, &f);
        for (int i = 0; i < depth; i++) {
            dicom_head(&b, 0x00210010, "SQ", 0xFFFFFFFF);
            dicom_number(&b, 0xE000FFFE, 4);
            dicom_number(&b, 0xFFFFFFFF, 4);
            dicom_short(&b, 0x00280010, 77); /* an element of that name in an item is another one */
        }
        for (int i = 0; i < depth; i++) {
            dicom_number(&b, 0xE00DFFFE, 4);
            dicom_number(&b, 0, 4);
            dicom_number(&b, 0xE0DDFFFE, 4);
            dicom_number(&b, 0, 4);
        }
        dicom_end(&b, &f, pixels);
        write_bytes(in_scratch("nested.dcm"), b.at, b.size);
        if (depth > 32) {
            ck_assert_redux(REDUX_E_LIMIT, open_path(&dataset, in_scratch("nested.dcm"), NULL));
            continue;
        }
        ck_assert_redux_ok(open_path(&dataset, in_scratch("nested.dcm"), NULL));
        redux_dataset_free(dataset);
        ck_assert_str_eq(first_pixels(in_scratch("nested.dcm")), "5");
    }
}
END_TEST

/* Limits of the context are held before anything is read: a slice of 245,000 bytes. */
START_TEST(limited_memory)
{
    dicom_bytes b;
    dicom_file f = DICOM_FILE;
    const int32_t pixels[24] = {0};
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_dataset *dataset;
    redux_volume *volume;
    redux_tensor slice;
    f.rows = f.columns = 350;
    f.pixel_length = 350 * 350 * 2;
    dicom_begin(&b, &f);
    dicom_end(&b, &f, pixels);
    unsigned char *bytes = calloc(1, b.size + f.pixel_length);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, b.at, b.size);
    write_bytes(in_scratch("large.dcm"), bytes, b.size + f.pixel_length);
    free(bytes);
    const char *path = in_scratch("large.dcm");
    for (int large = 0; large < 2; large++) {
        options.max_bytes = large == 0 ? 200000 : 300000;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, NULL));
        ck_assert_redux_ok(redux_volume_open(&volume, context, dataset, 0));
        ck_assert_redux(large == 0 ? REDUX_E_LIMIT : REDUX_OK,
                        redux_volume_slice(&slice, context, volume, 0));
        if (large == 1)
            redux_tensor_release(&slice);
        redux_volume_free(volume);
        redux_dataset_free(dataset);
        redux_context_free(context);
    }
}
END_TEST

/* A file that is another one by the time it is read. */
START_TEST(changed_since)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_tensor slice;
    dicom_file f = DICOM_FILE;
    const int32_t pixels[24] = {0};
    ck_assert_redux_ok(open_path(&dataset, write_dicom("changed.dcm", &f, pixels), NULL));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    f.slope = "3";
    write_dicom("changed.dcm", &f, pixels);
    ck_assert_redux(REDUX_E_FORMAT, redux_volume_slice(&slice, NULL, volume, 0));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "has changed"));
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
END_TEST

/* The whole way: reduced, written, taken up again. */
START_TEST(reduced_and_found_again)
{
    const char *path = REAL;
    redux_dataset *dataset, *again;
    redux_reduction *reduction;
    redux_manifest *manifest;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_tensor kept;
    options.strategy = REDUX_STRATEGY_SSIM;
    options.keep_count = 4;
    ck_assert_redux_ok(redux_window_parse(&options.window, "-160:240"));
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &options));
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_int_eq(summary.kept, 4);
    ck_assert_redux_ok(
        redux_results_save(in_scratch("d.csv"), in_scratch("d.json"), NULL, reduction, 0));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("d.csv")));
    ck_assert_redux_ok(redux_dataset_open_manifest(&again, &kept, NULL, manifest, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(again), 1);
    ck_assert_int_eq(redux_dataset_slice_count(again), 4);
    redux_tensor_release(&kept);
    redux_dataset_free(again);
    redux_manifest_free(manifest);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dicom");
    TCase *tests = tcase_create("dicom");
    scratch_make();
    tcase_add_test(tests, same_as_nifti);
    tcase_add_loop_test(tests, compressed_pixels, 0, 4);
    tcase_add_loop_test(tests, damaged_compressed_pixels, 0, 4);
    tcase_add_loop_test(tests, codestreams_that_lie, 0, sizeof lies / sizeof *lies);
    tcase_add_test(tests, jpeg_ls_without_its_end);
    tcase_add_loop_test(tests, headers_that_lie, 0, 3);
    tcase_add_test(tests, ordered_by_place);
    tcase_add_test(tests, gaps_and_duplicates_are_told);
    tcase_add_test(tests, without_places_by_number);
    tcase_add_test(tests, told_apart);
    tcase_add_test(tests, kinds_of_pixels_that_differ);
    tcase_add_test(tests, time_points);
    tcase_add_test(tests, mosaics);
    tcase_add_test(tests, numbers_that_cannot_be_read);
    tcase_add_test(tests, without_preamble);
    tcase_add_test(tests, padding);
    tcase_add_test(tests, named_files);
    tcase_add_test(tests, forms_of_pixels);
    tcase_add_test(tests, values_of_pixels);
    tcase_add_test(tests, bits_that_are_stored);
    tcase_add_test(tests, slopes_that_differ);
    tcase_add_test(tests, frames_are_ordered_by_place);
    tcase_add_test(tests, frames_that_are_refused);
    tcase_add_test(tests, frames_beside_a_series);
    tcase_add_test(tests, frames_cut_and_altered);
    tcase_add_test(tests, wrong_files);
    tcase_add_test(tests, cut_and_altered);
    tcase_add_test(tests, nested_sequences);
    tcase_add_test(tests, limited_memory);
    tcase_add_test(tests, changed_since);
    tcase_add_test(tests, reduced_and_found_again);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
