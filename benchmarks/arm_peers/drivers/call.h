// How a driver is called: TVM FFI's packed convention, with tensors as DLPack describes them. There is no C library
// behind a driver, so the few of its functions that the engines need stand here.
#pragma once

#include <cstddef>
#include <cstdint>

struct Tensor {
  void *data;
  int32_t device_type, device_id, dimensions;
  uint8_t code, bits;
  uint16_t lanes;
  const int64_t *shape, *strides;
  uint64_t byte_offset;
};

struct Argument {
  int32_t type;
  uint32_t padding;
  Tensor *tensor;

  template <typename T>
  T *data() const {
    return reinterpret_cast<T *>(static_cast<char *>(tensor->data) + tensor->byte_offset);
  }
};

#define DRIVER(name) extern "C" __attribute__((visibility("default"))) int __tvm_ffi_##name(void *, const Argument *arguments, int32_t, void *)

namespace heap {

constexpr size_t kBytes = 1 << 24;
alignas(64) inline char pool[kBytes];
inline size_t used = 0;

// Everything that was taken is given back.
inline void clear() { used = 0; }

inline void *take(size_t bytes) {
  const size_t place = (used + 63) / 64 * 64;
  if (place + bytes > kBytes) __builtin_trap();
  used = place + bytes;
  return pool + place;
}

}  // namespace heap

// The compiler would make a call of the function itself out of its loop.
#define PLAIN_LOOP __attribute__((optimize("no-tree-loop-distribute-patterns")))

extern "C" {

PLAIN_LOOP void *memcpy(void *to, const void *from, size_t bytes) noexcept {
  size_t done = 0;
  for (; done + 8 <= bytes; done += 8) {
    uint64_t word;
    __builtin_memcpy(&word, static_cast<const char *>(from) + done, 8);
    __builtin_memcpy(static_cast<char *>(to) + done, &word, 8);
  }
  for (; done < bytes; done++) static_cast<char *>(to)[done] = static_cast<const char *>(from)[done];
  return to;
}

PLAIN_LOOP void *memmove(void *to, const void *from, size_t bytes) noexcept {
  if (to <= from) return memcpy(to, from, bytes);
  while (bytes--) static_cast<char *>(to)[bytes] = static_cast<const char *>(from)[bytes];
  return to;
}

PLAIN_LOOP void *memset(void *to, int value, size_t bytes) noexcept {
  const uint64_t word = 0x0101010101010101u * static_cast<uint8_t>(value);
  size_t done = 0;
  for (; done + 8 <= bytes; done += 8) __builtin_memcpy(static_cast<char *>(to) + done, &word, 8);
  for (; done < bytes; done++) static_cast<char *>(to)[done] = static_cast<char>(value);
  return to;
}

void *malloc(size_t bytes) noexcept { return heap::take(bytes); }
void free(void *) noexcept {}
void __cxa_pure_virtual() { __builtin_trap(); }
}

void *operator new(size_t bytes) { return heap::take(bytes); }
void operator delete(void *) noexcept {}
void operator delete(void *, size_t) noexcept {}

namespace std {
void __throw_length_error(const char *) { __builtin_trap(); }
void __throw_logic_error(const char *) { __builtin_trap(); }
void __throw_out_of_range_fmt(const char *, ...) { __builtin_trap(); }
void __throw_bad_alloc() { __builtin_trap(); }
void __throw_bad_array_new_length() { __builtin_trap(); }
}  // namespace std
