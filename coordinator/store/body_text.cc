#include "coordinator/store/body_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace remuda {
namespace {

bool IsPrintable(char byte) { return byte >= ' ' && byte <= '~'; }

}  // namespace

BodyText& BodyText::Text(std::string_view name, std::string_view value) {
  Name(name);
  // Nearly all text is plain; what is not is the library's business.
  if (!std::all_of(value.begin(), value.end(), IsPrintable)) {
    text_ += nlohmann::json(value).dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    return *this;
  }
  text_.reserve(text_.size() + value.size() + value.size() / 8 + 2);
  text_ += '"';
  while (!value.empty()) {
    const size_t plain = std::min(value.find_first_of("\"\\"), value.size());
    text_ += value.substr(0, plain);
    if (plain == value.size()) break;
    text_ += '\\';
    text_ += value[plain];
    value.remove_prefix(plain + 1);
  }
  text_ += '"';
  return *this;
}

void BodyText::Name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += "\":";
}

}  // namespace remuda
