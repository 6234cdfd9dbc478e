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
  // Byte by byte into room for the worst: whoever submits one job after the
  // other has this done with a job's whole text for each.
  const size_t begin = text_.size();
  text_.resize(begin + 2 * value.size() + 2);
  char* to = text_.data() + begin;
  *to++ = '"';
  for (const char byte : value) {
    if (byte == '"' || byte == '\\') *to++ = '\\';
    *to++ = byte;
  }
  *to++ = '"';
  text_.resize(static_cast<size_t>(to - text_.data()));
  return *this;
}

void BodyText::Name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += "\":";
}

}  // namespace remuda
