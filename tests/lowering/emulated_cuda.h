/* CUDA C on a CPU: the threads of a block take turns on one core, and change over where they wait for each other.

   Every thread is a context of its own. Barriers and exchanges between the lanes of a warp are the only places at which
   one gives way, so code that forgets a barrier reads what has not been written yet. Warp instructions mean what the
   PTX ISA says of them, by the fragments of its tables. */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(n)
#define __shared__ static
#define TVM_BNN_EMULATED

typedef unsigned uint;
typedef unsigned char uchar;
typedef unsigned short ushort;

struct Dim3 { int x, y, z; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };

constexpr int kMostThreads = 1024, kStack = 64 * 1024, kWarp = 32;

static Dim3 blockIdx, blockDim, threadIdx;
static ucontext_t main_context, contexts[kMostThreads];
static char stacks[kMostThreads][kStack];
static bool finished[kMostThreads];
static int current, arrived, generation, alive;
static int exchanged[2][kMostThreads];
static int exchanges[kMostThreads];
static void (*body)();

static inline void give_way() { swapcontext(&contexts[current], &main_context); }

static inline void __syncthreads() {
  int mine = generation;
  if (++arrived == alive) {
    arrived = 0;
    ++generation;
  }
  while (mine == generation) give_way();
}

/* Publishes a number and gives way until the whole warp has; where the numbers of the warp then lie. */
static inline const int* all_lanes(int value) {
  int* slot = exchanged[exchanges[current] & 1];
  slot[current] = value;
  int round = ++exchanges[current], first = current / kWarp * kWarp;
  int end = first + kWarp < alive ? first + kWarp : alive;
  for (;;) {
    bool ready = true;
    for (int lane = first; lane < end; ++lane) ready = ready && exchanges[lane] >= round;
    if (ready) break;
    give_way();
  }
  return slot + first;
}

static inline int lane_id() { return current % kWarp; }
static inline uint32_t __activemask() { return 0xffffffffu; }
static inline int __popc(int value) { return __builtin_popcount(static_cast<unsigned>(value)); }
template <typename T> static inline T max(T a, T b) { return a > b ? a : b; }
template <typename T> static inline T min(T a, T b) { return a < b ? a : b; }

static inline int __shfl_sync(uint32_t, int value, int source, int) { return all_lanes(value)[source & 31]; }
static inline int __shfl_xor_sync(uint32_t, int value, int mask) { return all_lanes(value)[lane_id() ^ mask]; }
static inline int __shfl_down_sync(uint32_t, int value, int offset, int) {
  int lane = lane_id();
  const int* values = all_lanes(value);
  return values[lane + offset < kWarp ? lane + offset : lane];
}

/* mma.sync.aligned.m16n8k{256,32}: registers as the tables of the PTX ISA give them for single bits and for bytes, which
   is the same in words, but the results column by column, as the functions are given them. */
template <typename Operation>
static inline void mma(int* c, const int (&mine)[6], Operation operation) {
  int all[6][kWarp];
  for (int r = 0; r < 6; ++r) memcpy(all[r], all_lanes(mine[r]), sizeof all[r]);
  int group = lane_id() / 4, thread = lane_id() % 4;
  for (int i = 0; i < 4; ++i) {
    int row = group + 8 * (i / 2), column = 2 * thread + i % 2;
    for (int word = 0; word < 8; ++word) {
      /* a0 and a2 are of the rows 0..7, a1 and a3 of the others; a2, a3 and b1 of the words 4..7. */
      int left = all[row / 8 + 2 * (word / 4)][4 * (row % 8) + word % 4];
      int right = all[4 + word / 4][4 * column + word % 4];
      c[2 * (i % 2) + i / 2] += operation(left, right);
    }
  }
}

template <typename Byte>
static inline int products_of_bytes(int left, int right) {
  Byte a[4], b[4];
  memcpy(a, &left, 4);
  memcpy(b, &right, 4);
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}

#define MMA(name, product) \
  static inline void tvm_bnn_mma_##name##_fragments(int* c, int a0, int a1, int a2, int a3, int b0, int b1) { \
    mma(c, {a0, a1, a2, a3, b0, b1}, [](int left, int right) { return product; }); \
  }
MMA(xor, __popc(left ^ right))
MMA(and, __popc(left & right))
MMA(s8, products_of_bytes<signed char>(left, right))
MMA(u8, products_of_bytes<unsigned char>(left, right))

static void run_thread() {
  body();
  finished[current] = true;
  swapcontext(&contexts[current], &main_context);
}

static void run_block(int threads) {
  alive = threads;
  arrived = 0;
  for (int t = 0; t < threads; ++t) {
    finished[t] = false;
    exchanges[t] = 0;
    getcontext(&contexts[t]);
    contexts[t].uc_stack.ss_sp = stacks[t];
    contexts[t].uc_stack.ss_size = kStack;
    contexts[t].uc_link = nullptr;
    makecontext(&contexts[t], run_thread, 0);
  }
  for (int left = threads; left;) {
    for (int t = 0; t < threads; ++t) {
      if (finished[t]) continue;
      current = t;
      threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
      swapcontext(&main_context, &contexts[t]);
      if (finished[t]) --left;
    }
  }
}

static void run_grid(Dim3 grid, Dim3 block, void (*kernel)()) {
  blockDim = block;
  body = kernel;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block(block.x * block.y * block.z);
}
