/* SPDX-License-Identifier: MIT
 * The header of a DICOM file (PS3.5 chapter 7, PS3.10 chapter 7). A walk over its elements reads
 * the few that an image needs and skips all others. Lengths, nesting and numbers are checked
 * against the file before they are used. (GDCM checks neither: it runs out of stack or asks for 4
 * GiB on files of 40 KB. So it only gets compressed pixels, dicom_gdcm.cpp.) */
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "format_dicom.h"

#define PREAMBLE 132 /* 128 bytes of anything, then "DICM" */
#define UNDEFINED 0xFFFFFFFFu
#define MOST_NESTED 32
#define LONGEST_VALUE 256

#define TAG_PIXELS 0x7FE00010u
#define TAG_LUT 0x00283000u /* ModalityLUTSequence */
#define TAG_SHARED_GROUPS 0x52009229u
#define TAG_FRAME_GROUPS 0x52009230u
#define TAG_ITEM 0xFFFEE000u
#define TAG_ITEM_END 0xFFFEE00Du
#define TAG_SEQUENCE_END 0xFFFEE0DDu

/* The position in the file. */
typedef struct cursor {
    int fd;
    const char *path;
    uint64_t at, end;
    bool typed, swap; /* elements state their type ("explicit VR"); big-endian */
    uint64_t held_at; /* of `held` in the file */
    size_t held_size;
    unsigned char held[4096];
} cursor;

typedef struct element {
    uint32_t tag, length;
    char type[2]; /* "" if unknown */
} element;

/* ---- bytes ---- */

static redux_status cut_short(const cursor *c)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", c->path);
}

static redux_status take(cursor *c, void *out, size_t size)
{
    if (size > c->end - c->at)
        return cut_short(c);
    if (c->at < c->held_at || c->at + size > c->held_at + c->held_size) {
        c->held_at = c->at;
        RDX_TRY(rdx_read_at(c->fd, c->path, c->at, c->held, sizeof c->held, &c->held_size));
        if (c->held_size < size)
            return cut_short(c);
    }
    memcpy(out, c->held + (c->at - c->held_at), size);
    c->at += size;
    return REDUX_OK;
}

static uint32_t number_of(const unsigned char *bytes, int size, bool swap)
{
    uint32_t number = 0;
    for (int i = 0; i < size; i++)
        number |= (uint32_t)bytes[i] << 8 * (swap ? size - 1 - i : i);
    return number;
}

/* ---- elements ---- */

/* Types whose length has four bytes, after two that are reserved (PS3.5, table 7.1-1). */
static bool has_long_length(const char *type)
{
    static const char *const types[] = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ",
                                        "SV", "UC", "UN", "UR", "UT", "UV"};
    for (int64_t i = 0; i < RDX_COUNT(types); i++)
        if (memcmp(type, types[i], 2) == 0)
            return true;
    return false;
}

static redux_status next_element(element *out, cursor *c)
{
    unsigned char bytes[8];
    RDX_TRY(take(c, bytes, 8));
    out->tag = number_of(bytes, 2, c->swap) << 16 | number_of(bytes + 2, 2, c->swap);
    out->length = number_of(bytes + 4, 4, c->swap);
    memset(out->type, 0, 2);
    if (c->typed && out->tag >> 16 != 0xFFFE) {
        memcpy(out->type, bytes + 4, 2);
        for (int i = 0; i < 2; i++)
            if (out->type[i] < 'A' || out->type[i] > 'Z')
                return rdx_fail(REDUX_E_FORMAT, "%s: element (%04x,%04x) has no type", c->path,
                                (unsigned)(out->tag >> 16), (unsigned)(out->tag & 0xFFFF));
        out->length = number_of(bytes + 6, 2, c->swap);
        if (has_long_length(out->type)) {
            RDX_TRY(take(c, bytes, 4));
            out->length = number_of(bytes, 4, c->swap);
        }
    }
    if (out->length != UNDEFINED && out->length > c->end - c->at)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: element (%04x,%04x) of %u bytes extends beyond the end of the file",
                        c->path, (unsigned)(out->tag >> 16), (unsigned)(out->tag & 0xFFFF),
                        (unsigned)out->length);
    return REDUX_OK;
}

static redux_status skip_element(cursor *c, const element *e, int depth);

/* An item without a length: elements up to its end. */
static redux_status skip_item(cursor *c, int depth)
{
    for (;;) {
        element e;
        RDX_TRY(next_element(&e, c));
        if (e.tag == TAG_ITEM_END)
            return REDUX_OK;
        RDX_TRY(skip_element(c, &e, depth));
    }
}

/* A sequence without a length: items up to its end. */
static redux_status skip_sequence(cursor *c, int depth)
{
    if (depth > MOST_NESTED)
        return rdx_fail(REDUX_E_LIMIT, "%s: sequences are nested more than %d deep", c->path,
                        MOST_NESTED);
    for (;;) {
        element item;
        RDX_TRY(next_element(&item, c));
        if (item.tag == TAG_SEQUENCE_END)
            return REDUX_OK;
        if (item.tag != TAG_ITEM)
            return rdx_fail(REDUX_E_FORMAT, "%s: (%04x,%04x) where an item should be", c->path,
                            (unsigned)(item.tag >> 16), (unsigned)(item.tag & 0xFFFF));
        if (item.length == UNDEFINED)
            RDX_TRY(skip_item(c, depth));
        else
            c->at += item.length;
    }
}

static redux_status skip_element(cursor *c, const element *e, int depth)
{
    if (e->length != UNDEFINED) {
        c->at += e->length;
        return REDUX_OK;
    }
    const bool typed = c->typed;
    if (memcmp(e->type, "UN", 2) == 0) /* elements of unknown type have no types inside */
        c->typed = false;
    const redux_status status = skip_sequence(c, depth + 1);
    c->typed = typed;
    return status;
}

/* ---- values ---- */

typedef enum value_kind {
    VALUE_TEXT,
    VALUE_SHORT,
    VALUE_INTEGER,
    VALUE_DECIMAL,
    VALUE_MOSAIC
} value_kind;

/* The elements that are read: `count` characters or numbers into rdx_dicom at `offset`. Their names
 * are those of PS3.6. */
static const struct {
    uint32_t tag;
    value_kind kind;
    size_t offset;
    int count;
    const char *name;
} wanted[] = {
    {0x00020010, VALUE_TEXT, offsetof(rdx_dicom, syntax), RDX_DICOM_UID, "TransferSyntaxUID"},
    {0x00080008, VALUE_MOSAIC, offsetof(rdx_dicom, is_mosaic), 1, "ImageType"},
    {0x00100020, VALUE_TEXT, offsetof(rdx_dicom, patient), RDX_DICOM_PATIENT, "PatientID"},
    {0x00180050, VALUE_DECIMAL, offsetof(rdx_dicom, thickness), 1, "SliceThickness"},
    {0x00180086, VALUE_INTEGER, offsetof(rdx_dicom, echo), 1, "EchoNumbers"},
    {0x0020000E, VALUE_TEXT, offsetof(rdx_dicom, series), RDX_DICOM_UID, "SeriesInstanceUID"},
    {0x00200012, VALUE_INTEGER, offsetof(rdx_dicom, acquisition), 1, "AcquisitionNumber"},
    {0x00200013, VALUE_INTEGER, offsetof(rdx_dicom, instance), 1, "InstanceNumber"},
    {0x00200032, VALUE_DECIMAL, offsetof(rdx_dicom, position), 3, "ImagePositionPatient"},
    {0x00200037, VALUE_DECIMAL, offsetof(rdx_dicom, orientation), 6, "ImageOrientationPatient"},
    {0x00200100, VALUE_INTEGER, offsetof(rdx_dicom, time), 1, "TemporalPositionIdentifier"},
    {0x00280002, VALUE_SHORT, offsetof(rdx_dicom, samples), 1, "SamplesPerPixel"},
    {0x00280004, VALUE_TEXT, offsetof(rdx_dicom, photometric), 17, "PhotometricInterpretation"},
    {0x00280008, VALUE_INTEGER, offsetof(rdx_dicom, frames), 1, "NumberOfFrames"},
    {0x00280010, VALUE_SHORT, offsetof(rdx_dicom, height), 1, "Rows"},
    {0x00280011, VALUE_SHORT, offsetof(rdx_dicom, width), 1, "Columns"},
    {0x00280030, VALUE_DECIMAL, offsetof(rdx_dicom, spacing), 2, "PixelSpacing"},
    {0x00280100, VALUE_SHORT, offsetof(rdx_dicom, bits), 1, "BitsAllocated"},
    {0x00280101, VALUE_SHORT, offsetof(rdx_dicom, stored), 1, "BitsStored"},
    {0x00280102, VALUE_SHORT, offsetof(rdx_dicom, high), 1, "HighBit"},
    {0x00280103, VALUE_SHORT, offsetof(rdx_dicom, is_signed), 1, "PixelRepresentation"},
    {0x00280120, VALUE_SHORT, offsetof(rdx_dicom, padding), 1, "PixelPaddingValue"},
    {0x00280121, VALUE_SHORT, offsetof(rdx_dicom, padding_limit), 1, "PixelPaddingRangeLimit"},
    {0x00281052, VALUE_DECIMAL, offsetof(rdx_dicom, intercept), 1, "RescaleIntercept"},
    {0x00281053, VALUE_DECIMAL, offsetof(rdx_dicom, slope), 1, "RescaleSlope"},
};

/* Numbers in text, separated by backslashes. An empty text leaves them unknown; anything else that
 * is not `count` numbers is refused, because a guess would silently be another number. */
static bool read_decimals(double *out, const char *text, int count)
{
    double numbers[6] = {0};
    if (*text == '\0')
        return true;
    for (int i = 0; i < count; i++) {
        char *end;
        text += strspn(text, " ");
        numbers[i] = rdx_parse_double(text, &end);
        while (*end == ' ')
            end++;
        if (end == text || !isfinite(numbers[i]) || *end != (i + 1 < count ? '\\' : '\0'))
            return false;
        text = end + 1;
    }
    memcpy(out, numbers, (size_t)count * sizeof *out);
    return true;
}

static redux_status read_value(rdx_dicom *out, cursor *c, const element *e, int64_t which)
{
    char text[LONGEST_VALUE + 1];
    unsigned char *to = (unsigned char *)out + wanted[which].offset;
    const value_kind kind = wanted[which].kind;
    const size_t most = kind == VALUE_TEXT ? (size_t)wanted[which].count : LONGEST_VALUE;
    if (kind == VALUE_MOSAIC && e->length > most)
        return skip_element(c, e, 0);
    if (e->length > most || (kind == VALUE_SHORT && e->length != 2))
        return rdx_fail(REDUX_E_FORMAT, "%s: %s (%04x,%04x) has %u bytes", c->path,
                        wanted[which].name, (unsigned)(e->tag >> 16), (unsigned)(e->tag & 0xFFFF),
                        (unsigned)e->length);
    RDX_TRY(take(c, text, e->length));
    if (kind == VALUE_SHORT) {
        *(int64_t *)(void *)to = number_of((const unsigned char *)text, 2, c->swap);
        return REDUX_OK;
    }
    size_t length = e->length; /* padded with a space or a NUL to an even length */
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0'))
        length--;
    text[length] = '\0';
    const char *begin = text + strspn(text, " ");
    if (kind == VALUE_TEXT)
        snprintf((char *)to, (size_t)wanted[which].count, "%s", begin);
    else if (kind == VALUE_DECIMAL &&
             !read_decimals((double *)(void *)to, begin, wanted[which].count))
        return rdx_fail(REDUX_E_FORMAT, "%s: %s (%04x,%04x) is '%.60s', not %d number%s", c->path,
                        wanted[which].name, (unsigned)(e->tag >> 16), (unsigned)(e->tag & 0xFFFF),
                        begin, wanted[which].count, wanted[which].count == 1 ? "" : "s");
    else if (kind == VALUE_MOSAIC)
        *(int64_t *)(void *)to = strstr(begin, "MOSAIC") != NULL;
    else if (kind == VALUE_INTEGER && strspn(begin, "0123456789") == strlen(begin) &&
             strlen(begin) < 13 && *begin != '\0')
        *(int64_t *)(void *)to = (int64_t)rdx_parse_double(begin, NULL);
    return REDUX_OK;
}

/* One element of the data set itself. */
static redux_status visit(rdx_dicom *out, cursor *c, const element *e)
{
    if (e->tag == TAG_LUT)
        out->has_lut = true;
    if (e->tag == TAG_PIXELS) {
        out->offset = c->at;
        out->encapsulated = e->length == UNDEFINED;
        out->length = out->encapsulated ? c->end - c->at : e->length;
        return REDUX_OK;
    }
    if (e->tag == TAG_SHARED_GROUPS) {
        out->shared_at = c->at;
        out->shared_length = e->length;
    } else if (e->tag == TAG_FRAME_GROUPS) {
        out->frames_at = c->at;
        out->frames_length = e->length;
    }
    for (int64_t i = 0; i < RDX_COUNT(wanted) && e->length != UNDEFINED; i++)
        if (wanted[i].tag == e->tag)
            return read_value(out, c, e, i);
    return skip_element(c, e, 0);
}

/* ---- the file ---- */

typedef struct syntax {
    const char *uid;
    bool typed, swap, compressed;
} syntax;

/* Transfer syntaxes (PS3.6, table A-1). */
static const syntax syntaxes[] = {
    {"1.2.840.10008.1.2", false, false, false},    /* implicit VR */
    {"1.2.840.10008.1.2.1", true, false, false},   /* explicit VR */
    {"1.2.840.10008.1.2.2", true, true, false},    /* the same, big-endian */
    {"1.2.840.10008.1.2.4.50", true, false, true}, /* JPEG, 8 bits */
    {"1.2.840.10008.1.2.4.51", true, false, true}, /* JPEG, 12 bits */
    {"1.2.840.10008.1.2.4.57", true, false, true}, /* JPEG lossless */
    {"1.2.840.10008.1.2.4.70", true, false, true}, /* JPEG lossless, first-order prediction */
    {"1.2.840.10008.1.2.4.80", true, false, true}, /* JPEG-LS lossless */
    {"1.2.840.10008.1.2.4.81", true, false, true}, /* JPEG-LS */
    {"1.2.840.10008.1.2.4.90", true, false, true}, /* JPEG 2000 lossless */
    {"1.2.840.10008.1.2.4.91", true, false, true}, /* JPEG 2000 */
    {RDX_DICOM_RUN_LENGTHS, true, false, true},    /* run lengths */
};

static const syntax *find_syntax(const char *uid)
{
    for (int64_t i = 0; i < RDX_COUNT(syntaxes); i++)
        if (strcmp(syntaxes[i].uid, uid) == 0)
            return &syntaxes[i];
    return NULL;
}

/* ---- the beginning ---- */

/* Whether bytes are an element that a file without a preamble can begin with: of the meta group, or
 * one of the first that identify an image, with a length that such elements have. */
static bool begins_with_element(const unsigned char *bytes, size_t size)
{
    if (size < 8)
        return false;
    const uint32_t group = number_of(bytes, 2, false), item = number_of(bytes + 2, 2, false);
    const bool typed = bytes[4] >= 'A' && bytes[4] <= 'Z' && bytes[5] >= 'A' && bytes[5] <= 'Z';
    const uint32_t length = typed ? number_of(bytes + 6, 2, false) : number_of(bytes + 4, 4, false);
    if (group == 2)
        return typed && item <= 0x0102 && length <= 64;
    return group == 8 && item <= 0x0018 && length <= 128;
}

bool rdx_dicom_sniff(const unsigned char *bytes, size_t size)
{
    if (size >= PREAMBLE && memcmp(bytes + PREAMBLE - 4, "DICM", 4) == 0)
        return true;
    return begins_with_element(bytes, size);
}

/* Files of old archives begin with their elements: then they are of the default encoding, little-
 * endian, with types where the first element has one. */
static redux_status find_beginning(rdx_dicom *out, cursor *c)
{
    unsigned char bytes[PREAMBLE];
    c->typed = true;
    if (c->end >= PREAMBLE)
        RDX_TRY(take(c, bytes, PREAMBLE));
    if (c->end >= PREAMBLE && memcmp(bytes + PREAMBLE - 4, "DICM", 4) == 0)
        return REDUX_OK;
    c->at = 0;
    if (c->end >= 8)
        RDX_TRY(take(c, bytes, 8));
    if (c->end < 8 || !begins_with_element(bytes, 8))
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: is not a DICOM file: it has no DICM at byte 128, and does not begin "
                        "with an element",
                        c->path);
    c->at = 0;
    if (number_of(bytes, 2, false) != 2)
        snprintf(out->syntax, sizeof out->syntax, "1.2.840.10008.1.2%s",
                 bytes[4] >= 'A' ? ".1" : "");
    return REDUX_OK;
}

/* The group that states the transfer syntax is always little-endian with types. */
static redux_status read_meta(rdx_dicom *out, cursor *c)
{
    unsigned char group[2];
    RDX_TRY(find_beginning(out, c));
    while (c->end - c->at >= 8) {
        element e;
        const uint64_t before = c->at;
        RDX_TRY(take(c, group, 2));
        c->at = before;
        if (number_of(group, 2, false) != 2)
            return REDUX_OK;
        RDX_TRY(next_element(&e, c));
        RDX_TRY(visit(out, c, &e));
    }
    return REDUX_OK;
}

static redux_status walk(rdx_dicom *out, cursor *c)
{
    RDX_TRY(read_meta(out, c));
    const syntax *s = find_syntax(out->syntax);
    if (out->syntax[0] == '\0')
        return rdx_fail(REDUX_E_FORMAT, "%s: has no transfer syntax", c->path);
    if (strcmp(out->syntax, "1.2.840.10008.1.2.1.99") == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is a deflated file, which is not read: write it again by gdcmconv -w "
                        "FILE OUT.dcm",
                        c->path);
    if (s == NULL)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: pixels of transfer syntax %s are not read: convert it with dcm2niix",
                        c->path, out->syntax);
    c->typed = s->typed;
    c->swap = s->swap;
    out->swap = s->swap != RDX_BIG_ENDIAN;
    while (out->offset == 0 && c->at < c->end) {
        element e;
        RDX_TRY(next_element(&e, c));
        if (e.tag >> 16 == 2) /* a second transfer syntax, which was not the one checked */
            RDX_TRY(skip_element(c, &e, 0));
        else
            RDX_TRY(visit(out, c, &e));
    }
    if (out->offset != 0 && out->encapsulated != s->compressed)
        return rdx_fail(REDUX_E_FORMAT, "%s: its pixels do not fit its transfer syntax %s", c->path,
                        out->syntax);
    return REDUX_OK;
}

/* ---- what makes sense ---- */

static redux_status check_image(rdx_dicom *d, const char *path)
{
    d->no_image = d->offset == 0;
    if (d->no_image)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: holds no image", path);
    if (d->height < 1 || d->width < 1)
        return rdx_fail(REDUX_E_FORMAT, "%s: an image of %lld x %lld pixels", path,
                        (long long)d->height, (long long)d->width);
    if (d->samples != 1 || strncmp(d->photometric, "MONOCHROME", 10) != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is in colour (%s), which is not read from DICOM",
                        path, d->photometric);
    if (d->has_lut)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its values are those of a table (ModalityLUTSequence), which is not "
                        "read: apply it first, for example by pydicom's apply_modality_lut",
                        path);
    if (d->is_mosaic)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is a mosaic of slices in one picture: convert it with dcm2niix", path);
    d->frames = RDX_MAX(d->frames, 1);
    if (d->frames > RDX_DICOM_MOST_FRAMES)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has %lld frames; at most %d are read", path,
                        (long long)d->frames, RDX_DICOM_MOST_FRAMES);
    if ((d->bits != 8 && d->bits != 16 && d->bits != 32) || d->stored < 1 || d->stored > d->bits ||
        d->high != d->stored - 1 || d->is_signed < 0 || d->is_signed > 1)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: pixels of %lld bits, %lld of them used up to bit %lld, sign %lld",
                        path, (long long)d->bits, (long long)d->stored, (long long)d->high,
                        (long long)d->is_signed);
    if (d->slope >= 0 && d->slope < 1e-300)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: RescaleSlope (0028,1053) is %g: every pixel would have "
                        "the same value",
                        path, d->slope);
    const uint64_t bytes = (uint64_t)d->height * (uint64_t)d->width * (uint64_t)d->bits / 8 *
                           (uint64_t)d->frames; /* below 2^52 */
    if (!d->encapsulated && d->length < bytes)
        return rdx_fail(REDUX_E_FORMAT, "%s: has %llu bytes of pixels, not %llu", path,
                        (unsigned long long)d->length, (unsigned long long)bytes);
    return REDUX_OK;
}

static redux_dtype dtype_of(const rdx_dicom *d)
{
    if (d->bits == 8)
        return d->is_signed ? REDUX_INT8 : REDUX_UINT8;
    if (d->bits == 16)
        return d->is_signed ? REDUX_INT16 : REDUX_UINT16;
    return d->is_signed ? REDUX_INT32 : REDUX_UINT32;
}

/* Padding has the sign of the pixels. Without a limit it is one value; the limit may lie on either
 * side (PS3.3 C.7.5.1.1.2). */
static void settle_padding(rdx_dicom *d)
{
    int64_t *ends[2] = {&d->padding, &d->padding_limit};
    if (d->padding < 0)
        return;
    if (d->padding_limit < 0)
        d->padding_limit = d->padding;
    for (int i = 0; i < 2; i++)
        if (d->is_signed && *ends[i] >= 0x8000)
            *ends[i] -= 0x10000;
    if (d->padding_limit < d->padding) {
        const int64_t low = d->padding_limit;
        d->padding_limit = d->padding;
        d->padding = low;
    }
    d->has_padding = true;
}

/* Where small values are bright, values are counted from the other end. */
static void settle_values(rdx_dicom *d)
{
    if (isnan(d->slope))
        d->slope = 1;
    if (isnan(d->intercept))
        d->intercept = 0;
    if (strcmp(d->photometric, "MONOCHROME1") == 0) {
        d->intercept += d->slope * (d->is_signed ? -1 : ldexp(1, (int)d->stored) - 1);
        d->slope = -d->slope;
    }
    for (int i = 0; i < 2; i++)
        if (!(d->spacing[i] > 0))
            d->spacing[i] = 0;
    if (!(d->thickness > 0))
        d->thickness = 0;
    d->dtype = dtype_of(d);
    settle_padding(d);
}

redux_status rdx_dicom_probe(rdx_dicom *out, const char *path)
{
    struct stat file;
    cursor c = {.path = path};
    *out = (rdx_dicom){.instance = -1,
                       .echo = -1,
                       .time = -1,
                       .acquisition = -1,
                       .frames = 1,
                       .samples = 1,
                       .high = -1,
                       .padding = -1,
                       .padding_limit = -1,
                       .slope = NAN,
                       .intercept = NAN,
                       .spacing = {NAN, NAN},
                       .thickness = NAN};
    for (int i = 0; i < 6; i++)
        out->orientation[i] = out->position[i % 3] = NAN;
    RDX_TRY(rdx_open_read(&c.fd, &file, path));
    out->bytes = c.end = (uint64_t)file.st_size;
    redux_status status = walk(out, &c);
    close(c.fd);
    RDX_TRY(status);
    if (out->stored == 0)
        out->stored = out->bits;
    if (out->high < 0)
        out->high = out->stored - 1;
    RDX_TRY(check_image(out, path));
    settle_values(out);
    return REDUX_OK;
}

/* ---- frames: what all of them have in common, and what is each one's own (PS3.3, C.7.6.16) ----
 */

/* Planes, pixel measures, pixel value transformation: the sequences of a group that hold what
 * `wanted` lists. */
static bool is_of_interest(uint32_t tag)
{
    return tag == 0x00209113 || tag == 0x00209116 || tag == 0x00289110 || tag == 0x00289145;
}

/* Of `wanted`, what belongs to a frame. */
static bool is_of_frame(uint32_t tag)
{
    return tag == 0x00180050 || tag == 0x00200032 || tag == 0x00200037 || tag == 0x00280030 ||
           tag == 0x00281052 || tag == 0x00281053;
}

static redux_status walk_items(rdx_dicom *out, int64_t most, int64_t *count, cursor *c,
                               const element *sequence, int depth);

/* Depth 0: a group of sequences; 1: an item of such a sequence, which has the values. */
static redux_status walk_group(rdx_dicom *out, cursor *c, const element *e, int depth)
{
    int64_t items = 0;
    if (depth == 0 && is_of_interest(e->tag))
        return walk_items(out, 1, &items, c, e, 1);
    for (int64_t i = 0; depth == 1 && i < RDX_COUNT(wanted) && e->length != UNDEFINED; i++)
        if (wanted[i].tag == e->tag && is_of_frame(e->tag))
            return read_value(out, c, e, i);
    return skip_element(c, e, depth);
}

/* Item k of a sequence goes into out[k]. */
static redux_status walk_items(rdx_dicom *out, int64_t most, int64_t *count, cursor *c,
                               const element *sequence, int depth)
{
    const uint64_t end = sequence->length == UNDEFINED ? c->end : c->at + sequence->length;
    const bool typed = c->typed;
    if (memcmp(sequence->type, "UN", 2) == 0)
        c->typed = false;
    while (c->at < end) {
        element item, e;
        RDX_TRY(next_element(&item, c));
        if (item.tag == TAG_SEQUENCE_END)
            break;
        if (item.tag != TAG_ITEM || *count == most)
            return rdx_fail(REDUX_E_FORMAT, "%s: the groups of its frames are damaged", c->path);
        const uint64_t stop = item.length == UNDEFINED ? c->end : c->at + item.length;
        while (c->at < stop) {
            RDX_TRY(next_element(&e, c));
            if (e.tag == TAG_ITEM_END)
                break;
            RDX_TRY(walk_group(&out[*count], c, &e, depth));
        }
        ++*count;
    }
    c->typed = typed;
    return REDUX_OK;
}

static redux_status walk_groups(rdx_dicom *out, int64_t most, int64_t *count, cursor *c,
                                uint64_t at, uint32_t length)
{
    const element sequence = {.length = length};
    *count = 0;
    if (at == 0)
        return REDUX_OK;
    c->at = at;
    return walk_items(out, most, count, c, &sequence, 0);
}

static redux_status read_frames(rdx_dicom *out, const rdx_dicom *d, cursor *c)
{
    rdx_dicom common = *d;
    int64_t count;
    common.slope = common.intercept = NAN;
    for (int i = 0; i < 3; i++)
        common.position[i] = NAN;
    RDX_TRY(walk_groups(&common, 1, &count, c, d->shared_at, d->shared_length));
    for (int64_t i = 0; i < d->frames; i++)
        out[i] = common;
    RDX_TRY(walk_groups(out, d->frames, &count, c, d->frames_at, d->frames_length));
    if (d->frames_at != 0 && count != d->frames)
        return rdx_fail(REDUX_E_FORMAT, "%s: has %lld frames, and describes %lld of them", c->path,
                        (long long)d->frames, (long long)count);
    for (int64_t i = 0; i < d->frames; i++) {
        if (!isnan(out[i].slope) || !isnan(out[i].intercept)) {
            settle_values(&out[i]);
            continue;
        }
        out[i].slope = d->slope;
        out[i].intercept = d->intercept;
    }
    return REDUX_OK;
}

redux_status rdx_dicom_read_frames(rdx_dicom *out, const rdx_dicom *d, const char *path)
{
    const syntax *s = find_syntax(d->syntax);
    struct stat file;
    cursor c = {.path = path, .typed = s->typed, .swap = s->swap};
    RDX_TRY(rdx_open_read(&c.fd, &file, path));
    c.end = (uint64_t)file.st_size;
    const redux_status status = read_frames(out, d, &c);
    close(c.fd);
    return status;
}
