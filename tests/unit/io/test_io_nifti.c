/* SPDX-License-Identifier: MIT
 * NIfTI against nibabel: types, byte orders, orientations, frames, pairs; and damaged files. */
#include <math.h>
#include "support/nifti_writer.h"

static const redux_dataset_options defaults = REDUX_DATASET_OPTIONS_INIT;

/* Reads the volume at `path` both ways and compares with "axial/KEY" and "stored/KEY". */
static void assert_volume(const char *path, const char *key, int frame)
{
    redux_dataset_options options = defaults;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor have, want;
    options.frame = frame;
    for (int stored = 0; stored < 2; stored++) {
        options.orientation = stored ? REDUX_ORIENTATION_STORED : REDUX_ORIENTATION_AXIAL;
        golden(&want, text("%s/%s", stored ? "stored" : "axial", key));
        ck_assert_redux_ok(read_volume(&have, &info, path, &options));
        assert_same(&have, &want, key);
        ck_assert_str_eq(info.format, "nifti");
        ck_assert_int_eq(info.dtype, want.dtype);
        redux_tensor_release(&have);
        redux_tensor_release(&want);
    }
    golden(&want, text("scale/%s", key));
    ck_assert_double_eq(info.slope, ((double *)want.data)[0]);
    ck_assert_double_eq(info.intercept, ((double *)want.data)[1]);
    redux_tensor_release(&want);
}

static redux_status open_status(const char *path)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor out;
    const redux_status status = read_volume(&out, &info, path, NULL);
    if (status == REDUX_OK)
        redux_tensor_release(&out);
    return status;
}

/* ---- what is read ---- */

START_TEST(types)
{
    static const char *const dtypes[] = {"int8",   "int16",  "int32",  "int64",   "uint8",
                                         "uint16", "uint32", "uint64", "float32", "float64"};
    const char *name = text("%s_%s_%d.nii", dtypes[_i / 4], _i % 2 ? "be" : "le", _i / 2 % 2 + 1);
    assert_volume(unpack(name), name, -1);
}
END_TEST

START_TEST(float128)
{
    assert_volume(unpack("float128_le_1.nii"), "float128_le_1.nii", -1);
    assert_volume(unpack("float128_be_1.nii"), "float128_be_1.nii", -1);
}
END_TEST

/* One anatomy, stored in 48 ways: the same axial slices, numbered along the storage axis. */
START_TEST(orientations)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char ends[3][2] = {{'L', 'R'}, {'P', 'A'}, {'I', 'S'}};
    char codes[4] = {0};
    for (int i = 0; i < 3; i++)
        codes[i] = ends[orders[_i / 8][i]][_i >> i & 1];
    const bool descending = strchr(codes, 'I') != NULL;
    const char *name = text("orient_%s.nii", codes), *path = unpack(name);
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor have, truth, want;
    golden(&truth, "truth");
    ck_assert_redux_ok(read_volume(&have, &info, path, NULL));
    ck_assert_redux_ok(redux_tensor_slice(&want, &truth, 0, descending ? truth.shape[0] - 1 : 0,
                                          truth.shape[0], descending ? -1 : 1));
    assert_same(&have, &want, name);
    ck_assert_double_eq(info.spacing[0], 3);
    ck_assert_double_eq(info.spacing[1], 0.75);
    ck_assert_double_eq(info.spacing[2], 0.5);
    ck_assert_int_eq(info.same_slices, codes[2] == 'I' || codes[2] == 'S');
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    redux_tensor_release(&truth);
}
END_TEST

START_TEST(forms_and_scaling)
{
    static const char *const names[] = {
        "tilted.nii", "qform.nii",      "no_form.nii",   "zero_sform.nii", "nan_sform.nii",
        "scaled.nii", "slope_zero.nii", "slope_nan.nii", "slope_inf.nii",  "slope_negative.nii",
        "flat.nii",   "one_frame.nii",  "five.nii",      "big.nii"};
    assert_volume(unpack(names[_i]), names[_i], -1);
}
END_TEST

START_TEST(units)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor out;
    const char *path = unpack(_i ? "meter.nii" : "micron.nii");
    ck_assert_redux_ok(read_volume(&out, &info, path, NULL));
    ck_assert_double_eq_tol(info.spacing[0], 3, 1e-6);
    ck_assert_double_eq_tol(info.spacing[1], 0.75, 1e-6);
    ck_assert_double_eq_tol(info.spacing[2], 0.5, 1e-6);
    redux_tensor_release(&out);
}
END_TEST

START_TEST(frames)
{
    static const char *const files[] = {"film.nii", "film.nii.gz"};
    redux_dataset_options options = defaults;
    redux_dataset *dataset;
    const char *path = unpack(files[_i]);
    for (int frame = 0; frame < 3; frame++)
        assert_volume(path, text("film_%d", frame), frame);
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, path, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "--frame"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
    options.frame = 3;
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, path, &options));
    options.frame = -2;
    ck_assert_redux(REDUX_E_INVALID, open_path(&dataset, path, &options));
    options.frame = 0;
    assert_volume(unpack("one_frame.nii"), "one_frame.nii", 0);
}
END_TEST

/* Compressed or not is told by the content, whatever the name says; two gzip members are one. */
START_TEST(compressed)
{
    redux_tensor bytes;
    assert_volume(unpack("big.nii.gz"), "big.nii", -1);
    assert_volume(unpack_as("big.nii.gz", "packed.nii"), "big.nii", -1);
    assert_volume(unpack_as("big.nii", "plain.nii.gz"), "big.nii", -1);
    assert_volume(unpack_as("big.nii", "UPPER.NII"), "big.nii", -1);
    golden_bytes(&bytes, "big.nii");
    gzFile file = gzopen(in_scratch("two.nii.gz"), "wb");
    ck_assert_int_eq(gzwrite(file, bytes.data, 1000), 1000);
    gzclose(file);
    file = gzopen(in_scratch("two.nii.gz"), "ab");
    const unsigned rest = (unsigned)bytes.shape[0] - 1000;
    ck_assert_int_eq(gzwrite(file, (char *)bytes.data + 1000, rest), (int)rest);
    gzclose(file);
    assert_volume(in_scratch("two.nii.gz"), "big.nii", -1);
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(pairs)
{
    redux_dataset *dataset;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    uint32_t crc = 0;
    size_t header_size, image_size;
    unpack("pair.hdr");
    unpack("pair.img");
    assert_volume(in_scratch("pair.hdr"), "pair", -1);
    assert_volume(in_scratch("pair.img"), "pair", -1);
    unpack_as("pair2.hdr", "two.HDR");
    unpack_as("pair2.img", "two.IMG");
    assert_volume(in_scratch("two.IMG"), "pair", -1);
    unpack_as("pair.hdr", "mixed.hdr");
    unpack_as("pair.img.gz", "mixed.img.gz");
    assert_volume(in_scratch("mixed.hdr"), "pair", -1);
    unpack_as("pair.hdr.gz", "both.hdr.gz");
    unpack_as("pair.img.gz", "both.img.gz");
    assert_volume(in_scratch("both.img.gz"), "pair", -1);

    /* One volume, though both halves are named; bytes and checksum are of both. */
    const char *both[] = {in_scratch("pair.hdr"), in_scratch("pair.img")};
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, both, 2, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 1);
    unsigned char *header = read_bytes(both[0], &header_size);
    unsigned char *image = read_bytes(both[1], &image_size);
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_str_eq(info.source, both[0]);
    ck_assert_uint_eq(info.bytes, header_size + image_size);
    ck_assert_redux_ok(redux_dataset_checksum(&crc, NULL, dataset, 0));
    ck_assert_uint_eq(crc, crc32(crc32(0, header, (uInt)header_size), image, (uInt)image_size));
    free(header);
    free(image);
    redux_dataset_free(dataset);

    unpack_as("pair.hdr", "alone.hdr");
    ck_assert_redux(REDUX_E_NOT_FOUND, open_status(in_scratch("alone.hdr")));
    unpack_as("pair.img", "lonely.img");
    ck_assert_redux(REDUX_E_NOT_FOUND, open_status(in_scratch("lonely.img")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "lonely.img"));
    unpack_as("flat.nii", "single.hdr");
    unpack_as("pair.img", "single.img");
    ck_assert_redux(REDUX_E_FORMAT, open_status(in_scratch("single.hdr")));
    ck_assert_redux(REDUX_E_FORMAT, open_status(unpack_as("pair.hdr", "half.nii")));
    /* A plain .img whose first voxels look like gzip is still plain. */
    redux_tensor bytes;
    golden_bytes(&bytes, "pair.img");
    memcpy(bytes.data, "\x1f\x8b\x08", 3);
    write_bytes(in_scratch("pair.img"), bytes.data, (size_t)bytes.shape[0]);
    ck_assert_redux_ok(open_status(in_scratch("pair.hdr")));
    redux_tensor_release(&bytes);
}
END_TEST

/* Slices are views that outlive the volume, and both orientations come from one reading. */
START_TEST(views)
{
    const char *path = unpack("big.nii");
    redux_dataset *dataset;
    redux_volume *volume;
    redux_tensor axial, stored, want, plane;
    ck_assert_redux_ok(open_path(&dataset, path, NULL));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux_ok(redux_volume_slice(&axial, NULL, volume, 3));
    ck_assert_redux_ok(
        redux_volume_slice_oriented(&stored, NULL, volume, 3, REDUX_ORIENTATION_STORED));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_slice(&plane, NULL, volume, 16));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_slice(&plane, NULL, volume, -1));
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    ck_assert_ptr_nonnull(axial.storage);
    ck_assert_ptr_eq(axial.storage, stored.storage);
    golden(&want, "axial/big.nii");
    ck_assert_redux_ok(redux_tensor_select(&plane, &want, 0, 3));
    assert_same(&axial, &plane, "axial");
    redux_tensor_release(&plane);
    redux_tensor_release(&want);
    golden(&want, "stored/big.nii");
    ck_assert_redux_ok(redux_tensor_select(&plane, &want, 0, 3));
    assert_same(&stored, &plane, "stored");
    redux_tensor_release(&plane);
    redux_tensor_release(&want);
    redux_tensor_release(&axial);
    redux_tensor_release(&stored);
}
END_TEST

START_TEST(changed_since)
{
    redux_dataset *dataset;
    redux_volume *volume = NULL;
    const char *path = unpack("flat.nii");
    ck_assert_redux_ok(open_path(&dataset, path, NULL));
    unpack_as("big.nii", "flat.nii");
    ck_assert_redux(REDUX_E_FORMAT, redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_ptr_null(volume);
    unlink(path);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_open(&volume, NULL, dataset, 1));
    redux_dataset_free(dataset);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(unsupported)
{
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_status(unpack("complex.nii")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "complex64"));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_status(unpack("rgb.nii")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "RGB24"));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_status(unpack("vector.nii")));
    ck_assert_redux(REDUX_E_FORMAT, open_status(unpack("bad_inter.nii")));
}
END_TEST

static const char *const damaged_files[] = {"int16_le_1.nii", "big.nii.gz", "int16_be_2.nii"};

START_TEST(cut_short)
{
    redux_tensor bytes;
    const char *path = in_scratch("cut.nii.gz");
    golden_bytes(&bytes, damaged_files[_i]);
    const int64_t size = bytes.shape[0], step = size > 700 ? size / 300 : 1;
    for (int64_t length = 0; length<size; length += length + 40> size ? 1 : step) {
        write_bytes(path, bytes.data, (size_t)length);
        ck_assert_redux(REDUX_E_FORMAT, open_status(path));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* In a compressed file every flipped bit of the voxels is noticed: the last two words are their
 * checksum and length. (Name and time of the gzip header do not matter.) */
START_TEST(flipped_bits)
{
    redux_tensor bytes;
    const char *path = in_scratch("flipped.nii.gz");
    golden_bytes(&bytes, "big.nii.gz");
    uint8_t *data = bytes.data;
    const int64_t size = bytes.shape[0];
    for (int64_t at = 0; at < size; at += at < 20 || at + 20 > size ? 1 : size / 300) {
        data[at] ^= (uint8_t)(1 << at % 8);
        write_bytes(path, data, (size_t)size);
        const redux_status status = open_status(path);
        if (at >= 10)
            ck_assert_msg(status != REDUX_OK, "byte %lld", (long long)at);
        data[at] ^= (uint8_t)(1 << at % 8);
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* One member of a gzip file (RFC 1952) with every field that a header may have. */
static size_t gzip_member(uint8_t *out, size_t room, int level, const void *data, size_t size)
{
    z_stream stream;
    uint8_t extra[300] = {'R', 'X', 40, 1};
    gz_header header = {.extra = extra, .extra_len = sizeof extra, .hcrc = 1};
    memset(&stream, 0, sizeof stream);
    header.name = (Bytef *)(uintptr_t) "volume.nii";
    header.comment = (Bytef *)(uintptr_t) "of several members";
    ck_assert_int_eq(deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflateSetHeader(&stream, &header), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (unsigned)size;
    stream.next_out = out;
    stream.avail_out = (unsigned)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

/* Members one after the other are one file; zeros after the last are padding. */
START_TEST(gzip_members)
{
    enum { ROOM = 1 << 16 };
    static const size_t pieces[] = {1, 347, 1, 5, 4000};
    const char *path = in_scratch("members.nii.gz");
    uint8_t *packed = calloc(ROOM, 1);
    redux_tensor bytes;
    golden_bytes(&bytes, "big.nii");
    const uint8_t *plain = bytes.data;
    const size_t size = (size_t)bytes.shape[0];
    size_t done = 0, length = 0, before = 0;
    for (int i = 0; done < size; i++) {
        const size_t piece = i < 5 ? pieces[i] : size - done;
        before = length;
        length += gzip_member(packed + length, ROOM - length, 9, plain + done, piece);
        done += piece;
    }
    write_bytes(path, packed, length);
    assert_volume(path, "big.nii", -1);
    write_bytes(path, packed, length + 1000);
    assert_volume(path, "big.nii", -1);
    for (size_t cut = before > 100 ? before - 100 : 0; cut < length;
         cut += cut < before + 400 ? 1 : 97) {
        write_bytes(path, packed, cut);
        ck_assert_redux(REDUX_E_FORMAT, open_status(path));
    }
    packed[before - 6] ^= 1; /* a checksum within the file */
    write_bytes(path, packed, length);
    ck_assert_redux(REDUX_E_FORMAT, open_status(path));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "checksum"));
    free(packed);
    redux_tensor_release(&bytes);
}
END_TEST

/* A second member whose header lies across the end of what is read of a file at a time (512 KiB),
 * at any of its bytes: it goes on from there. */
START_TEST(header_in_two_pieces)
{
    enum { SIDE = 640, ROOM = 2 << 20, AT = 512 << 10, HEADER = 348 };
    const char *path = in_scratch("split.nii.gz");
    const int64_t shape[] = {1, SIDE, SIDE};
    const size_t size = 352 + (size_t)2 * SIDE * SIDE;
    uint8_t *plain = malloc(size), *packed = malloc(ROOM);
    redux_tensor volume;
    ck_assert(plain != NULL && packed != NULL);
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_INT16, 3, shape));
    for (size_t i = 0; i < size - 352; i++)
        ((uint8_t *)volume.data)[i] = (uint8_t)(i * i >> 7);
    const nifti_start start = nifti_start_of(&volume, 1, 0);
    memcpy(plain, &start, sizeof start);
    memcpy(plain + 352, volume.data, size - 352);
    /* stored, so that a byte more is a byte more */
    size_t first = AT - 2 * HEADER, length;
    first += AT - HEADER - 14 - gzip_member(packed, ROOM, 0, plain, first);
    for (int k = 0; k < HEADER + 21; k += 7) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_tensor slice;
        const size_t one = first + (size_t)k;
        length = gzip_member(packed, ROOM, 0, plain, one);
        ck_assert_uint_eq(length, (size_t)(AT - HEADER - 14 + k));
        length += gzip_member(packed + length, ROOM - length, 9, plain + one, size - one);
        write_bytes(path, packed, length);
        ck_assert_redux_ok(read_volume(&slice, &info, path, NULL));
        ck_assert_mem_eq(slice.data, volume.data, size - 352);
        redux_tensor_release(&slice);
    }
    redux_tensor_release(&volume);
    free(plain);
    free(packed);
}
END_TEST

/* Every bit of a plain header: any answer but a crash, and no absurd allocation. */
START_TEST(flipped_header)
{
    redux_tensor bytes;
    const char *path = in_scratch("header.nii");
    golden_bytes(&bytes, damaged_files[_i == 0 ? 0 : 2]);
    uint8_t *data = bytes.data;
    for (int64_t bit = 0; bit < (_i == 0 ? 352LL : 544LL) * 8; bit += 3) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_bytes(path, data, (size_t)bytes.shape[0]);
        open_status(path);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* One field of a good little-endian NIfTI-1 header (5 x 4 x 3 int16) changed. */
static const struct {
    const char *what;
    int at, size;
    uint64_t value;
    redux_status status;
} fields[] = {
    {"sizeof_hdr 0", 0, 4, 0, REDUX_E_FORMAT},
    {"sizeof_hdr 540", 0, 4, 540, REDUX_E_FORMAT},
    {"magic n+3", 344, 4, 0x00332b6e, REDUX_E_FORMAT},
    {"magic n+1 without end", 344, 4, 0x20312b6e, REDUX_E_FORMAT},
    {"magic of ANALYZE", 344, 4, 0, REDUX_E_UNSUPPORTED},
    {"magic of a pair", 344, 4, 0x0031696e, REDUX_E_FORMAT},
    {"no dimensions", 40, 2, 0, REDUX_E_FORMAT},
    {"one dimension", 40, 2, 1, REDUX_E_UNSUPPORTED},
    {"eight dimensions", 40, 2, 8, REDUX_E_FORMAT},
    {"negative dimensions", 40, 2, 0xffff, REDUX_E_FORMAT},
    {"no columns", 42, 2, 0, REDUX_E_FORMAT},
    {"negative rows", 44, 2, 0xfffb, REDUX_E_FORMAT},
    {"no slices", 46, 2, 0, REDUX_E_FORMAT},
    {"too many slices", 46, 2, 4, REDUX_E_FORMAT},
    {"absurdly many slices", 46, 2, 32767, REDUX_E_FORMAT},
    {"type 0", 70, 2, 0, REDUX_E_FORMAT},
    {"type 1", 70, 2, 1, REDUX_E_UNSUPPORTED},
    {"type 3", 70, 2, 3, REDUX_E_FORMAT},
    {"8 bits", 72, 2, 8, REDUX_E_FORMAT},
    {"negative bits", 72, 2, 0xfff0, REDUX_E_FORMAT},
    {"offset 0", 108, 4, 0, REDUX_E_FORMAT},
    {"offset 347", 108, 4, 0x43ad8000, REDUX_E_FORMAT},
    {"offset 352.5", 108, 4, 0x43b04000, REDUX_E_FORMAT},
    {"offset negative", 108, 4, 0xc3b00000, REDUX_E_FORMAT},
    {"offset 1e30", 108, 4, 0x7149f2ca, REDUX_E_FORMAT},
    {"offset NaN", 108, 4, 0x7fc00000, REDUX_E_FORMAT},
    {"offset infinite", 108, 4, 0x7f800000, REDUX_E_FORMAT},
    {"offset 354", 108, 4, 0x43b10000, REDUX_E_FORMAT}, /* two bytes are missing at the end */
    {"offset 350", 108, 4, 0x43af0000, REDUX_OK},
    {"spacing NaN", 80, 4, 0x7fc00000, REDUX_OK},
    {"spacing negative", 80, 4, 0xbf800000, REDUX_OK},
};

START_TEST(bad_fields)
{
    redux_tensor bytes;
    const char *path = in_scratch("field.nii");
    golden_bytes(&bytes, "int16_le_1.nii");
    for (int i = 0; i < fields[_i].size; i++)
        ((uint8_t *)bytes.data)[fields[_i].at + i] = (uint8_t)(fields[_i].value >> 8 * i);
    write_bytes(path, bytes.data, (size_t)bytes.shape[0]);
    const redux_status status = open_status(path);
    ck_assert_msg(status == fields[_i].status, "%s: %s: %s", fields[_i].what,
                  redux_status_string(status), redux_error_message());
    if (status != REDUX_OK)
        ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
    redux_tensor_release(&bytes);
}
END_TEST

/* NIfTI-2 has 64-bit dimensions: products that overflow, and sizes no file holds. */
START_TEST(absurd_dimensions)
{
    static const int64_t dims[][3] = {{INT64_MAX, INT64_MAX, INT64_MAX},
                                      {1LL << 32, 1LL << 32, 1},
                                      {1LL << 31, 1LL << 31, 2},
                                      {INT64_MIN, 1, 1},
                                      {1LL << 40, 1, 1},
                                      {-1, -1, 60}};
    redux_tensor bytes;
    golden_bytes(&bytes, "int16_le_2.nii");
    memcpy((char *)bytes.data + 24, dims[_i], sizeof dims[0]);
    const char *plain = in_scratch("dims.nii"), *packed = in_scratch("dims.nii.gz");
    write_bytes(plain, bytes.data, (size_t)bytes.shape[0]);
    gzFile file = gzopen(packed, "wb");
    gzwrite(file, bytes.data, (unsigned)bytes.shape[0]);
    gzclose(file);
    ck_assert_redux(REDUX_E_FORMAT, open_status(plain));
    ck_assert_redux(REDUX_E_FORMAT, open_status(packed));
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(memory_limit)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_dataset *dataset;
    const char *path = unpack("big.nii");
    options.max_bytes = 11519; /* the voxels take 11520 */
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux(REDUX_E_LIMIT, redux_dataset_open(&dataset, context, &path, 1, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
    redux_context_free(context);
}
END_TEST

START_TEST(not_nifti)
{
    const char *path = in_scratch("text.nii");
    write_bytes(path, "", 0);
    ck_assert_redux(REDUX_E_FORMAT, open_status(path));
    char *words = malloc(1000);
    memset(words, 'w', 1000);
    write_bytes(path, words, 1000);
    free(words);
    ck_assert_redux(REDUX_E_FORMAT, open_status(path));
    ck_assert_redux(REDUX_E_NOT_FOUND, open_status(in_scratch("none.nii")));
    ck_assert_int_eq(mkdir(in_scratch("folder.nii"), 0755), 0);
    ck_assert_redux(REDUX_E_NOT_FOUND, open_status(in_scratch("folder.nii")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_nifti");
    TCase *tests = tcase_create("nifti");
    golden_archive = "tests/golden/data/io/nifti.npz";
    tcase_add_loop_test(tests, types, 0, 40);
    tcase_add_test(tests, float128);
    tcase_add_loop_test(tests, orientations, 0, 48);
    tcase_add_loop_test(tests, forms_and_scaling, 0, 14);
    tcase_add_loop_test(tests, units, 0, 2);
    tcase_add_loop_test(tests, frames, 0, 2);
    tcase_add_test(tests, compressed);
    tcase_add_test(tests, pairs);
    tcase_add_test(tests, views);
    tcase_add_test(tests, changed_since);
    tcase_add_test(tests, unsupported);
    tcase_add_loop_test(tests, cut_short, 0, 3);
    tcase_add_test(tests, flipped_bits);
    tcase_add_test(tests, gzip_members);
    tcase_add_test(tests, header_in_two_pieces);
    tcase_add_loop_test(tests, flipped_header, 0, 2);
    tcase_add_loop_test(tests, bad_fields, 0, (int)(sizeof fields / sizeof fields[0]));
    tcase_add_loop_test(tests, absurd_dimensions, 0, 6);
    tcase_add_test(tests, memory_limit);
    tcase_add_test(tests, not_nifti);
    suite_add_tcase(suite, tests);
    scratch_make();
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
