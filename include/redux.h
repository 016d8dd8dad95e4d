/* SPDX-License-Identifier: MIT
 * libredux: find and cut redundancy in image datasets, medical volumes first. */
#ifndef REDUX_H
#define REDUX_H

#include <redux/array.h>
#include <redux/calibrate.h>
#include <redux/context.h>
#include <redux/embed.h>
#include <redux/entropy.h>
#include <redux/evaluate.h>
#include <redux/exemplars.h>
#include <redux/export.h>
#include <redux/fftw.h>
#include <redux/hash.h>
#include <redux/hash_list.h>
#include <redux/index.h>
#include <redux/labels.h>
#include <redux/layers.h>
#include <redux/loader.h>
#include <redux/loss.h>
#include <redux/manifest.h>
#include <redux/mattes.h>
#include <redux/metric.h>
#include <redux/network.h>
#include <redux/objective.h>
#include <redux/optimiser.h>
#include <redux/phase_correlation.h>
#include <redux/picture.h>
#include <redux/pretrain.h>
#include <redux/probe.h>
#include <redux/random.h>
#include <redux/reduce.h>
#include <redux/resize.h>
#include <redux/safetensors.h>
#include <redux/scores.h>
#include <redux/ssim.h>
#include <redux/status.h>
#include <redux/tensor.h>
#include <redux/version.h>
#include <redux/views.h>
#include <redux/volume.h>
#include <redux/volume_hash.h>
#include <redux/window.h>

#endif
