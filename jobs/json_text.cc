#include "jobs/json_text.h"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace remuda {
namespace {

using Json = nlohmann::json;

// Checks without building a tree: the library's parser does not recurse, and
// here nothing nests deeper than the limit.
class DepthChecker : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return ++depth_ <= kJsonDepthMax; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return Leave(); }
  bool start_array(size_t) override { return ++depth_ <= kJsonDepthMax; }
  bool end_array() override { return Leave(); }
  bool parse_error(size_t, const std::string&,
                   const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool Leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

// The number of bytes of the character that `lead` begins; 0 if none does.
size_t Utf8Length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Overlong forms, surrogates and what lies over U+10FFFF all show in the
// second byte.
bool SecondByteFits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second < 0xA0;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second < 0x90;
    default:
      return true;
  }
}

}  // namespace

std::string JsonString(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += '"';
  return out;
}

size_t ValidUtf8Prefix(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const size_t length = Utf8Length(lead);
    if (length == 0 || length > bytes.size() - at) return at;
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[at + i]);
      if ((byte & 0xC0) != 0x80) return at;
      if (i == 1 && !SecondByteFits(lead, byte)) return at;
    }
    at += length;
  }
  return at;
}

bool IsJson(std::string_view text) {
  // The library stops at the one and skips the other. JSON has neither, and
  // what is taken for JSON here is put into other JSON as it stands.
  if (text.find('\0') != std::string_view::npos) return false;
  if (text.starts_with("\xEF\xBB\xBF")) return false;
  DepthChecker checker;
  return Json::sax_parse(text.begin(), text.end(), &checker);
}

absl::StatusOr<std::string> CanonicalJson(const std::string& text) {
  if (!IsJson(text)) {
    return absl::InvalidArgumentError("this is not JSON, or nests too deep");
  }
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::string> JsonMember(const std::string& text,
                                      const std::string& name) {
  if (!IsJson(text)) return std::nullopt;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(name)) return std::nullopt;
  return json[name].dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remuda
