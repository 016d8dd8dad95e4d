// SPDX-License-Identifier: MIT
// ITK's side of itk_raster.py.
//
//   itk_raster copy IN OUT plain|packed   an image of any type that ITK reads, written by ITK
//   itk_raster dump FILE OUT              prints size, spacing and direction; OUT: the voxels, float64, i fastest
#include <cstdio>
#include <cstring>
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkImageFileWriter.h>

template <typename Pixel> static int copy(char **arguments)
{
    using Image = itk::Image<Pixel, 3>;
    auto writer = itk::ImageFileWriter<Image>::New();
    writer->SetInput(itk::ReadImage<Image>(arguments[2]));
    writer->SetFileName(arguments[3]);
    writer->SetUseCompression(std::strcmp(arguments[4], "packed") == 0);
    writer->Update();
    return 0;
}

static int copy_any(char **arguments)
{
    auto io = itk::ImageIOFactory::CreateImageIO(arguments[2], itk::CommonEnums::IOFileMode::ReadMode);
    io->SetFileName(arguments[2]);
    io->ReadImageInformation();
    switch (io->GetComponentType()) {
    case itk::CommonEnums::IOComponent::UCHAR: return copy<unsigned char>(arguments);
    case itk::CommonEnums::IOComponent::CHAR: return copy<signed char>(arguments);
    case itk::CommonEnums::IOComponent::USHORT: return copy<unsigned short>(arguments);
    case itk::CommonEnums::IOComponent::SHORT: return copy<short>(arguments);
    case itk::CommonEnums::IOComponent::UINT: return copy<unsigned int>(arguments);
    case itk::CommonEnums::IOComponent::INT: return copy<int>(arguments);
    case itk::CommonEnums::IOComponent::FLOAT: return copy<float>(arguments);
    case itk::CommonEnums::IOComponent::DOUBLE: return copy<double>(arguments);
    default: return 2;
    }
}

static int dump(char **arguments)
{
    using Image = itk::Image<double, 3>;
    const Image::Pointer image = itk::ReadImage<Image>(arguments[2]);
    const auto size = image->GetLargestPossibleRegion().GetSize();
    for (unsigned i = 0; i < 3; i++)
        std::printf("%lu %.17g ", static_cast<unsigned long>(size[i]), image->GetSpacing()[i]);
    for (unsigned row = 0; row < 3; row++)
        for (unsigned column = 0; column < 3; column++)
            std::printf("%.17g ", image->GetDirection()[row][column]);
    std::FILE *out = std::fopen(arguments[3], "wb");
    if (out == nullptr)
        return 1;
    const size_t count = size[0] * size[1] * size[2];
    const bool good = std::fwrite(image->GetBufferPointer(), sizeof(double), count, out) == count;
    return std::fclose(out) == 0 && good ? 0 : 1;
}

int main(int count, char **arguments)
{
    itk::Object::GlobalWarningDisplayOff();
    try {
        if (count == 5 && std::strcmp(arguments[1], "copy") == 0)
            return copy_any(arguments);
        if (count == 4 && std::strcmp(arguments[1], "dump") == 0)
            return dump(arguments);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 2;
}
