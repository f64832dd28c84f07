#include "runtime.h"

#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <mutex>

#include "failure.h"

namespace tvm_bnn {

namespace {

constexpr char kFfiLibrary[] = "libtvm_ffi.so";
constexpr size_t kVectorBytes = 64;

// Those functions of TVM's C interface that are used here.
struct Interface {
  decltype(&TVMFFIGetVersion) get_version;
  decltype(&TVMFFIObjectDecRef) release;
  decltype(&TVMFFIFunctionGetGlobal) get_global;
  decltype(&TVMFFIFunctionCall) call;
  decltype(&TVMFFIErrorMoveFromRaised) take_error;
  decltype(&TVMFFITensorFromDLPackVersioned) from_dlpack;
};

std::mutex loading;
Interface interface{};
// Of the TVM that is loaded; empty before.
std::string loaded_version;

template <typename Function>
void Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr) throw Unsupported(std::string("TVM's runtime has no ") + name);
}

void* Load(const std::string& path) {
  // Compiled networks find the runtime's functions among the global ones.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) throw Unsupported(std::string("cannot load TVM's runtime: ") + dlerror());
  return library;
}

// The folder of the libraries with a slash; empty where the system knows.
std::string Place(const Manifest& manifest, const char* folder) {
  if (folder != nullptr && *folder != '\0') return std::string(folder) + "/";
  // A second copy in one process would clash with the first.
  const bool present = dlopen(kFfiLibrary, RTLD_NOW | RTLD_NOLOAD) != nullptr;
  return manifest.BringsRuntime() && !present ? manifest.folder + "/runtime/" : "";
}

// The layout of what crosses the interface is that of the headers this file is compiled with.
void CheckInterface() {
  TVMFFIVersion found{};
  interface.get_version(&found);
  if (found.major != TVM_FFI_VERSION_MAJOR || found.minor != TVM_FFI_VERSION_MINOR) {
    throw Unsupported("this program is for version " + std::to_string(TVM_FFI_VERSION_MAJOR) + "." +
                      std::to_string(TVM_FFI_VERSION_MINOR) + " of TVM's FFI, got " + std::to_string(found.major) + "." +
                      std::to_string(found.minor));
  }
}

std::string RaisedMessage() {
  TVMFFIObjectHandle error = nullptr;
  interface.take_error(&error);
  if (error == nullptr) return "unknown";
  const TVMFFIByteArray& message = TVMFFIErrorGetCellPtr(error)->message;
  std::string text(message.data, message.size);
  interface.release(error);
  return text.substr(0, text.find('\n'));
}

void Check(int status) {
  if (status != 0) throw Internal("TVM's runtime: " + RaisedMessage());
}

TVMFFIByteArray Bytes(const std::string& text) { return {text.data(), text.size()}; }

std::vector<std::string> AllowedCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return {"0"};
  std::vector<std::string> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(std::to_string(core));
  }
  return cores;
}

Value CallWith(const Value& function, const std::vector<TVMFFIAny>& arguments) {
  TVMFFIAny result{};
  // The interface takes arguments that it does not change as if it did.
  Check(interface.call(function.view().v_obj, const_cast<TVMFFIAny*>(arguments.data()),
                       static_cast<int32_t>(arguments.size()), &result));
  return Value(result);
}

struct Lent {
  DLManagedTensorVersioned tensor;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

}  // namespace

Value& Value::operator=(Value&& other) noexcept {
  std::swap(any_, other.any_);
  return *this;
}

Value::~Value() {
  if (any_.type_index >= kTVMFFIStaticObjectBegin) interface.release(any_.v_obj);
}

TVMFFIAny AnInteger(int64_t value) {
  TVMFFIAny any{};
  any.type_index = kTVMFFIInt;
  any.v_int64 = value;
  return any;
}

TVMFFIAny AFlag(bool value) {
  TVMFFIAny any = AnInteger(value);
  any.type_index = kTVMFFIBool;
  return any;
}

TVMFFIAny AText(const std::string& value) {
  TVMFFIAny any{};
  any.type_index = kTVMFFIRawStr;
  any.v_c_str = value.c_str();
  return any;
}

void LoadRuntime(const Manifest& manifest, const char* folder) {
  const auto version = manifest.versions.find("tvm");
  if (version == manifest.versions.end()) throw BadInput("manifest.json: versions: expected that of tvm, got none");
  if (std::find(manifest.libraries.begin(), manifest.libraries.end(), kFfiLibrary) == manifest.libraries.end()) {
    throw BadInput(std::string("manifest.json: libraries: expected ") + kFfiLibrary + ", got none");
  }
  const std::lock_guard<std::mutex> lock(loading);
  if (!loaded_version.empty() && loaded_version != version->second) {
    throw Unsupported("bundle for apache-tvm " + version->second + ", got " + loaded_version + " in this process");
  }
  const std::string place = loaded_version.empty() ? Place(manifest, folder) : "";
  for (const std::string& name : manifest.libraries) {
    void* library = Load(place + name);
    // Once is enough, and others may be calling.
    if (name != kFfiLibrary || !loaded_version.empty()) continue;
    Find(library, "TVMFFIGetVersion", &interface.get_version);
    Find(library, "TVMFFIObjectDecRef", &interface.release);
    Find(library, "TVMFFIFunctionGetGlobal", &interface.get_global);
    Find(library, "TVMFFIFunctionCall", &interface.call);
    Find(library, "TVMFFIErrorMoveFromRaised", &interface.take_error);
    Find(library, "TVMFFITensorFromDLPackVersioned", &interface.from_dlpack);
    CheckInterface();
  }
  if (loaded_version.empty()) loaded_version = version->second;
}

Value GlobalFunction(const std::string& name) {
  TVMFFIAny any{};
  const TVMFFIByteArray bytes = Bytes(name);
  TVMFFIObjectHandle function = nullptr;
  Check(interface.get_global(&bytes, &function));
  if (function == nullptr) throw Unsupported("TVM's runtime has no function " + name);
  any.type_index = kTVMFFIFunction;
  any.v_obj = static_cast<TVMFFIObject*>(function);
  return Value(any);
}

Value FunctionOf(const Value& module, const std::string& name) {
  Value function = Call(GlobalFunction("ffi.ModuleGetFunction"), {module.view(), AText(name), AFlag(false)});
  if (function.view().type_index != kTVMFFIFunction) throw Internal("the library has no function " + name);
  return function;
}

Value Call(const Value& function, std::initializer_list<TVMFFIAny> arguments) {
  return CallWith(function, std::vector<TVMFFIAny>(arguments));
}

Value Borrowed(void* data, DLDataType dtype, const std::vector<int64_t>& shape) {
  auto* lent = new Lent{{}, shape, std::vector<int64_t>(shape.size(), 1)};
  for (size_t axis = shape.size() - 1; axis > 0; --axis) lent->strides[axis - 1] = lent->strides[axis] * shape[axis];
  DLManagedTensorVersioned& tensor = lent->tensor;
  tensor.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  tensor.manager_ctx = lent;
  tensor.deleter = [](DLManagedTensorVersioned* self) { delete static_cast<Lent*>(self->manager_ctx); };
  tensor.dl_tensor = {data,  {kDLCPU, 0}, static_cast<int32_t>(shape.size()),
                      dtype, lent->shape.data(), lent->strides.data(), 0};
  TVMFFIAny any{};
  TVMFFIObjectHandle handle = nullptr;
  if (const int status = interface.from_dlpack(&tensor, kVectorBytes, 1, &handle); status != 0) {
    delete lent;
    Check(status);
  }
  any.type_index = kTVMFFITensor;
  any.v_obj = static_cast<TVMFFIObject*>(handle);
  return Value(any);
}

void UseThreads(int threads) {
  // The runtime has a pool of workers for each thread that calls it.
  thread_local int used = 0;
  if (used == threads) return;
  constexpr int kShareAllCores = -3;
  const std::vector<std::string> cores = AllowedCores();
  std::vector<TVMFFIAny> texts;
  for (const std::string& core : cores) texts.push_back(AText(core));
  const Value list = CallWith(GlobalFunction("ffi.Array"), texts);
  Call(GlobalFunction("runtime.config_threadpool"), {AnInteger(kShareAllCores), AnInteger(threads), list.view()});
  used = threads;
}

}  // namespace tvm_bnn
