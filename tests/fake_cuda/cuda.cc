/* NVIDIA's driver and runtime library on a machine without a GPU: so much of both as TVM calls.

   Memory of the GPU is memory that nobody may touch but copies and kernels: it is inaccessible in between. A cubin is
   the path of a library with the kernels for this CPU. A stream does at once what it is asked for, or records it while
   it is captured; what a capture does not allow, by the programming guide, fails and spoils it. */
#include <dlfcn.h>
#include <sys/mman.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

struct Launch {
  void (*run)(void**, const unsigned*);
  unsigned sizes[6];
  std::vector<void*> arguments;
};
struct Function {
  void (*run)(void**, const unsigned*);
  int arguments;
};
struct Graph {
  std::vector<Launch> launches;
};
struct Config {  // CUlaunchConfig
  unsigned grid[3], block[3], shared;
  void* stream;
  void* attributes;
  unsigned count;
};

constexpr int kInvalid = 1, kNotPermitted = 900, kNoSymbol = 500;
std::map<char*, size_t> memory;
std::map<std::string, int> counters;
Graph* captured;
void* capturing;
bool spoilt;

void Protect(int protection) {
  for (const auto& [start, size] : memory) mprotect(start, size, protection);
}

void Run(const Launch& launch) {
  Protect(PROT_READ | PROT_WRITE);
  std::vector<void*> pointers;
  for (void* const& argument : launch.arguments) pointers.push_back(const_cast<void**>(&argument));
  launch.run(pointers.data(), launch.sizes);
  Protect(PROT_NONE);
}

// Counts a call, and fails where a capture does not allow it.
int Called(const char* name) {
  ++counters[name];
  if (captured == nullptr) return 0;
  spoilt = true;
  return kNotPermitted;
}

bool OnGpu(const void* pointer) {
  auto after = memory.upper_bound(const_cast<char*>(static_cast<const char*>(pointer)));
  if (after == memory.begin()) return false;
  --after;
  return static_cast<const char*>(pointer) < after->first + after->second;
}

int Attribute(int* value, int number) {
  static const std::map<int, const char*> defaults = {
      {1, "1024"}, {10, "32"}, {13, "1980000"}, {16, "132"}, {36, "3201000"}, {37, "6144"}, {38, "62914560"},
      {75, "9"}, {76, "0"}, {81, "233472"}, {97, "232448"}};
  const char* set = getenv(("FAKE_CUDA_" + std::to_string(number)).c_str());
  auto found = defaults.find(number);
  *value = set ? atoi(set) : found == defaults.end() ? 0 : atoi(found->second);
  return 0;
}

}  // namespace

extern "C" {

int fake_cuda_count(const char* name) { return counters[name]; }

int cuInit(unsigned) { return 0; }
int cuDeviceGet(int* device, int number) { return *device = number, number == 0 ? 0 : 101; }
int cuDeviceGetName(char* name, int size, int) {
  const char* set = getenv("FAKE_CUDA_NAME");
  strncpy(name, set ? set : "NVIDIA H200", size);
  return 0;
}
int cuDeviceGetAttribute(int* value, int number, int) { return Attribute(value, number); }
int cuGetErrorName(int, const char** name) { return *name = "a CUDA error", 0; }
int cuGetErrorString(int, const char** name) { return cuGetErrorName(0, name); }
int cuFuncSetAttribute(void*, int, int) { return 0; }
int cuTensorMapEncodeTiled() { return kInvalid; }

int cuModuleLoadData(void** module, const void* code) {
  if (int failed = Called("module")) return failed;
  *module = dlopen(static_cast<const char*>(code), RTLD_NOW | RTLD_LOCAL);
  return *module ? 0 : kInvalid;
}
int cuModuleUnload(void*) { return 0; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
  void* run = dlsym(module, (std::string("launch_") + name).c_str());
  void* arguments = dlsym(module, (std::string("arguments_") + name).c_str());
  if (run == nullptr || arguments == nullptr) return kNoSymbol;
  *function = new Function{reinterpret_cast<void (*)(void**, const unsigned*)>(run), *static_cast<int*>(arguments)};
  return 0;
}
int cuLaunchKernelEx(const Config* config, Function* function, void** arguments, void**) {
  Launch launch{function->run, {}, {}};
  memcpy(launch.sizes, config->grid, sizeof launch.sizes);
  for (int i = 0; i < function->arguments; ++i) launch.arguments.push_back(*static_cast<void**>(arguments[i]));
  if (captured != nullptr && config->stream == capturing) {
    ++counters["captured"];
    captured->launches.push_back(launch);
    return 0;
  }
  if (int failed = Called("launch")) return failed;
  Run(launch);
  return 0;
}

int cudaDeviceGetAttribute(int* value, int number, int) { return Attribute(value, number); }
int cudaGetDevice(int* device) { return *device = 0; }
int cudaSetDevice(int) { return 0; }
int cudaGetDeviceCount(int* count) { return *count = 1, 0; }
int cudaGetDeviceProperties(void*, int) { return kInvalid; }
const char* cudaGetErrorName(int) { return "a CUDA error"; }
const char* cudaGetErrorString(int) { return "a CUDA error"; }
int cudaGetLastError() { return 0; }
int cudaPeekAtLastError() { return 0; }
int cudaMemGetInfo(size_t* available, size_t* total) { return *available = *total = size_t{1} << 36, 0; }

int cudaMalloc(void** pointer, size_t size) {
  if (int failed = Called("malloc")) return failed;
  size = (size + 4095) / 4096 * 4096 + 4096;
  *pointer = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory[static_cast<char*>(*pointer)] = size;
  return 0;
}
int cudaFree(void* pointer) {
  auto found = memory.find(static_cast<char*>(pointer));
  if (found == memory.end()) return kInvalid;
  munmap(found->first, found->second);
  memory.erase(found);
  return 0;
}
int cudaMallocHost(void** pointer, size_t size) { return *pointer = malloc(size), 0; }
int cudaFreeHost(void* pointer) { return free(pointer), 0; }

int cudaMemcpyAsync(void* to, const void* from, size_t size, int kind, void*) {
  static const char* names[] = {"", "to the GPU", "to the host", "on the GPU"};
  if (OnGpu(from) != (kind != 1) || OnGpu(to) != (kind != 2)) return kInvalid;
  if (int failed = Called(names[kind])) return failed;
  Protect(PROT_READ | PROT_WRITE);
  memcpy(to, from, size);
  Protect(PROT_NONE);
  return 0;
}
int cudaMemcpyPeerAsync() { return kInvalid; }

int cudaStreamCreate(void** stream) { return *stream = malloc(1), 0; }
int cudaStreamCreateWithFlags(void** stream, unsigned) { return cudaStreamCreate(stream); }
int cudaStreamDestroy(void* stream) { return free(stream), 0; }
int cudaStreamSynchronize(void*) { return Called("wait"); }
int cudaStreamWaitEvent(void*, void*, unsigned) { return 0; }
int cudaStreamBeginCapture(void* stream, int) {
  captured = new Graph;
  capturing = stream;
  spoilt = false;
  return 0;
}
int cudaStreamEndCapture(void*, Graph** graph) {
  *graph = captured;
  captured = nullptr;
  return spoilt ? kNotPermitted : 0;
}
int cudaGraphInstantiate(Graph** executable, Graph* graph, unsigned long long) {
  *executable = new Graph(*graph);
  return 0;
}
int cudaGraphDestroy(Graph* graph) { return delete graph, 0; }
int cudaGraphExecDestroy(Graph* graph) { return delete graph, 0; }
int cudaGraphLaunch(Graph* graph, void*) {
  if (int failed = Called("graph")) return failed;
  for (const Launch& launch : graph->launches) Run(launch);
  return 0;
}

int cudaEventCreate(timespec** event) { return *event = new timespec, 0; }
int cudaEventDestroy(timespec* event) { return delete event, 0; }
int cudaEventRecord(timespec* event, void*) {
  ++counters["event"];
  return clock_gettime(CLOCK_MONOTONIC, event);
}
int cudaEventSynchronize(timespec*) { return 0; }
int cudaEventElapsedTime(float* milliseconds, timespec* from, timespec* to) {
  *milliseconds = (to->tv_sec - from->tv_sec) * 1e3f + (to->tv_nsec - from->tv_nsec) * 1e-6f;
  return 0;
}

}  // extern "C"
