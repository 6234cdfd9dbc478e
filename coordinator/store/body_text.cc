#include "coordinator/store/body_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_string.h"

namespace remuda {
namespace {

bool IsPrintable(char byte) { return byte >= ' ' && byte <= '~'; }

}  // namespace

BodyText& BodyText::Text(std::string_view name, std::string_view value) {
  Name(name);
  // Nearly all text is plain; what may be no UTF-8 is the library's business.
  if (!std::all_of(value.begin(), value.end(), IsPrintable)) {
    text_ += nlohmann::json(value).dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    return *this;
  }
  AppendJsonString(text_, value);
  return *this;
}

void BodyText::Name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += "\":";
}

}  // namespace remuda
