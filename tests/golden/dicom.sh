#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes tests/golden/data/dicom/compressed: slice 19 in the lossless forms that DICOM has. Needs
# gdcmconv (Debian: libgdcm-tools).
set -eu
cd "$(dirname "$0")/data/dicom"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gdcmconv --raw --explicit STS_019/000019.dcm "$work/raw.dcm"
gdcmconv --jpeg "$work/raw.dcm" compressed/jpegll.dcm
gdcmconv --jpegls "$work/raw.dcm" compressed/jpegls.dcm
gdcmconv --j2k "$work/raw.dcm" compressed/j2k.dcm
gdcmconv --rle "$work/raw.dcm" compressed/rle.dcm
