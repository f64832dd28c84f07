#include "manifest.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "failure.h"
#include "host.h"
#include "json.h"
#include "sha256.h"

namespace tvm_bnn {

namespace {

constexpr char kFormat[] = "tvm-bnn bundle";
constexpr int64_t kSchemaVersion = 3;
constexpr char kLibrary[] = "model.so";
constexpr int64_t kMostThreads = 1024;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw BadInput("expected a bundle, got no readable " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Texts(const Json& root, const std::string& key) {
  std::vector<std::string> texts;
  for (const Json& one : root.At("", key).List(key)) texts.push_back(one.Text(key));
  return texts;
}

Contract ReadContract(const Json& root, const std::string& key) {
  const Json& entry = root.At("", key);
  Contract contract;
  for (const Json& extent : entry.At(key, "shape").List(key + ".shape")) {
    contract.shape.push_back(extent.Integer(key + ".shape"));
    if (contract.shape.back() < 1) throw BadInput("manifest.json: " + key + ".shape: expected 1 or more");
  }
  if (contract.shape.empty()) throw BadInput("manifest.json: " + key + ".shape: expected extents, got none");
  contract.dtype = entry.At(key, "dtype").Text(key + ".dtype");
  contract.layout = entry.At(key, "layout").Text(key + ".layout");
  return contract;
}

std::vector<Class> ReadClasses(const Json& root) {
  std::vector<Class> classes;
  for (const Json& entry : root.At("", "classes").List("classes")) {
    const std::vector<Json>& color = entry.At("classes", "color").List("classes.color");
    if (color.size() != 3) throw BadInput("manifest.json: classes.color: expected red, green and blue");
    Class one{entry.At("classes", "name").Text("classes.name"), {}};
    for (int i = 0; i < 3; ++i) one.color[i] = static_cast<uint8_t>(color[i].Integer("classes.color"));
    classes.push_back(std::move(one));
  }
  return classes;
}

// Names lead nowhere but into the bundle.
void CheckName(const std::string& name) {
  if (name.empty() || name.front() == '/' || ("/" + name).find("/.") != std::string::npos) {
    throw BadInput("manifest.json: files: expected names inside the bundle, got '" + name + "'");
  }
}

std::map<std::string, File> ReadFiles(const Json& root) {
  std::map<std::string, File> files;
  for (const auto& [name, entry] : root.At("", "files").Object("files")) {
    CheckName(name);
    const std::string place = "files." + name;
    files[name] = {entry.At(place, "sha256").Text(place), entry.At(place, "size").Integer(place)};
  }
  if (files.count(kLibrary) == 0) throw BadInput(std::string("manifest.json: files: expected ") + kLibrary);
  return files;
}

void CheckVersion(const std::string& what, const Json& root) {
  const int64_t version = root.At("", "schema_version").Integer("schema_version");
  if (version == kSchemaVersion) return;
  throw BadInput(what + ": expected schema version " + std::to_string(kSchemaVersion) + ", got " +
                 std::to_string(version) + (version > kSchemaVersion ? ": it is of a newer tvm-bnn" : ": compile it again"));
}

// `what` names it in errors.
Manifest Read(const std::string& what, const std::string& text) {
  const Json root = Json::Parse(text);
  if (root.At("", "format").Text("format") != kFormat) throw BadInput(what + ": expected the manifest of a bundle, got something else");
  CheckVersion(what, root);
  Manifest manifest;
  manifest.name = root.At("", "name").Text("name");
  manifest.width = root.At("", "width").Text("width");
  manifest.target = root.At("", "target").Text("target");
  manifest.architecture = root.At("", "architecture").Text("architecture");
  manifest.requires_features = Texts(root, "requires");
  manifest.libraries = Texts(root, "libraries");
  for (const std::string& name : manifest.libraries) CheckName(name);
  for (const auto& [name, version] : root.At("", "versions").Object("versions")) {
    manifest.versions[name] = version.Text("versions");
  }
  manifest.files = ReadFiles(root);
  manifest.classes = ReadClasses(root);
  manifest.input = ReadContract(root, "input");
  manifest.output = ReadContract(root, "output");
  manifest.threads = static_cast<int>(std::clamp<int64_t>(root.At("", "threads").Integer("threads"), 1, kMostThreads));
  manifest.trained = root.At("", "trained").Bool("trained");
  const Json& gpu = root.At("", "gpu");
  if (!gpu.IsNull()) manifest.gpu = gpu.Text("gpu");
  manifest.amx_tiles = root.At("", "amx_tiles").Bool("amx_tiles");
  return manifest;
}

void VerifyFile(const std::string& folder, const std::string& name, const File& expected) {
  std::ifstream file(folder + "/" + name, std::ios::binary);
  if (!file) throw BadInput("bundle '" + folder + "': cannot read " + name + ": copy it again whole");
  Sha256 sum;
  int64_t size = 0;
  std::vector<char> part(1 << 16);
  while (file.read(part.data(), static_cast<std::streamsize>(part.size())) || file.gcount() > 0) {
    sum.Add(reinterpret_cast<const uint8_t*>(part.data()), static_cast<size_t>(file.gcount()));
    size += file.gcount();
  }
  const std::string found = sum.Finish();
  if (size == expected.size && found == expected.sha256) return;
  throw BadInput("bundle '" + folder + "': " + name + ": expected " + std::to_string(expected.size) +
                 " bytes with SHA-256 " + expected.sha256.substr(0, 12) + ", got " + std::to_string(size) + " with " +
                 found.substr(0, 12) + ": it is damaged or was changed");
}

}  // namespace

bool Manifest::BringsRuntime() const {
  return std::all_of(libraries.begin(), libraries.end(),
                     [this](const std::string& name) { return files.count("runtime/" + name) > 0; });
}

Manifest ReadManifest(const std::string& folder) {
  struct stat status;
  if (stat(folder.c_str(), &status) != 0) throw BadInput("expected a bundle, got no folder at '" + folder + "'");
  Manifest manifest = Read("bundle '" + folder + "'", Contents(folder + "/manifest.json"));
  manifest.folder = folder;
  return manifest;
}

Manifest ParseManifest(const std::string& text) { return Read("linked network", text); }

void VerifyFiles(const Manifest& manifest) {
  for (const auto& [name, expected] : manifest.files) VerifyFile(manifest.folder, name, expected);
}

void CheckHost(const Manifest& manifest) {
  if (!manifest.gpu.empty()) {
    throw Unsupported("target " + manifest.target + ": expected kernels for a CPU, got some for an NVIDIA GPU (" +
                      manifest.gpu + ")");
  }
  if (manifest.architecture != HostArchitecture()) {
    throw Unsupported("target " + manifest.target + ": expected an " + manifest.architecture + " CPU, got " +
                      HostArchitecture());
  }
  const std::set<std::string> present = HostFeatures();
  std::string missing;
  for (const std::string& name : manifest.requires_features) {
    if (present.count(name) == 0) missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) {
    throw Unsupported("target " + manifest.target + ": expected a CPU with " + missing + ", got one without");
  }
  if (manifest.amx_tiles && !RequestTiles()) {
    throw Unsupported("expected permission to use AMX tiles, got a refusal from this kernel or CPU");
  }
}

}  // namespace tvm_bnn
