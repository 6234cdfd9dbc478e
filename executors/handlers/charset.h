#pragma once

#include <string>

namespace remuda {

// The page as UTF-8, by the charset that its first bytes, the Content-Type
// header or a <meta> in its first 1,024 bytes name, in this order; UTF-8 if
// none does or it is not known. What cannot be converted becomes U+FFFD.
std::string PageToUtf8(std::string page, const std::string& content_type);

// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string RepairUtf8(std::string text);

bool IsUtf8(const std::string& text);

}  // namespace remuda
