// TVM's runtime, found at run time: nothing of it is linked, so the checks of a bundle come before its code.
#ifndef TVM_BNN_RUNTIME_H
#define TVM_BNN_RUNTIME_H

#include <tvm/ffi/c_api.h>

#include <initializer_list>
#include <string>

#include "manifest.h"

namespace tvm_bnn {

// A value that TVM's runtime gave, released with the object.
class Value {
 public:
  Value() = default;
  explicit Value(TVMFFIAny any) : any_(any) {}
  Value(Value&& other) noexcept : any_(other.any_) { other.any_ = {}; }
  Value& operator=(Value&& other) noexcept;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value();

  // The same for a call, which owns nothing.
  const TVMFFIAny& view() const { return any_; }
  bool IsTensor() const { return any_.type_index == kTVMFFITensor; }
  const DLTensor& Tensor() const { return *TVMFFITensorGetDLTensorPtr(any_.v_obj); }

 private:
  TVMFFIAny any_{};
};

// Arguments of calls.
TVMFFIAny AnInteger(int64_t value);
TVMFFIAny AFlag(bool value);
TVMFFIAny AText(const std::string& value);

// Load the libraries that the bundle names, once per process. Throws Failure: they are nowhere, or of another version.
void LoadRuntime(const Manifest& manifest, const char* folder);

// A global function of the runtime. Throws Failure.
Value GlobalFunction(const std::string& name);

// A function of a module. Throws Failure.
Value FunctionOf(const Value& module, const std::string& name);

Value Call(const Value& function, std::initializer_list<TVMFFIAny> arguments);

// Memory of the caller as a tensor of the runtime; the memory has to outlive it, and to be aligned for vectors.
Value Borrowed(void* data, DLDataType dtype, const std::vector<int64_t>& shape);

// Let compiled code that this thread calls use so many threads, of the cores that this thread may use.
void UseThreads(int threads);

}  // namespace tvm_bnn

#endif
