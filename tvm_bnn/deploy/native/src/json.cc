#include "json.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "failure.h"

namespace tvm_bnn {

namespace {

// Deeper than any manifest, and far from the end of the stack.
constexpr int kDeepest = 32;
constexpr double kMostExact = 9007199254740992.0;  // 2^53

Failure Wrong(const std::string& place, const char* expected) {
  return BadInput("manifest.json: " + place + ": expected " + expected + ", got something else");
}

}  // namespace

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : text_(text) {}

  Json Whole() {
    Json value = Value(0);
    SkipSpace();
    if (next_ != text_.size()) Fail();
    return value;
  }

 private:
  [[noreturn]] void Fail() const {
    throw BadInput("manifest.json: expected JSON, got something else at byte " + std::to_string(next_));
  }

  Json Value(int depth) {
    if (depth > kDeepest) Fail();
    SkipSpace();
    Json value;
    switch (Peek()) {
      case '{':
        value.kind_ = Json::Kind::kObject;
        Members(&value, depth);
        break;
      case '[':
        value.kind_ = Json::Kind::kList;
        Elements(&value, depth);
        break;
      case '"':
        value.kind_ = Json::Kind::kText;
        value.text_ = Text();
        break;
      case 't':
      case 'f':
        value.kind_ = Json::Kind::kBool;
        value.bool_ = Peek() == 't';
        Word(value.bool_ ? "true" : "false");
        break;
      case 'n':
        Word("null");
        break;
      default:
        value.kind_ = Json::Kind::kNumber;
        value.number_ = Number();
    }
    return value;
  }

  void Members(Json* object, int depth) {
    Take('{');
    if (TakenIf('}')) return;
    do {
      SkipSpace();
      std::string key = Text();
      SkipSpace();
      Take(':');
      object->object_.emplace_back(std::move(key), Value(depth + 1));
    } while (TakenIf(','));
    Take('}');
  }

  void Elements(Json* list, int depth) {
    Take('[');
    if (TakenIf(']')) return;
    do {
      list->list_.push_back(Value(depth + 1));
    } while (TakenIf(','));
    Take(']');
  }

  std::string Text() {
    Take('"');
    std::string text;
    while (Peek() != '"') {
      const char letter = text_[next_++];
      if (static_cast<unsigned char>(letter) < 0x20) Fail();
      if (letter == '\\') {
        Escape(&text);
      } else {
        text += letter;
      }
    }
    Take('"');
    return text;
  }

  void Escape(std::string* text) {
    static const char kLetters[] = "\"\\/bfnrt";
    static const char kMeanings[] = "\"\\/\b\f\n\r\t";
    const char letter = Peek();
    ++next_;
    if (letter == 'u') {
      Append(text, CodePoint());
      return;
    }
    const char* found = std::strchr(kLetters, letter);
    if (found == nullptr) Fail();
    *text += kMeanings[found - kLetters];
  }

  uint32_t CodePoint() {
    const uint32_t first = Hexadecimal();
    if (first < 0xD800 || first > 0xDFFF) return first;
    // A pair of surrogates is one character beyond the first 2^16.
    if (first > 0xDBFF) Fail();
    Take('\\');
    Take('u');
    const uint32_t second = Hexadecimal();
    if (second < 0xDC00 || second > 0xDFFF) Fail();
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }

  uint32_t Hexadecimal() {
    uint32_t value = 0;
    for (int digit = 0; digit < 4; ++digit, ++next_) {
      const char letter = Peek();
      const char* digits = "0123456789abcdef";
      const char* found = std::strchr(digits, letter >= 'A' && letter <= 'F' ? letter + 32 : letter);
      if (found == nullptr) Fail();
      value = value * 16 + static_cast<uint32_t>(found - digits);
    }
    return value;
  }

  static void Append(std::string* text, uint32_t code) {
    if (code < 0x80) {
      *text += static_cast<char>(code);
      return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const uint32_t lead = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
    *text += static_cast<char>(lead | code >> (6 * more));
    for (int part = more - 1; part >= 0; --part) *text += static_cast<char>(0x80 | ((code >> (6 * part)) & 0x3F));
  }

  double Number() {
    const size_t length = std::strspn(text_.c_str() + next_, "+-.eE0123456789");
    const std::string digits = text_.substr(next_, length);
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    if (digits.empty() || *end != '\0') Fail();
    next_ += length;
    return value;
  }

  void Word(const char* word) {
    for (; *word != '\0'; ++word) Take(*word);
  }

  // Zero bytes are in no JSON, so zero stands for the end.
  char Peek() const { return next_ < text_.size() ? text_[next_] : '\0'; }

  void Take(char letter) {
    if (Peek() != letter || letter == '\0') Fail();
    ++next_;
  }

  bool TakenIf(char letter) {
    SkipSpace();
    const bool there = Peek() == letter;
    next_ += there;
    return there;
  }

  void SkipSpace() {
    while (next_ < text_.size() && std::strchr(" \t\r\n", text_[next_]) != nullptr) ++next_;
  }

  const std::string& text_;
  size_t next_ = 0;
};

Json Json::Parse(const std::string& text) {
  if (text.find('\0') != std::string::npos) throw BadInput("manifest.json: expected JSON, got a zero byte");
  return JsonReader(text).Whole();
}

const Json& Json::At(const std::string& place, const std::string& key) const {
  for (const auto& [name, value] : Object(place)) {
    if (name == key) return value;
  }
  throw BadInput("manifest.json: expected " + (place.empty() ? key : place + "." + key) + ", got none");
}

const std::string& Json::Text(const std::string& place) const {
  if (kind_ != Kind::kText) throw Wrong(place, "a text");
  return text_;
}

int64_t Json::Integer(const std::string& place) const {
  if (kind_ != Kind::kNumber || number_ != std::floor(number_) || std::fabs(number_) > kMostExact) {
    throw Wrong(place, "a whole number");
  }
  return static_cast<int64_t>(number_);
}

bool Json::Bool(const std::string& place) const {
  if (kind_ != Kind::kBool) throw Wrong(place, "true or false");
  return bool_;
}

const std::vector<Json>& Json::List(const std::string& place) const {
  if (kind_ != Kind::kList) throw Wrong(place, "a list");
  return list_;
}

const std::vector<std::pair<std::string, Json>>& Json::Object(const std::string& place) const {
  if (kind_ != Kind::kObject) throw Wrong(place.empty() ? "the whole" : place, "an object");
  return object_;
}

}  // namespace tvm_bnn
