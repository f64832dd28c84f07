// daBNN's 3x3 convolution, run as often as it is told to, and what it does before and after its loops.
#include "call.h"
#include "dabnn_environment.h"

#include <dabnn/bconv.h>
#include <dabnn/pad.h>

namespace {

struct Sizes {
  int height, width, words, channels, runs;
};

// The constructors of a matrix report misalignment to a stream, which there is none of.
bnn::Mat &matrix(int n, int height, int width, int channels, void *data, bnn::DataType type) {
  auto &made = *new bnn::Mat();
  made.data = data;
  made.data_type = type;
  made.dims = n > 1 ? 4 : 3;
  made.n = n;
  made.h = height;
  made.w = width;
  made.c = channels;
  made.elem_c = type == bnn::DataType::Bit ? 64 * channels : channels;
  made.elemsize = type == bnn::DataType::Bit ? 8 : 4;
  made.hstep = static_cast<size_t>(width) * channels;
  made.external_memory = true;
  return made;
}

struct Layer {
  explicit Layer(const Argument *arguments)
      : sizes(*arguments[0].data<Sizes>()),
        input(matrix(1, sizes.height, sizes.width, sizes.words, arguments[1].data<void>(), bnn::DataType::Bit)),
        padded(matrix(1, sizes.height + 2, sizes.width + 2, sizes.words, arguments[3].data<void>(),
                      bnn::DataType::Bit)),
        weights(matrix(sizes.channels, 3, 3, sizes.words, arguments[2].data<void>(), bnn::DataType::Bit)),
        output(matrix(1, sizes.height, sizes.width, sizes.channels, arguments[4].data<void>(),
                      bnn::DataType::Float)) {}

  Sizes sizes;
  bnn::Mat &input, &padded, &weights, &output;
};

}  // namespace

// Arguments: {height, width, words of 64, channels, runs}, input [H, W, words], weights [O, 3, 3, words], room for
// [H + 2, W + 2, words], output [H, W, O].
DRIVER(layer) {
  heap::clear();
  Layer layer(arguments);
  for (int run = 0; run < layer.sizes.runs; run++) {
    bnn::pad(layer.input, 1, 1, layer.padded);
    bnn::bconv_3x3(layer.padded, layer.weights, layer.output);
  }
  return 0;
}

// The same without the loops that multiply.
DRIVER(around) {
  static uint64_t columns[1 << 20], weights[1 << 20], input[1 << 20];
  static float output[1 << 20];
  heap::clear();
  Layer layer(arguments);
  const Sizes &sizes = layer.sizes;
  for (int run = 0; run < sizes.runs; run++) {
    bnn::pad(layer.input, 1, 1, layer.padded);
    if (sizes.words == 1) {
      bnn::Mat &made = matrix(1, 1, 1, 9 * sizes.height * sizes.width, columns, bnn::DataType::Bit);
      bnn::im2col(layer.padded, 3, 3, 0, 0, 1, 1, 1, 1, made);
    } else if (sizes.words == 2 && sizes.channels == 128) {
      layer.output.fill<float>(0.f);
    } else {
      pack_weight_3x3(sizes.channels, sizes.words, static_cast<uint64_t *>(layer.weights.data), weights);
      pack_input_3x3(static_cast<uint64_t *>(layer.padded.data), sizes.width + 2, sizes.height + 2, sizes.words, input);
      memset(output, 0, sizeof(float) * layer.output.total());
      unpack_output(output, static_cast<float *>(layer.output.data), sizes.width, sizes.height, sizes.channels);
    }
  }
  return 0;
}
