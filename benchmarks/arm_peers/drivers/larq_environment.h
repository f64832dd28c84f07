// What Larq Compute Engine's kernels need of TensorFlow Lite and Ruy, and no more.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#define TFLITE_ASSERT_FALSE
#define TFLITE_DCHECK(condition)
#define TFLITE_DCHECK_EQ(a, b)
#define TFLITE_DCHECK_GE(a, b)
#define TFLITE_DCHECK_LE(a, b)
#define TFLITE_DCHECK_LT(a, b)
#define TF_LITE_ASSERT(condition)
#define TF_LITE_ASSERT_EQ(a, b)
#define FLATBUFFERS_LITTLEENDIAN 1

namespace tflite {

class RuntimeShape {
 public:
  RuntimeShape(std::initializer_list<int> sizes) { std::copy(sizes.begin(), sizes.end(), sizes_); }
  int Dims(int axis) const { return sizes_[axis]; }
  int FlatSize() const { return sizes_[0] * sizes_[1] * sizes_[2] * sizes_[3]; }

 private:
  int sizes_[4];
};

inline int32_t TfLiteRound(float value) { return static_cast<int32_t>(__builtin_roundf(value)); }

}  // namespace tflite

using tflite::RuntimeShape;

enum TfLitePadding { kTfLitePaddingUnknown, kTfLitePaddingSame, kTfLitePaddingValid };

struct TfLitePaddingValues {
  int width, height, width_offset, height_offset;
};

#define RUY_PLATFORM_NEON 1
#define RUY_PLATFORM_NEON_64 1
#define RUY_OPT(feature) 1
#define RUY_STR_(text) #text
#define RUY_STR(text) RUY_STR_(text)
#define RUY_DCHECK(condition)
#define RUY_DCHECK_EQ(a, b)
#define RUY_DCHECK_LE(a, b)
#define RUY_DCHECK_LT(a, b)

namespace ruy {

enum class Order : uint8_t { kColMajor, kRowMajor };
enum class Path : uint8_t { kStandardCpp, kNeon };
enum class Tuning { kAuto };

template <Order, int Rows, int Cols>
struct FixedKernelLayout {
  static constexpr int kRows = Rows, kCols = Cols;
};

struct MatLayout {
  int32_t rows, cols, stride;
  Order order = Order::kColMajor;
};

inline bool IsColMajor(const MatLayout &) { return true; }

template <typename T>
struct Pointer {
  T *address;
  T *get() const { return address; }
};

template <typename T>
struct Mat {
  Pointer<T> data;
  MatLayout layout;
};

template <typename T>
struct PMat {
  T *data;
  MatLayout layout;
};

struct EMat;
struct PEMat;

template <typename T>
Mat<T> UneraseType(const EMat &);
template <typename T>
PMat<T> UneraseType(const PEMat &);

template <Path, typename, typename, typename, typename, Order>
struct PackImpl;

namespace profiler {
struct ScopeLabel {
  template <typename... Parts>
  explicit ScopeLabel(const Parts &...) {}
};
}  // namespace profiler
}  // namespace ruy
