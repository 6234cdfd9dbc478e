#include "coordinator/api/multipart.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace remuda {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// The value of `name` in "type; a=b; name=\"value\"".
std::optional<std::string> Parameter(std::string_view text,
                                     std::string_view name) {
  size_t at = text.find(';');
  while (at != std::string_view::npos && at + 1 < text.size()) {
    text = Trimmed(text.substr(at + 1));
    const size_t equals = text.find_first_of("=;");
    if (equals == std::string_view::npos) return std::nullopt;
    if (text[equals] == ';') {
      at = equals;
      continue;
    }
    const std::string key = Lower(Trimmed(text.substr(0, equals)));
    text = Trimmed(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      size_t i = 1;
      for (; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        value += text[i];
      }
      if (i >= text.size()) return std::nullopt;
      text.remove_prefix(i + 1);
    } else {
      const size_t end = std::min(text.find(';'), text.size());
      value = std::string(Trimmed(text.substr(0, end)));
      text.remove_prefix(end);
    }
    if (key == name) return value;
    at = text.find(';');
  }
  return std::nullopt;
}

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError("the multipart body " + what);
}

// The name that the headers of a part give it.
absl::StatusOr<std::string> NameOf(std::string_view headers) {
  while (!headers.empty()) {
    const size_t end = std::min(headers.find("\r\n"), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + 2, headers.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Wrong("has a broken header");
    if (Lower(Trimmed(line.substr(0, colon))) != "content-disposition") {
      continue;
    }
    const std::string_view value = Trimmed(line.substr(colon + 1));
    const std::optional<std::string> name = Parameter(value, "name");
    if (!Lower(value).starts_with("form-data") || !name || name->empty()) {
      break;
    }
    return *name;
  }
  return Wrong("has a part without a name");
}

}  // namespace

std::optional<std::string> MultipartBoundary(std::string_view content_type) {
  const std::string_view type =
      Trimmed(content_type.substr(0, content_type.find(';')));
  if (Lower(type) != "multipart/form-data") return std::nullopt;
  return Parameter(content_type, "boundary").value_or("");
}

absl::StatusOr<std::map<std::string, std::string>> ParseMultipart(
    std::string_view body, const std::string& boundary) {
  if (boundary.empty() || boundary.size() > 70) {
    return Wrong("has no boundary of 1 to 70 characters");
  }
  const std::string first = "--" + boundary;
  const std::string next = "\r\n--" + boundary;
  if (!body.starts_with(first)) return Wrong("does not begin with a boundary");
  body.remove_prefix(first.size());
  std::map<std::string, std::string> parts;
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return Wrong("has a broken boundary");
    // The line's end may also be the one of headers that are not there.
    const size_t headers_end = body.find("\r\n\r\n");
    if (headers_end == std::string_view::npos ||
        headers_end > kPartHeaderBytesMax) {
      return Wrong("has a part whose headers do not end");
    }
    const absl::StatusOr<std::string> name =
        NameOf(headers_end == 0 ? "" : body.substr(2, headers_end - 2));
    if (!name.ok()) return name.status();
    body.remove_prefix(headers_end + 4);
    // An empty part ends with the line that its headers ended with.
    const size_t end = body.starts_with(first) ? 0 : body.find(next);
    if (end == std::string_view::npos) return Wrong("does not end");
    const std::string_view content = body.substr(0, end);
    if (parts.size() == kPartsMax) {
      return Wrong("has more than " + std::to_string(kPartsMax) + " parts");
    }
    if (!parts.emplace(*name, content).second) {
      return Wrong("has two parts named '" + *name + "'");
    }
    body.remove_prefix(end == 0 && body.starts_with(first) ? first.size()
                                                           : end + next.size());
  }
  return parts;
}

}  // namespace remuda
