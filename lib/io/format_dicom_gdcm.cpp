// SPDX-License-Identifier: MIT
// Compressed DICOM pixels through GDCM: JPEG, JPEG-LS, JPEG 2000. GDCM gets the size
// of the image and the compressed bytes, never a file: its parser is not made for hostile ones.
// No exception leaves this file.
#include "format_dicom_gdcm.h"
#include <mutex>
#include <new>
#include <gdcmImage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

namespace
{

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

redux_status decode(void *out, size_t size, const rdx_compressed *d, const char **why)
{
    gdcm::Image image;
    image.SetNumberOfDimensions(2);
    image.SetDimension(0, static_cast<unsigned>(d->width));
    image.SetDimension(1, static_cast<unsigned>(d->height));
    image.SetPixelFormat(format_of(d));
    image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
    image.SetTransferSyntax(gdcm::TransferSyntax::GetTSType(d->syntax));

    gdcm::Fragment fragment;
    fragment.SetByteValue(static_cast<const char *>(d->bytes), static_cast<uint32_t>(d->length));
    gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = new gdcm::SequenceOfFragments;
    fragments->AddFragment(fragment);
    gdcm::DataElement pixels(gdcm::Tag(0x7FE0, 0x0010));
    pixels.SetVR(gdcm::VR::OW);
    pixels.SetValue(*fragments);
    image.SetDataElement(pixels);

    *why = "its compressed pixels cannot be decoded";
    if (image.GetBufferLength() != size)
        return REDUX_E_FORMAT;
    return image.GetBuffer(static_cast<char *>(out)) ? REDUX_OK : REDUX_E_FORMAT;
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
