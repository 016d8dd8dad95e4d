// SPDX-License-Identifier: MIT
// Compressed DICOM pixels: JPEG-LS through CharLS, JPEG 2000 through OpenJPEG, JPEG through GDCM
// (and all of them through GDCM where the other two were not there when this was built). They get
// the size of the image and the compressed bytes, never a file, after format_dicom_codestream.c has
// compared the two. CharLS and OpenJPEG return errors, where GDCM asserts and falls back on
// whatever decoder it finds, even on other programs. No exception leaves this file.
#include "format_dicom_gdcm.h"
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <gdcmByteValue.h>
#include <gdcmImage.h>
#include <gdcmJPEGCodec.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>
#if __has_include(<charls/charls.h>)
#include <charls/charls.h>
#define WITH_CHARLS 1
#endif
#if __has_include(<openjpeg.h>)
#include <openjpeg.h>
#define WITH_OPENJPEG 1
#endif

namespace
{

const char cannot[] = "its compressed pixels cannot be decoded";

bool is_one_of(const char *syntax, const char *a, const char *b)
{
    return std::strcmp(syntax, a) == 0 || std::strcmp(syntax, b) == 0;
}

// ---- JPEG-LS ----

#ifdef WITH_CHARLS
redux_status decode_jpeg_ls(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
    size_t needed = 0;
    if (decoder == nullptr)
        throw std::bad_alloc();
    auto code = charls_jpegls_decoder_set_source_buffer(decoder, d->bytes, d->length);
    if (code == charls::jpegls_errc::success)
        code = charls_jpegls_decoder_read_header(decoder);
    if (code == charls::jpegls_errc::success)
        code = charls_jpegls_decoder_get_destination_size(decoder, 0, &needed);
    const bool fits = code == charls::jpegls_errc::success && needed == size;
    if (fits)
        code = charls_jpegls_decoder_decode_to_buffer(decoder, out, size, 0);
    charls_jpegls_decoder_destroy(decoder);
    if (code == charls::jpegls_errc::not_enough_memory)
        throw std::bad_alloc();
    *why = cannot;
    return fits && code == charls::jpegls_errc::success ? REDUX_OK : REDUX_E_FORMAT;
}
#endif

// ---- JPEG 2000 ----

#ifdef WITH_OPENJPEG
// The compressed bytes as OpenJPEG's stream.
struct memory {
    const unsigned char *bytes;
    size_t size, at;
};

OPJ_SIZE_T read_memory(void *buffer, OPJ_SIZE_T count, void *user)
{
    memory *m = static_cast<memory *>(user);
    if (m->at == m->size)
        return static_cast<OPJ_SIZE_T>(-1);
    count = std::min<size_t>(count, m->size - m->at);
    std::memcpy(buffer, m->bytes + m->at, count);
    m->at += count;
    return count;
}

OPJ_BOOL seek_memory(OPJ_OFF_T position, void *user)
{
    memory *m = static_cast<memory *>(user);
    if (position < 0 || static_cast<uint64_t>(position) > m->size)
        return OPJ_FALSE;
    m->at = static_cast<size_t>(position);
    return OPJ_TRUE;
}

OPJ_OFF_T skip_memory(OPJ_OFF_T count, void *user)
{
    memory *m = static_cast<memory *>(user);
    return seek_memory(static_cast<OPJ_OFF_T>(m->at) + count, user) ? count : -1;
}

// The lowest bits of each sample, whatever its sign.
template <typename T> void copy_samples(void *out, const OPJ_INT32 *samples, size_t count)
{
    T *to = static_cast<T *>(out);
    for (size_t i = 0; i < count; i++)
        to[i] = static_cast<T>(samples[i]);
}

bool copy_image(void *out, size_t size, const rdx_compressed *d, const opj_image_t *image)
{
    const opj_image_comp_t *c = image->comps;
    const size_t count = static_cast<size_t>(d->height) * static_cast<size_t>(d->width);
    if (image->numcomps != 1 || c->data == nullptr || c->w != d->width || c->h != d->height ||
        size != count * static_cast<size_t>(d->bits / 8))
        return false;
    if (d->bits == 8)
        copy_samples<uint8_t>(out, c->data, count);
    else if (d->bits == 16)
        copy_samples<uint16_t>(out, c->data, count);
    else
        copy_samples<uint32_t>(out, c->data, count);
    return true;
}

redux_status decode_jpeg_2000(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    memory source = {static_cast<const unsigned char *>(d->bytes), d->length, 0};
    const bool boxes = d->length > 4 && source.bytes[0] == 0;
    opj_dparameters_t parameters;
    opj_codec_t *codec = opj_create_decompress(boxes ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream =
        opj_stream_create(std::max<size_t>(std::min<size_t>(d->length, 1 << 20), 1), OPJ_TRUE);
    opj_image_t *image = nullptr;
    bool good = codec != nullptr && stream != nullptr;
    if (good) {
        opj_set_default_decoder_parameters(&parameters);
        opj_stream_set_read_function(stream, read_memory);
        opj_stream_set_seek_function(stream, seek_memory);
        opj_stream_set_skip_function(stream, skip_memory);
        opj_stream_set_user_data(stream, &source, nullptr);
        opj_stream_set_user_data_length(stream, d->length);
        good = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image) &&
               opj_decode(codec, stream, image) && opj_end_decompress(codec, stream) &&
               copy_image(out, size, d, image);
    }
    opj_image_destroy(image);
    if (stream != nullptr)
        opj_stream_destroy(stream);
    if (codec != nullptr)
        opj_destroy_codec(codec);
    *why = cannot;
    return good ? REDUX_OK : REDUX_E_FORMAT;
}
#endif

// ---- JPEG, and what the others do not decode ----

// GDCM writes warnings to standard error unless it is told not to, once for the whole process.
void silence()
{
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
}

gdcm::PixelFormat format_of(const rdx_compressed *d)
{
    return gdcm::PixelFormat(
        1, static_cast<unsigned short>(d->bits), static_cast<unsigned short>(d->stored),
        static_cast<unsigned short>(d->high), static_cast<unsigned short>(d->is_signed));
}

gdcm::DataElement element_of(const rdx_compressed *d)
{
    gdcm::Fragment fragment;
    fragment.SetByteValue(static_cast<const char *>(d->bytes), static_cast<uint32_t>(d->length));
    gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = new gdcm::SequenceOfFragments;
    fragments->AddFragment(fragment);
    gdcm::DataElement pixels(gdcm::Tag(0x7FE0, 0x0010));
    pixels.SetVR(gdcm::VR::OW);
    pixels.SetValue(*fragments);
    return pixels;
}

// The codec itself: gdcm::Image would go on to other decoders where this one fails.
redux_status decode_jpeg(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    const unsigned dimensions[3] = {static_cast<unsigned>(d->width),
                                    static_cast<unsigned>(d->height), 1};
    gdcm::JPEGCodec codec;
    gdcm::DataElement decoded;
    codec.SetNumberOfDimensions(2);
    codec.SetDimensions(dimensions);
    codec.SetPlanarConfiguration(0);
    codec.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
    codec.SetPixelFormat(format_of(d));
    *why = cannot;
    if (!codec.Decode(element_of(d), decoded))
        return REDUX_E_FORMAT;
    const gdcm::ByteValue *bytes = decoded.GetByteValue();
    if (bytes == nullptr || static_cast<size_t>(bytes->GetLength()) < size)
        return REDUX_E_FORMAT;
    std::memcpy(out, bytes->GetPointer(), size);
    return REDUX_OK;
}

#if !defined(WITH_CHARLS) || !defined(WITH_OPENJPEG)
redux_status decode_by_image(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    gdcm::Image image;
    image.SetNumberOfDimensions(2);
    image.SetDimension(0, static_cast<unsigned>(d->width));
    image.SetDimension(1, static_cast<unsigned>(d->height));
    image.SetPixelFormat(format_of(d));
    image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
    image.SetTransferSyntax(gdcm::TransferSyntax::GetTSType(d->syntax));
    image.SetDataElement(element_of(d));
    *why = cannot;
    if (image.GetBufferLength() != size)
        return REDUX_E_FORMAT;
    return image.GetBuffer(static_cast<char *>(out)) ? REDUX_OK : REDUX_E_FORMAT;
}
#endif

redux_status decode(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    if (is_one_of(d->syntax, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"))
#ifdef WITH_CHARLS
        return decode_jpeg_ls(out, size, d, why);
#else
        return decode_by_image(out, size, d, why);
#endif
    if (is_one_of(d->syntax, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"))
#ifdef WITH_OPENJPEG
        return decode_jpeg_2000(out, size, d, why);
#else
        return decode_by_image(out, size, d, why);
#endif
    return decode_jpeg(out, size, d, why);
}

} // namespace

extern "C" __attribute__((visibility("default"))) rdx_dicom_decode_fn rdx_dicom_decode;

redux_status rdx_dicom_decode(void *out, size_t size, const rdx_compressed *image, const char **why)
{
    static std::once_flag once;
    try {
        std::call_once(once, silence);
        return decode(out, size, image, why);
    } catch (const std::bad_alloc &) {
        *why = "no memory to decode its pixels";
        return REDUX_E_NO_MEMORY;
    } catch (...) {
        *why = "its compressed pixels are damaged";
        return REDUX_E_FORMAT;
    }
}
