// A reader of JSON (RFC 8259), for manifests.
#ifndef TVM_BNN_JSON_H
#define TVM_BNN_JSON_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tvm_bnn {

class Json {
 public:
  enum class Kind { kNull, kBool, kNumber, kText, kList, kObject };

  // Throws Failure where the text is not JSON.
  static Json Parse(const std::string& text);

  // The parts of a value. Each throws Failure, naming `place`, where the value is of another kind.
  const Json& At(const std::string& place, const std::string& key) const;
  const std::string& Text(const std::string& place) const;
  int64_t Integer(const std::string& place) const;
  bool Bool(const std::string& place) const;
  bool IsNull() const { return kind_ == Kind::kNull; }
  const std::vector<Json>& List(const std::string& place) const;
  const std::vector<std::pair<std::string, Json>>& Object(const std::string& place) const;

 private:
  friend class JsonReader;

  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  double number_ = 0;
  std::string text_;
  std::vector<Json> list_;
  std::vector<std::pair<std::string, Json>> object_;
};

}  // namespace tvm_bnn

#endif
