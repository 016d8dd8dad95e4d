// SPDX-License-Identifier: MIT
// Mattes mutual information of pairs of raw images by ITK, for mattes.py.
//
// mattes TYPE WIDTH HEIGHT BINS FILE...   TYPE: u8, i16 or f32; FILE holds two images, fixed then
// moving. Prints minus ITK's value, one line a file.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>
#include <itkIdentityTransform.h>
#include <itkImage.h>
#include <itkMattesMutualInformationImageToImageMetricv4.h>

// ITK wants floating-point images: `Stored` is what the file holds.
template <class Stored> static int run(int width, int height, int bins, int count, char **files)
{
    using Image = itk::Image<float, 2>;
    using Metric = itk::MattesMutualInformationImageToImageMetricv4<Image, Image>;
    using Transform = itk::IdentityTransform<double, 2>;
    for (int i = 0; i < count; i++) {
        std::ifstream file(files[i], std::ios::binary);
        Image::Pointer images[2];
        for (auto &image : images) {
            Image::SizeType size = {
                {static_cast<itk::SizeValueType>(width), static_cast<itk::SizeValueType>(height)}};
            image = Image::New();
            image->SetRegions(Image::RegionType(size));
            image->Allocate();
            std::vector<Stored> pixels(static_cast<std::size_t>(width) *
                                       static_cast<std::size_t>(height));
            file.read(reinterpret_cast<char *>(pixels.data()),
                      static_cast<std::streamsize>(pixels.size() * sizeof(Stored)));
            if (!file)
                return EXIT_FAILURE;
            std::copy(pixels.begin(), pixels.end(), image->GetBufferPointer());
        }
        auto metric = Metric::New();
        metric->SetFixedImage(images[0]);
        metric->SetMovingImage(images[1]);
        metric->SetFixedTransform(Transform::New());
        metric->SetMovingTransform(Transform::New());
        metric->SetNumberOfHistogramBins(static_cast<itk::SizeValueType>(bins));
        metric->SetUseMovingImageGradientFilter(false);
        metric->SetUseFixedImageGradientFilter(false);
        metric->SetMaximumNumberOfWorkUnits(1);
        metric->Initialize();
        const double value = metric->GetValue();
        if (metric->GetNumberOfValidPoints() !=
            static_cast<itk::SizeValueType>(width) * static_cast<itk::SizeValueType>(height))
            return EXIT_FAILURE;
        std::printf("%.17g\n", -value);
    }
    return EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
    if (count < 6)
        return 2;
    const int width = std::atoi(arguments[2]), height = std::atoi(arguments[3]);
    const int bins = std::atoi(arguments[4]);
    if (std::strcmp(arguments[1], "u8") == 0)
        return run<std::uint8_t>(width, height, bins, count - 5, arguments + 5);
    if (std::strcmp(arguments[1], "i16") == 0)
        return run<std::int16_t>(width, height, bins, count - 5, arguments + 5);
    return run<float>(width, height, bins, count - 5, arguments + 5);
}
