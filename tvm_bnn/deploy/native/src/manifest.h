// The manifest of a bundle, and the checks that come before any of its code is loaded.
#ifndef TVM_BNN_MANIFEST_H
#define TVM_BNN_MANIFEST_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tvm_bnn {

struct Contract {
  std::vector<int64_t> shape;
  std::string dtype;
  std::string layout;
};

struct Class {
  std::string name;
  uint8_t color[3];
};

struct File {
  std::string sha256;
  int64_t size;
};

struct Manifest {
  std::string folder;
  std::string name, width, target, architecture;
  std::vector<std::string> requires_features;
  std::vector<std::string> libraries;
  std::map<std::string, std::string> versions;
  std::map<std::string, File> files;
  std::vector<Class> classes;
  Contract input, output;
  int threads;
  bool trained;
  std::string gpu;  // empty where the kernels are for a CPU
  bool amx_tiles;

  // Whether the bundle has TVM's runtime libraries itself.
  bool BringsRuntime() const;
};

// The manifest of the bundle in a folder. Throws Failure: not a bundle, another version, or a wrong field.
Manifest ReadManifest(const std::string& folder);

// The manifest of a network that is a part of this program. Throws Failure likewise.
Manifest ParseManifest(const std::string& text);

// Compare every file with its checksum. Throws Failure.
void VerifyFiles(const Manifest& manifest);

// See that this machine can run the bundle. Throws Failure.
void CheckHost(const Manifest& manifest);

}  // namespace tvm_bnn

#endif
