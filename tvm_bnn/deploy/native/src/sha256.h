// SHA-256 as FIPS 180-4 defines it.
#ifndef TVM_BNN_SHA256_H
#define TVM_BNN_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tvm_bnn {

class Sha256 {
 public:
  void Add(const uint8_t* data, size_t size);

  // The digest in 64 hexadecimal digits; nothing may be added afterwards.
  std::string Finish();

 private:
  void Compress(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_{};
  size_t filled_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace tvm_bnn

#endif
