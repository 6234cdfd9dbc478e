#include "jobs/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

#include "base/check.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

using Type = YamlScalar::Type;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsOneOf(std::string_view text,
             std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  return count;
}

// [0-9]+, 0o[0-7]+ or 0x[0-9a-fA-F]+ without its sign; base 0 if it is none.
struct Integer {
  int base = 0;
  std::string_view digits;
};

Integer AsInteger(std::string_view text) {
  Integer integer{10, text};
  std::string_view legal = "0123456789";
  if (text.starts_with("0o")) {
    integer = {8, text.substr(2)};
    legal = "01234567";
  } else if (text.starts_with("0x")) {
    integer = {16, text.substr(2)};
    legal = "0123456789abcdefABCDEF";
  }
  if (integer.digits.empty() ||
      integer.digits.find_first_not_of(legal) != std::string_view::npos) {
    return {};
  }
  return integer;
}

YamlScalar ReadInteger(const Integer& integer, bool negative) {
  uint64_t magnitude = 0;
  const char* end = integer.digits.data() + integer.digits.size();
  const auto result =
      std::from_chars(integer.digits.data(), end, magnitude, integer.base);
  const uint64_t limit = negative ? uint64_t{1} << 63 : UINT64_MAX;
  YamlScalar scalar;
  if (result.ec != std::errc() || magnitude > limit) {
    scalar.type = Type::kTooLarge;
    return scalar;
  }
  scalar.type = Type::kInteger;
  scalar.is_large = !negative && magnitude > INT64_MAX;
  scalar.integer =
      static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
  scalar.json = scalar.is_large ? std::to_string(magnitude)
                                : std::to_string(scalar.integer);
  scalar.number = static_cast<double>(magnitude) * (negative ? -1 : 1);
  return scalar;
}

// (\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?, without its sign.
bool IsNumber(std::string_view text) {
  const size_t whole = CountDigits(text);
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t fraction = CountDigits(text);
    if (whole + fraction == 0) return false;
    text.remove_prefix(fraction);
  } else if (whole == 0) {
    return false;
  }
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && CountDigits(text) == text.size();
}

YamlScalar ReadNumber(std::string_view unsigned_text, bool negative) {
  YamlScalar scalar;
  double number = 0;
  const auto result =
      std::from_chars(unsigned_text.data(),
                      unsigned_text.data() + unsigned_text.size(), number);
  if (result.ec != std::errc() || !std::isfinite(number)) {
    scalar.type = Type::kTooLarge;
    return scalar;
  }
  scalar.type = Type::kNumber;
  scalar.number = negative ? -number : number;
  char buffer[40];
  const auto written =
      std::to_chars(buffer, buffer + sizeof(buffer), scalar.number);
  CHECK(written.ec == std::errc());
  scalar.json.assign(buffer, written.ptr);
  // JSON would read 1.0 written as 1 back as an integer.
  if (scalar.json.find_first_of(".e") == std::string::npos) {
    scalar.json += ".0";
  }
  return scalar;
}

YamlScalar Simple(Type type, std::string json) {
  YamlScalar scalar;
  scalar.type = type;
  scalar.json = std::move(json);
  return scalar;
}

}  // namespace

YamlScalar ReadScalar(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kNull) return Simple(Type::kNull, "null");
  const std::string_view text = node.text;
  if (node.quoted) return Simple(Type::kText, JsonString(text));
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) {
    return Simple(Type::kNull, "null");
  }
  if (IsOneOf(text, {"true", "True", "TRUE"})) {
    return Simple(Type::kBool, "true");
  }
  if (IsOneOf(text, {"false", "False", "FALSE"})) {
    return Simple(Type::kBool, "false");
  }
  const bool is_signed = text.starts_with('-') || text.starts_with('+');
  const bool negative = text.starts_with('-');
  const std::string_view magnitude = text.substr(is_signed ? 1 : 0);
  if (IsOneOf(magnitude, {".inf", ".Inf", ".INF"}) ||
      IsOneOf(text, {".nan", ".NaN", ".NAN"})) {
    return Simple(Type::kNotFinite, "");
  }
  const Integer integer = AsInteger(magnitude);
  // Only decimal integers have a sign in the core schema.
  if (integer.base == 10 || (integer.base != 0 && !is_signed)) {
    return ReadInteger(integer, negative);
  }
  if (IsNumber(magnitude)) return ReadNumber(magnitude, negative);
  return Simple(Type::kText, JsonString(text));
}

}  // namespace remuda
