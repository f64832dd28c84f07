// Larq Compute Engine's convolutions, each of them run as often as it is told to.
#include "call.h"
#include "larq_environment.h"

#include "larq_compute_engine/core/bitpacking/bitpack.h"

#include "larq_compute_engine/core/bgemm/kernels_common.h"
#include "larq_compute_engine/core/bgemm/ruy_pack.h"
#include "larq_compute_engine/core/indirect_bgemm/kernel_8x4x2_aarch64.h"
#include "larq_compute_engine/core/indirect_bgemm/kernel_8x4x4_aarch64.h"

namespace compute_engine {
namespace core {
namespace bgemm {
#include "larq_compute_engine/core/bgemm/kernels_aarch64.h"
}  // namespace bgemm
}  // namespace core
}  // namespace compute_engine

namespace core = compute_engine::core;
using core::TBitpacked;

using Transform = core::bconv2d::OutputTransform<float>;

std::unique_ptr<core::indirect_bgemm::Kernel> kernel_for(const core::bconv2d::BConv2DParams &layer, int words,
                                                         const RuntimeShape &input, const RuntimeShape &output,
                                                         const Transform &transform) {
  using namespace core::indirect_bgemm;
  if (words == 2) return std::make_unique<Kernel8x4x2Aarch64<float, false, false>>(&layer, input, output, transform);
  if (words == 4) return std::make_unique<Kernel8x4x4Aarch64<float, false, false>>(&layer, input, output, transform);
  return std::make_unique<Kernel8x4x4Aarch64<float, true, false>>(&layer, input, output, transform);
}

// The kernel in assembly that suits the words of a pixel. The engine itself takes one in portable C++ on maps of 65536
// bits or more, although its 16-bit counters would do.
//
// Arguments: {height, width, words, channels, runs}, input [H, W, words], weights [O, 3, 3, words], multiplier [O],
// bias [O], output [H, W, O].
DRIVER(indirect_float) {
  const int32_t *sizes = arguments[0].data<int32_t>();
  const int height = sizes[0], width = sizes[1], words = sizes[2], channels = sizes[3], runs = sizes[4];
  heap::clear();
  core::bconv2d::BConv2DParams layer{};
  layer.filter_width = layer.filter_height = 3;
  layer.channels_in = 32 * words;
  layer.channels_out = channels;
  layer.groups = layer.stride_height = layer.stride_width = 1;
  layer.dilation_height_factor = layer.dilation_width_factor = 1;
  layer.padding_type = kTfLitePaddingSame;
  layer.padding_values.height = layer.padding_values.width = 1;
  layer.pad_value = 1;
  Transform transform;
  transform.multiplier = arguments[3].data<float>();
  transform.bias = arguments[4].data<float>();
  const RuntimeShape input{1, height, width, words}, output{1, height, width, channels};
  auto kernel = kernel_for(layer, words, input, output, transform);
  kernel->PackWeights(arguments[2].data<TBitpacked>());
  kernel->FillIndirectionBuffer(&layer, input, output, arguments[1].data<TBitpacked>());
  for (int run = 0; run < runs; run++) kernel->Dispatch(arguments[5].data<float>());
  return 0;
}

// Arguments: {pixels, words, channels, runs}, patches [pixels, words], weights in the layout of the kernel, output
// [pixels, O]; `transform` tells of the rest. Words of a patch are padded to a multiple of 4 while they are packed.
template <typename Output>
int multiply(const Argument *arguments, const core::bconv2d::OutputTransform<Output> &transform, bool packs_only) {
  using Right = ruy::FixedKernelLayout<ruy::Order::kColMajor, 4, 4>;
  using Pack = core::bgemm::LceRuyPackImpl<ruy::Path::kNeon, Right, ruy::Order::kColMajor>;
  const int32_t *sizes = arguments[0].data<int32_t>();
  const int pixels = sizes[0], words = sizes[1], channels = sizes[2], runs = sizes[3];
  const int depth = (words + 3) / 4 * 4, columns = (pixels + 3) / 4 * 4;
  heap::clear();
  auto *packed = static_cast<TBitpacked *>(heap::take(sizeof(TBitpacked) * depth * columns + LCE_EXTRA_BYTES));
  const ruy::Mat<TBitpacked> patches{{arguments[1].data<TBitpacked>()}, {words, pixels, words}};
  const ruy::PMat<TBitpacked> weights{arguments[2].data<TBitpacked>(), {depth, channels, depth}};
  ruy::PMat<TBitpacked> right{packed, {depth, columns, depth}};
  ruy::Mat<Output> output{{arguments[3].data<Output>()}, {channels, pixels, channels}};
  const core::bgemm::BinaryMulParams<int16_t, Output> details{transform};
  for (int run = 0; run < runs; run++) {
    Pack::Run(ruy::Tuning::kAuto, patches, &right, 0, columns);
    if (packs_only) continue;
    core::bgemm::BinaryKernelParams<Output, 8, 4> parameters;
    core::bgemm::MakeBinaryKernelParams(weights, right, 0, 0, channels, columns, &output, details, &parameters);
    core::bgemm::BinaryKernelNeon8x4(parameters);
  }
  return 0;
}

// Two more arguments: multiplier [O] and bias [O].
DRIVER(ruy_float) {
  Transform transform;
  transform.multiplier = arguments[4].data<float>();
  transform.bias = arguments[5].data<float>();
  return multiply<float>(arguments, transform, false);
}

// One more argument: thresholds [O]; a bit is set where the count is greater.
DRIVER(ruy_bits) {
  core::bconv2d::OutputTransform<TBitpacked> transform;
  transform.thresholds = arguments[4].data<int32_t>();
  return multiply<TBitpacked>(arguments, transform, false);
}

// The packing of the patches alone, before either of them.
DRIVER(ruy_pack) { return multiply<float>(arguments, {}, true); }
