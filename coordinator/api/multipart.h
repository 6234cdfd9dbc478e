#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace remuda {

// The parts of a multipart/form-data body (RFC 7578) by their names: what
// `curl -F name=@file` sends. Parts are text or bytes; their own types and
// file names do not count.
inline constexpr size_t kPartsMax = 128;
inline constexpr size_t kPartHeaderBytesMax = 4u << 10;

// The boundary of such a Content-Type; nothing for any other type.
std::optional<std::string> MultipartBoundary(std::string_view content_type);

// Errors: InvalidArgument says what is wrong with the body.
absl::StatusOr<std::map<std::string, std::string>> ParseMultipart(
    std::string_view body, const std::string& boundary);

}  // namespace remuda
