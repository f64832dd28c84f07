// The C interface beside the network alone: caller BUNDLE THREADS PAIRS RUNS, prints one line of JSON.
//
// Compiled together with the sources of the interface, of which it uses the inner parts to call the network with the
// picture already in its place.
#include <tvm_bnn.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "manifest.h"
#include "runtime.h"

namespace {

using tvm_bnn::Value;
constexpr int kWarmup = 20;

void Check(tvmbnn_status status) {
  if (status != TVMBNN_OK) throw std::runtime_error(tvmbnn_last_error());
}

template <typename Function>
double Milliseconds(const Function& function) {
  const auto began = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

long Resident() {
  long all = 0, there = 0;
  std::ifstream("/proc/self/statm") >> all >> there;
  return there * sysconf(_SC_PAGESIZE);
}

void Print(const char* name, const std::vector<double>& values) {
  std::cout << '"' << name << "\": [";
  for (size_t i = 0; i < values.size(); ++i) std::cout << (i ? ", " : "") << values[i];
  std::cout << "], ";
}

void Measure(const std::string& bundle, int threads, int pairs, int runs) {
  const tvmbnn_options options = {threads, nullptr};
  tvmbnn_network* network = nullptr;
  Check(tvmbnn_open(bundle.c_str(), &options, &network));
  const tvmbnn_description* what = nullptr;
  Check(tvmbnn_describe(network, &what));
  const int64_t* size = what->input.shape + 1;
  const auto pixels = static_cast<size_t>(size[0] * size[1]);
  auto* picture = static_cast<uint8_t*>(std::aligned_alloc(64, (3 * pixels + 63) / 64 * 64));
  for (size_t i = 0; i < 3 * pixels; ++i) picture[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  std::vector<uint8_t> labels(pixels);
  const tvmbnn_array input = {picture, "uint8", 3, size, nullptr};
  const tvmbnn_array output = {labels.data(), "uint8", 2, size, nullptr};

  // The first call of the interface tells TVM how many threads this thread's calls use, the network's own too.
  const auto call = [&] { Check(tvmbnn_run(network, &input, &output)); };
  call();
  const std::string library = bundle + "/model.so";
  const Value module = tvm_bnn::Call(tvm_bnn::GlobalFunction("ffi.ModuleLoadFromFile"), {tvm_bnn::AText(library)});
  const Value machine = tvm_bnn::Call(tvm_bnn::FunctionOf(module, "vm_load_executable"), {});
  tvm_bnn::Call(tvm_bnn::FunctionOf(machine, "vm_initialization"),
                {tvm_bnn::AnInteger(kDLCPU), tvm_bnn::AnInteger(0), tvm_bnn::AnInteger(2)});
  const Value main = tvm_bnn::FunctionOf(machine, "main");
  const std::vector<int64_t> shape(what->input.shape, what->input.shape + what->input.ndim);
  const Value tensor = tvm_bnn::Borrowed(picture, DLDataType{kDLUInt, 8, 1}, shape);

  const auto run_alone = [&] { tvm_bnn::Call(main, {tensor.view()}); };

  std::vector<double> alone, called;
  for (int i = 0; i < kWarmup + pairs; ++i) {
    // Whatever it is worth to be the first or the second, both are.
    const bool network_first = i % 2 == 0;
    double network_ms = network_first ? Milliseconds(run_alone) : 0;
    const double call_ms = Milliseconds(call);
    if (!network_first) network_ms = Milliseconds(run_alone);
    if (i < kWarmup) continue;
    alone.push_back(network_ms);
    called.push_back(call_ms);
  }
  const long before = Resident();
  for (int i = 0; i < runs; ++i) call();
  const long after = Resident();
  std::cout << "{";
  Print("network", alone);
  Print("caller", called);
  std::cout << "\"before\": " << before << ", \"after\": " << after << "}" << std::endl;
  tvmbnn_close(network);
  std::free(picture);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return TVMBNN_BAD_INPUT;
  try {
    Measure(arguments[1], std::atoi(arguments[2]), std::atoi(arguments[3]), std::atoi(arguments[4]));
    return TVMBNN_OK;
  } catch (const std::exception& error) {
    std::cerr << "caller: " << error.what() << "\n";
    return TVMBNN_INTERNAL;
  }
}
