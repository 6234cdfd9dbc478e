#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace remuda {

// Appends the decimal digits.
template <std::integral Number>
void AppendInt(std::string& text, Number value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  text.append(digits, end.ptr);
}

// Writes one JSON object member by member, as the body of an event. Every job
// costs several, so the text grows in place and no tree is built. Members come
// out in the order of writing; their names are ours and need no escapes.
//
// Thread: confined to its owner.
class BodyText {
 public:
  // Bytes that are no UTF-8 are replaced.
  BodyText& Text(std::string_view name, std::string_view value);

  template <std::integral Number>
  BodyText& Int(std::string_view name, Number value) {
    Name(name);
    AppendInt(text_, value);
    return *this;
  }

  BodyText& Bool(std::string_view name, bool value) {
    return Json(name, value ? "true" : "false");
  }

  // `json` is one JSON value and stands as it is.
  BodyText& Json(std::string_view name, std::string_view json) {
    Name(name);
    text_ += json;
    return *this;
  }

  // Nothing may be written afterwards.
  std::string Take() {
    text_ += '}';
    return std::move(text_);
  }

 private:
  void Name(std::string_view name);

  std::string text_ = "{";
};

}  // namespace remuda
