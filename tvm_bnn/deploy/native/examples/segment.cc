// Labels every pixel of a picture: segment BUNDLE PICTURE.ppm LABELS.pgm [THREADS]
//
// The picture is a binary PPM of 8 bits a channel, of any size; it is brought to the network's size by taking the
// nearest pixel. The result is a binary PGM of the network's size whose values are labels.
#include <tvm_bnn.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void Check(tvmbnn_status status) {
  if (status != TVMBNN_OK) throw std::runtime_error(tvmbnn_last_error());
}

struct Close {
  void operator()(tvmbnn_network* network) const { tvmbnn_close(network); }
};

struct Picture {
  int64_t height, width;
  std::vector<uint8_t> pixels;
};

int64_t NumberOf(std::istream& file) {
  while (file >> std::ws && file.peek() == '#') file.ignore(1 << 16, '\n');
  int64_t number = 0;
  if (!(file >> number)) throw std::runtime_error("expected a binary PPM file");
  return number;
}

Picture Read(const std::string& path) {
  constexpr int64_t kMost = 1 << 15;
  std::ifstream file(path, std::ios::binary);
  char magic[2] = {};
  file.read(magic, 2);
  if (!file || magic[0] != 'P' || magic[1] != '6') throw std::runtime_error(path + ": expected a binary PPM file");
  Picture picture{};
  picture.width = NumberOf(file);
  picture.height = NumberOf(file);
  const bool known = NumberOf(file) == 255 && picture.width > 0 && picture.height > 0;
  if (!known || picture.width > kMost || picture.height > kMost) throw std::runtime_error(path + ": expected 8 bits");
  file.get();
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * 3));
  if (!file.read(reinterpret_cast<char*>(picture.pixels.data()), static_cast<std::streamsize>(picture.pixels.size()))) {
    throw std::runtime_error(path + ": expected more pixels");
  }
  return picture;
}

Picture Resized(const Picture& from, int64_t height, int64_t width) {
  Picture to{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3))};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t source = (y * from.height / height * from.width + x * from.width / width) * 3;
      for (int64_t c = 0; c < 3; ++c) to.pixels[(y * width + x) * 3 + c] = from.pixels[source + c];
    }
  }
  return to;
}

void Segment(const std::string& bundle, const std::string& from, const std::string& to, int threads) {
  const tvmbnn_options options = {threads, nullptr};
  tvmbnn_network* opened = nullptr;
  Check(tvmbnn_open(bundle.c_str(), &options, &opened));
  const std::unique_ptr<tvmbnn_network, Close> network(opened);
  const tvmbnn_description* what = nullptr;
  Check(tvmbnn_describe(network.get(), &what));

  const int64_t* size = what->input.shape + 1;
  const Picture picture = Resized(Read(from), size[0], size[1]);
  std::vector<uint8_t> labels(static_cast<size_t>(size[0] * size[1]));
  const tvmbnn_array input = {const_cast<uint8_t*>(picture.pixels.data()), "uint8", 3, size, nullptr};
  const tvmbnn_array output = {labels.data(), "uint8", 2, size, nullptr};
  const auto began = std::chrono::steady_clock::now();
  Check(tvmbnn_run(network.get(), &input, &output));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;

  std::ofstream file(to, std::ios::binary);
  file << "P5\n" << size[1] << " " << size[0] << "\n255\n";
  file.write(reinterpret_cast<const char*>(labels.data()), static_cast<std::streamsize>(labels.size()));
  if (!file.flush()) throw std::runtime_error(to + ": cannot be written");
  std::cout << what->name << " for " << what->target << ", " << what->threads << " threads: " << took.count() << " ms\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4 && count != 5) {
    std::cerr << "usage: segment BUNDLE PICTURE.ppm LABELS.pgm [THREADS]\n";
    return TVMBNN_BAD_INPUT;
  }
  try {
    Segment(arguments[1], arguments[2], arguments[3], count == 5 ? std::atoi(arguments[4]) : 0);
    return TVMBNN_OK;
  } catch (const std::exception& error) {
    std::cerr << "segment: " << error.what() << "\n";
    return TVMBNN_INTERNAL;
  }
}
