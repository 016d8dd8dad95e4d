/* SPDX-License-Identifier: MIT
 * MetaImage, NRRD and MGH against NIfTI: the same voxels, lying in the patient in each of 48 ways,
 * give the same slices, spacing and volume hashes whichever format they come in. Readers of NIfTI
 * are compared with nibabel elsewhere. */
#include <math.h>
#include "support/nifti_writer.h"

enum { I = 7, J = 5, K = 4, VOXELS = I * J * K, WAYS = 48 };

static int16_t voxels[VOXELS];

static void fill_voxels(void)
{
    for (int i = 0; i < VOXELS; i++)
        voxels[i] = (int16_t)(i * 37 % 2011 - 900);
}

/* Directions of i, j, k in DICOM's system, times their spacing. */
static void directions_of(double out[3][3], int way)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const double spacing[3] = {0.5, 0.75, 3};
    memset(out, 0, 9 * sizeof(double));
    for (int i = 0; i < 3; i++)
        out[i][orders[way / 8][i]] = spacing[i] * ((way >> i & 1) != 0 ? -1 : 1);
}

static FILE *begin(const char *name)
{
    FILE *file = fopen(in_scratch(name), "wb");
    ck_assert_ptr_nonnull(file);
    return file;
}

static void put_voxels(FILE *file, bool swap)
{
    for (int i = 0; i < VOXELS; i++) {
        const uint16_t v = (uint16_t)voxels[i];
        const uint8_t bytes[2] = {(uint8_t)(swap ? v >> 8 : v), (uint8_t)(swap ? v : v >> 8)};
        fwrite(bytes, 1, 2, file);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void write_as_nifti(const char *name, double d[3][3])
{
    nifti_start start = {.header = {.sizeof_hdr = 348,
                                    .dim = {3, I, J, K},
                                    .datatype = DT_INT16,
                                    .bitpix = 16,
                                    .vox_offset = 352,
                                    .sform_code = 1,
                                    .magic = "n+1"}};
    for (int i = 0; i < 3; i++) {
        start.header.pixdim[1 + i] =
            (float)sqrt(d[i][0] * d[i][0] + d[i][1] * d[i][1] + d[i][2] * d[i][2]);
        start.header.srow_x[i] = (float)-d[i][0]; /* NIfTI: to the right and the front */
        start.header.srow_y[i] = (float)-d[i][1];
        start.header.srow_z[i] = (float)d[i][2];
    }
    FILE *file = begin(name);
    fwrite(&start, sizeof start, 1, file); /* in this machine's order of bytes */
    put_voxels(file, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/* `data`: LOCAL, or the file of the voxels. */
static void write_as_mha(const char *name, double d[3][3], const char *data, bool big)
{
    FILE *file = begin(name);
    double s[3];
    for (int i = 0; i < 3; i++)
        s[i] = sqrt(d[i][0] * d[i][0] + d[i][1] * d[i][1] + d[i][2] * d[i][2]);
    fprintf(file,
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = %s\n"
            "CompressedData = False\nTransformMatrix =",
            big ? "True" : "False");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            fprintf(file, " %g", d[i][k] / s[i]);
    fprintf(file,
            "\nOffset = 1 2 3\nElementSpacing = %g %g %g\nDimSize = %d %d %d\n"
            "ElementType = MET_SHORT\nElementDataFile = %s\n",
            s[0], s[1], s[2], I, J, K, data);
    if (strcmp(data, "LOCAL") != 0) {
        ck_assert_int_eq(fclose(file), 0);
        file = begin(data);
    }
    put_voxels(file, big);
}

static void write_as_nrrd(const char *name, double d[3][3], bool ras)
{
    FILE *file = begin(name);
    const double flip = ras ? -1 : 1;
    fprintf(file,
            "NRRD0004\n# a comment\ntype: short\ndimension: 3\nspace: %s\nsizes: %d %d %d\n"
            "space directions:",
            ras ? "right-anterior-superior" : "left-posterior-superior", I, J, K);
    for (int i = 0; i < 3; i++)
        fprintf(file, " (%g,%g,%g)", flip * d[i][0], flip * d[i][1], d[i][2]);
    fprintf(file, "\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
                  "space origin: (0,0,0)\nkey:=value\n\n");
    put_voxels(file, false);
}

static void put_big(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_float(uint8_t *at, double value)
{
    const float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    put_big(at, bits);
}

static void write_as_mgh(const char *name, double d[3][3])
{
    uint8_t header[284] = {0};
    const uint32_t numbers[] = {1, I, J, K, 1, 4};
    for (int i = 0; i < 6; i++)
        put_big(header + 4 * i, numbers[i]);
    header[29] = 1;
    for (int i = 0; i < 3; i++) {
        const double s = sqrt(d[i][0] * d[i][0] + d[i][1] * d[i][1] + d[i][2] * d[i][2]);
        put_float(header + 30 + 4 * i, s);
        for (int k = 0; k < 3; k++)
            put_float(header + 42 + 12 * i + 4 * k, (k < 2 ? -1 : 1) * d[i][k] / s);
    }
    FILE *file = begin(name);
    fwrite(header, sizeof header, 1, file);
    put_voxels(file, true);
}

/* gzip or zlib over a file of the scratch folder from byte `from` on, into another one. */
static void pack(const char *name, const char *as, long from, int window)
{
    static uint8_t in[1 << 16], out[1 << 16];
    FILE *file = fopen(in_scratch(as), "rb");
    const size_t size = fread(in, 1, sizeof in, file);
    fclose(file);
    z_stream z = {.next_in = in + from,
                  .avail_in = (unsigned)(size - (size_t)from),
                  .next_out = out,
                  .avail_out = sizeof out};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    file = begin(name);
    fwrite(in, 1, (size_t)from, file);
    fwrite(out, 1, z.total_out, file);
    fclose(file);
    deflateEnd(&z);
}

static void open_one(redux_dataset **dataset, const char *name, redux_orientation orientation)
{
    const char *path = in_scratch(name);
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    options.orientation = orientation;
    ck_assert_redux_ok(redux_dataset_open(dataset, NULL, &path, 1, &options));
}

static void same_slices(const redux_dataset *a, const redux_dataset *b)
{
    redux_volume_info ia = REDUX_VOLUME_INFO_INIT, ib = REDUX_VOLUME_INFO_INIT;
    redux_volume *va, *vb;
    ck_assert_redux_ok(redux_dataset_get_volume_info(&ia, a, 0));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&ib, b, 0));
    ck_assert_int_eq(ia.slices, ib.slices);
    ck_assert_int_eq(ia.same_slices, ib.same_slices);
    ck_assert(ib.is_scan == 1 && ib.dtype == REDUX_INT16);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(ia.spacing[i], ib.spacing[i], 1e-6);
    ck_assert_redux_ok(redux_volume_open(&va, NULL, a, 0));
    ck_assert_redux_ok(redux_volume_open(&vb, NULL, b, 0));
    for (int64_t k = 0; k < ia.slices; k++) {
        redux_tensor sa, sb, ca, cb;
        ck_assert_redux_ok(redux_volume_slice(&sa, NULL, va, k));
        ck_assert_redux_ok(redux_volume_slice(&sb, NULL, vb, k));
        ck_assert_redux_ok(redux_tensor_contiguous(&ca, NULL, &sa, REDUX_INT16));
        ck_assert_redux_ok(redux_tensor_contiguous(&cb, NULL, &sb, REDUX_INT16));
        ck_assert(ca.shape[0] == cb.shape[0] && ca.shape[1] == cb.shape[1]);
        ck_assert_mem_eq(ca.data, cb.data, (size_t)redux_tensor_elements(&ca) * 2);
        redux_tensor *all[] = {&sa, &sb, &ca, &cb};
        for (int i = 0; i < 4; i++)
            redux_tensor_release(all[i]);
    }
    redux_volume_free(va);
    redux_volume_free(vb);
}

static void same_hash(const redux_dataset *a, const redux_dataset *b)
{
    uint8_t ca[64] = {0}, cb[64] = {0};
    ck_assert_redux_ok(redux_volume_hash_read(ca, 1, NULL, NULL, a, 0, NULL));
    ck_assert_redux_ok(redux_volume_hash_read(cb, 1, NULL, NULL, b, 0, NULL));
    ck_assert_mem_eq(ca, cb, sizeof ca);
}

START_TEST(as_nifti)
{
    static const char *const names[] = {"a.mha", "b.mhd",  "c.nrrd", "d.nrrd", "e.mgh",
                                        "f.mgz", "g.nrrd", "h.mha",  "i.mha"};
    double d[3][3];
    directions_of(d, _i);
    write_as_nifti("a.nii", d);
    write_as_mha("a.mha", d, "LOCAL", false);
    write_as_mha("b.mhd", d, "b.raw", true);
    write_as_nrrd("c.nrrd", d, false);
    write_as_nrrd("d.nrrd", d, true);
    write_as_mgh("e.mgh", d);
    pack("f.mgz", "e.mgh", 0, 16 + MAX_WBITS);
    /* compressed voxels behind a header that says so */
    write_as_nrrd("plain.nrrd", d, false);
    FILE *file = fopen(in_scratch("plain.nrrd"), "r+b");
    char header[1024] = {0};
    ck_assert(fread(header, 1, sizeof header - 1, file) > 0);
    char *raw = strstr(header, "encoding: raw\n");
    ck_assert_ptr_nonnull(raw);
    fseek(file, raw - header, SEEK_SET);
    fputs("encoding: gz \n", file);
    fclose(file);
    char *blank = strstr(header, "\n\n");
    pack("g.nrrd", "plain.nrrd", blank + 2 - header, 16 + MAX_WBITS);
    file = fopen(in_scratch("a.mha"), "rb");
    memset(header, 0, sizeof header);
    ck_assert(fread(header, 1, sizeof header - 1, file) > 0);
    fclose(file);
    char *local = strstr(header, "LOCAL\n");
    pack("packed.mha", "a.mha", local + 6 - header, MAX_WBITS);
    file = fopen(in_scratch("packed.mha"), "r+b");
    char *flag = strstr(header, "CompressedData = False");
    fseek(file, flag - header, SEEK_SET);
    fputs("CompressedData = True ", file);
    fclose(file);
    ck_assert_int_eq(rename(in_scratch("packed.mha"), in_scratch("h.mha")), 0);
    write_as_mha("i.mha", d, "LOCAL", true);
    for (int o = 0; o < 2; o++) {
        redux_dataset *nifti, *other;
        open_one(&nifti, "a.nii", (redux_orientation)o);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            open_one(&other, names[i], (redux_orientation)o);
            same_slices(nifti, other);
            same_hash(nifti, other);
            redux_dataset_free(other);
        }
        redux_dataset_free(nifti);
    }
}
END_TEST

/* Bytes of a file, altered: what is wrong is said, by the file's name. */
static void refused(redux_status expected, const char *name, const char *words)
{
    const char *path = in_scratch(name);
    redux_dataset *dataset;
    ck_assert_redux(expected, redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_msg(strstr(redux_error_message(), words) != NULL, "%s", redux_error_message());
    ck_assert_ptr_nonnull(strstr(redux_error_message(), name));
}

static void write_text(const char *name, const char *content)
{
    FILE *file = begin(name);
    fputs(content, file);
    fclose(file);
}

#define MHA "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
#define NRRD "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\n"

START_TEST(what_is_wrong)
{
    write_text("cut.mha", MHA "ElementDataFile = LOCAL\n1234567");
    refused(REDUX_E_FORMAT, "cut.mha", "cut short");
    write_text("huge.mha", "NDims = 3\nDimSize = 2000000000 2000000000 2000000000\n"
                           "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n12345678");
    refused(REDUX_E_FORMAT, "huge.mha", "too large");
    write_text("negative.mha", "NDims = 3\nDimSize = 2 -2 2\nElementType = MET_UCHAR\n"
                               "ElementDataFile = LOCAL\n12345678");
    refused(REDUX_E_FORMAT, "negative.mha", "too large");
    write_text("list.mhd", MHA "ElementDataFile = LIST\na\nb\n");
    refused(REDUX_E_UNSUPPORTED, "list.mhd", "several files");
    write_text("out.mhd", MHA "ElementDataFile = ../../etc/passwd\n");
    refused(REDUX_E_UNSUPPORTED, "out.mhd", "outside");
    write_text("gone.mhd", MHA "ElementDataFile = gone.raw\n");
    const char *path = in_scratch("gone.mhd");
    redux_dataset *dataset;
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    write_text("rgb.mha", MHA "ElementNumberOfChannels = 3\nElementDataFile = LOCAL\n");
    refused(REDUX_E_UNSUPPORTED, "rgb.mha", "channels");
    write_text("text.mha", MHA "BinaryData = False\nElementDataFile = LOCAL\n1 2 3");
    refused(REDUX_E_UNSUPPORTED, "text.mha", "BinaryData");
    write_text("none.mha", "nothing of the kind");
    refused(REDUX_E_FORMAT, "none.mha", "MetaImage");
    write_text("cut.nrrd", NRRD "encoding: raw\n\n1234567");
    refused(REDUX_E_FORMAT, "cut.nrrd", "cut short");
    write_text("bzip.nrrd", NRRD "encoding: bzip2\n\n12345678");
    refused(REDUX_E_UNSUPPORTED, "bzip.nrrd", "encoding");
    write_text("vector.nrrd", "NRRD0004\ntype: uchar\ndimension: 4\nsizes: 3 2 2 2\n"
                              "kinds: vector domain domain domain\nencoding: raw\n\n");
    refused(REDUX_E_UNSUPPORTED, "vector.nrrd", "not in space");
    write_text("odd.nrrd", "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 two 2\n\n");
    refused(REDUX_E_FORMAT, "odd.nrrd", "sizes");
    write_text("none.nrrd", "PNG");
    refused(REDUX_E_FORMAT, "none.nrrd", "NRRD");
    write_text("none.mgh", "too short");
    refused(REDUX_E_FORMAT, "none.mgh", "cut short");
    uint8_t header[300] = {0};
    FILE *file = begin("version.mgh");
    fwrite(header, sizeof header, 1, file);
    fclose(file);
    refused(REDUX_E_FORMAT, "version.mgh", "version");
}
END_TEST

/* One byte less, at every length: an error, never a crash or a wrong volume. */
START_TEST(cut_anywhere)
{
    static const char *const names[] = {"a.mha", "c.nrrd", "e.mgh", "f.mgz", "g.nrrd", "h.mha"};
    static uint8_t bytes[1 << 16];
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        FILE *file = fopen(in_scratch(names[n]), "rb");
        ck_assert_ptr_nonnull(file);
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        for (size_t length = 0; length < size; length += length < 600 ? 1 : 7) {
            const char *cut = text("cut-%s", names[n]), *path = in_scratch(cut);
            redux_dataset *dataset = NULL;
            redux_volume *volume = NULL;
            file = begin(cut);
            fwrite(bytes, 1, length, file);
            fclose(file);
            redux_status status = redux_dataset_open(&dataset, NULL, &path, 1, NULL);
            if (status == REDUX_OK)
                status = redux_volume_open(&volume, NULL, dataset, 0);
            ck_assert_msg(status != REDUX_OK, "%s of %zu bytes", names[n], length);
            redux_volume_free(volume);
            redux_dataset_free(dataset);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_raster");
    TCase *tests = tcase_create("raster");
    tcase_set_timeout(tests, 30);
    scratch_make();
    fill_voxels();
    tcase_add_loop_test(tests, as_nifti, 0, WAYS);
    tcase_add_test(tests, what_is_wrong);
    tcase_add_test(tests, cut_anywhere);
    suite_add_tcase(suite, tests);
    const int code = run_suite(suite);
    scratch_remove();
    return code;
}
