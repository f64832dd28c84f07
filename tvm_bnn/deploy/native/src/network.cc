#include "network.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>

#include "failure.h"
#include "seats.h"

namespace tvm_bnn {

namespace {

constexpr size_t kVectorBytes = 64;
// Arguments of the virtual machine: kind and number of the device, an allocator that keeps memory for reuse.
constexpr int64_t kCpu = kDLCPU, kFirst = 0, kPooled = 2;
constexpr size_t kPictureAxes = 4;
constexpr DLDataType kByte = {kDLUInt, 8, 1};

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

int64_t Product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::string Listed(const int64_t* extents, int count) {
  std::string text = "[";
  for (int axis = 0; axis < count; ++axis) text += (axis ? ", " : "") + std::to_string(extents[axis]);
  return text + "]";
}

std::string Listed(const std::vector<int64_t>& shape) { return Listed(shape.data(), static_cast<int>(shape.size())); }

// Without the first axis.
std::vector<int64_t> OfOne(const std::vector<int64_t>& shape) { return {shape.begin() + 1, shape.end()}; }

std::string DtypeName(DLDataType dtype) {
  static const char* const kNames[] = {"int", "uint", "float"};
  if (dtype.lanes != 1 || dtype.code > kDLFloat) return "something else";
  return kNames[dtype.code] + std::to_string(dtype.bits);
}

// Bytes of one number.
int64_t WidthOf(const std::string& dtype) {
  const size_t digits = dtype.find_first_of("123456789");
  return digits == std::string::npos ? 1 : std::atoi(dtype.c_str() + digits) / 8;
}

// What is the same of pictures and results.
void CheckArray(const char* what, const tvmbnn_array& array, const std::string& dtype) {
  const std::string name = what;
  if (array.data == nullptr) throw BadInput(name + ": expected data, got NULL");
  if (array.dtype == nullptr || dtype != array.dtype) {
    throw BadInput(name + ": expected dtype " + dtype + ", got " + (array.dtype ? array.dtype : "NULL"));
  }
  if (array.ndim < 0 || (array.ndim > 0 && array.shape == nullptr)) throw BadInput(name + ": expected a shape, got NULL");
}

int64_t StrideOf(const tvmbnn_array& array, int axis) {
  if (array.strides != nullptr) return array.strides[axis];
  return std::accumulate(array.shape + axis + 1, array.shape + array.ndim, int64_t{1}, std::multiplies<>());
}

}  // namespace

// A virtual machine serves one call at a time; the weights are those of the library.
struct Network::Machine {
  std::unique_ptr<uint8_t, Free> picture;
  Value input;
  Value module;
  Value main;
};

Network::Network(const char* folder, const tvmbnn_options& options) : Network(ReadManifest(folder), options) {
  VerifyFiles(manifest_);
  CheckHost(manifest_);
  LoadRuntime(manifest_, options.runtime);
  const std::string path = manifest_.folder + "/model.so";
  Start(Call(GlobalFunction("ffi.ModuleLoadFromFile"), {AText(path)}));
}

Network::Network(const tvmbnn_linked* linked, const tvmbnn_options& options)
    : Network(ParseManifest(linked->manifest), options) {
  CheckHost(manifest_);
  LoadRuntime(manifest_, nullptr);
  const std::string prefix = linked->prefix;
  Start(Call(GlobalFunction("ffi.SystemLib"), {AText(prefix)}));
}

Network::Network(Manifest manifest, const tvmbnn_options& options) : manifest_(std::move(manifest)) {
  if (options.threads < 0) {
    throw BadInput("threads: expected 1 or more, or 0 for the bundle's own, got " + std::to_string(options.threads));
  }
  if (manifest_.input.shape.size() != kPictureAxes || manifest_.input.dtype != "uint8") {
    throw BadInput("manifest.json: input: expected uint8 [1, H, W, 3], got " + manifest_.input.dtype + " " +
                   Listed(manifest_.input.shape));
  }
  threads_ = options.threads > 0 ? options.threads : manifest_.threads;
}

void Network::Start(Value library) {
  library_ = std::move(library);
  idle_.push_back(NewMachine());
  Describe();
}

Network::~Network() = default;

void Network::Describe() {
  for (const Class& one : manifest_.classes) {
    classes_.push_back({one.name.c_str(), {one.color[0], one.color[1], one.color[2]}});
  }
  const auto contract = [](const Contract& of) {
    return tvmbnn_contract{of.dtype.c_str(), of.layout.c_str(), static_cast<int>(of.shape.size()), of.shape.data()};
  };
  description_ = {manifest_.name.c_str(),
                  manifest_.width.c_str(),
                  manifest_.target.c_str(),
                  manifest_.versions["tvm-bnn"].c_str(),
                  manifest_.trained,
                  threads_,
                  contract(manifest_.input),
                  contract(manifest_.output),
                  classes_.size(),
                  classes_.data()};
}

std::unique_ptr<Network::Machine> Network::NewMachine() {
  auto machine = std::make_unique<Machine>();
  const auto bytes = static_cast<size_t>(Product(manifest_.input.shape));
  machine->picture.reset(
      static_cast<uint8_t*>(std::aligned_alloc(kVectorBytes, (bytes + kVectorBytes - 1) / kVectorBytes * kVectorBytes)));
  if (machine->picture == nullptr) throw std::bad_alloc();
  machine->input = Borrowed(machine->picture.get(), kByte, manifest_.input.shape);
  machine->module = Call(FunctionOf(library_, "vm_load_executable"), {});
  Call(FunctionOf(machine->module, "vm_initialization"), {AnInteger(kCpu), AnInteger(kFirst), AnInteger(kPooled)});
  machine->main = FunctionOf(machine->module, "main");
  return machine;
}

std::unique_ptr<Network::Machine> Network::Taken() {
  {
    const std::lock_guard<std::mutex> lock(idle_lock_);
    if (!idle_.empty()) {
      std::unique_ptr<Machine> machine = std::move(idle_.back());
      idle_.pop_back();
      return machine;
    }
  }
  return NewMachine();
}

void Network::Run(const tvmbnn_array& pictures, const tvmbnn_array& result) {
  CheckPictures(pictures);
  CheckResult(pictures, result);
  OnLastingThread([&] { RunAll(pictures, result); });
}

void Network::RunAll(const tvmbnn_array& pictures, const tvmbnn_array& result) {
  UseThreads(threads_);
  std::unique_ptr<Machine> machine = Taken();
  const bool several = pictures.ndim == static_cast<int>(manifest_.input.shape.size());
  const int64_t count = several ? pictures.shape[0] : 1;
  const int64_t apart = several ? StrideOf(pictures, 0) : 0, row = StrideOf(pictures, several);
  const int64_t written = Product(OfOne(manifest_.output.shape)) * WidthOf(manifest_.output.dtype);
  for (int64_t i = 0; i < count; ++i) {
    RunOne(machine.get(), static_cast<const uint8_t*>(pictures.data) + i * apart, row,
           static_cast<uint8_t*>(result.data) + i * written);
  }
  // A machine whose call failed is in no known state and is not put back.
  const std::lock_guard<std::mutex> lock(idle_lock_);
  idle_.push_back(std::move(machine));
}

void Network::CheckPictures(const tvmbnn_array& pictures) const {
  CheckArray("picture", pictures, manifest_.input.dtype);
  const std::vector<int64_t> one = OfOne(manifest_.input.shape);
  const int axes = static_cast<int>(one.size()), first = pictures.ndim - axes;
  if ((first != 0 && first != 1) || !std::equal(one.begin(), one.end(), pictures.shape + first) ||
      (first == 1 && pictures.shape[0] < 1)) {
    throw BadInput("picture: expected shape " + Listed(one) + " or [N, ...] of these, got " +
                   Listed(pictures.shape, pictures.ndim));
  }
  const int64_t row = one[1] * one[2];
  const bool packed = StrideOf(pictures, first + 2) == 1 && StrideOf(pictures, first + 1) == one[2];
  const bool apart = first == 0 || pictures.shape[0] == 1 || StrideOf(pictures, 0) >= 0;
  if (!packed || !apart || StrideOf(pictures, first) < row) {
    throw BadInput("picture: expected strides [" + std::to_string(row) + " or more, " + std::to_string(one[2]) +
                   ", 1], got " + Listed(pictures.strides + first, axes));
  }
}

void Network::CheckResult(const tvmbnn_array& pictures, const tvmbnn_array& result) const {
  CheckArray("result", result, manifest_.output.dtype);
  std::vector<int64_t> wanted = OfOne(manifest_.output.shape);
  if (pictures.ndim == static_cast<int>(manifest_.input.shape.size())) wanted.insert(wanted.begin(), pictures.shape[0]);
  if (result.ndim != static_cast<int>(wanted.size()) || !std::equal(wanted.begin(), wanted.end(), result.shape)) {
    throw BadInput("result: expected shape " + Listed(wanted) + ", got " + Listed(result.shape, result.ndim));
  }
  int64_t stride = 1;
  for (int axis = result.ndim - 1; axis >= 0; stride *= result.shape[axis--]) {
    if (result.shape[axis] > 1 && StrideOf(result, axis) != stride) {
      throw BadInput("result: expected an array without gaps, got strides " + Listed(result.strides, result.ndim));
    }
  }
}

void Network::RunOne(Machine* machine, const uint8_t* picture, int64_t row, uint8_t* result) const {
  const std::vector<int64_t>& shape = manifest_.input.shape;
  const int64_t wide = shape[2] * shape[3];
  for (int64_t y = 0; y < shape[1]; ++y) std::memcpy(machine->picture.get() + y * wide, picture + y * row, wide);
  const Value output = Call(machine->main, {machine->input.view()});
  if (!output.IsTensor()) throw Internal("expected the network to give one tensor, got something else");
  const DLTensor& tensor = output.Tensor();
  const std::vector<int64_t> found(tensor.shape, tensor.shape + tensor.ndim);
  if (found != manifest_.output.shape || DtypeName(tensor.dtype) != manifest_.output.dtype) {
    throw Internal("expected " + manifest_.output.dtype + " " + Listed(manifest_.output.shape) + " from the network, got " +
                   DtypeName(tensor.dtype) + " " + Listed(found));
  }
  std::memcpy(result, static_cast<const uint8_t*>(tensor.data) + tensor.byte_offset,
              static_cast<size_t>(Product(found) * tensor.dtype.bits / 8));
}

}  // namespace tvm_bnn
