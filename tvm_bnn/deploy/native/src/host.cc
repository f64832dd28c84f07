#include "host.h"

#include <fstream>
#include <sstream>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tvm_bnn {

std::string HostArchitecture() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "unknown";
#endif
}

#if defined(__aarch64__)

std::set<std::string> HostFeatures() {
  // Bits of AT_HWCAP from the lowest, as Linux spells them (arch/arm64/include/uapi/asm/hwcap.h).
  static const char* const kNames[] = {"fp",       "asimd",   "evtstrm", "aes",   "pmull",  "sha1",    "sha2", "crc32",
                                       "atomics",  "fphp",    "asimdhp", "cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc",
                                       "dcpop",    "sha3",    "sm3",     "sm4",   "asimddp", "sha512", "sve",  "asimdfhm"};
  const unsigned long bits = getauxval(AT_HWCAP);
  std::set<std::string> features;
  int place = 0;
  for (const char* name : kNames) {
    if (bits >> place++ & 1) features.insert(name);
  }
  return features;
}

#else

std::set<std::string> HostFeatures() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> features;
    for (std::string word; words >> word;) features.insert(word);
    return features;
  }
  return {};
}

#endif

bool RequestTiles() {
#if defined(__x86_64__)
  // Documentation/arch/x86/xstate.rst of Linux.
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace tvm_bnn
