#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace remuda {

// JSON inside JSON: items and parameters travel as JSON text. These functions
// keep the JSON library out of the files that only pass such text on.

// Arrays and objects nest at most this deep in any JSON that is read.
inline constexpr int kJsonDepthMax = 64;

// `text`, which must be valid UTF-8, as a JSON string with its quotes.
std::string JsonString(std::string_view text);

// The length of the longest prefix of `bytes` that is valid UTF-8: no
// overlong forms, no surrogates, nothing cut off.
size_t ValidUtf8Prefix(std::string_view bytes);

// True if `text` is exactly one JSON value within kJsonDepthMax.
bool IsJson(std::string_view text);

// The one spelling of a JSON value: members sorted, no spaces. Two texts of
// the same value give the same result.
// Errors: InvalidArgument if `text` is not IsJson().
absl::StatusOr<std::string> CanonicalJson(const std::string& text);

// The member of the JSON object `text`, as JSON text. None if there is no such
// member, or if this is no object.
std::optional<std::string> JsonMember(const std::string& text,
                                      const std::string& name);

}  // namespace remuda
