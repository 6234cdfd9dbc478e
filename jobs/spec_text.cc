#include "jobs/spec_text.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "jobs/json_text.h"

namespace remuda {
namespace {

std::string Hex(const char* format, unsigned int number) {
  char buffer[16];
  std::snprintf(buffer, sizeof(buffer), format, number);
  return buffer;
}

// The offset of the first control character that is not a tab or a line end.
// The text is valid UTF-8, where C1 controls are C2 80 to C2 9F.
size_t FindControl(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n' || byte == '\t') continue;
    if (byte == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (byte < 0x20 || byte == 0x7F) return i;
    if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

SpecText::SpecText(std::string_view text, std::string file)
    : text_(text), file_(std::move(file)) {
  line_begins_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_begins_.push_back(i + 1);
  }
}

std::optional<SpecError> SpecText::CheckBytes(const SpecLimits& limits) const {
  if (text_.size() > limits.bytes_max) {
    return ErrorAtOffset(
        limits.bytes_max,
        "the file has " + std::to_string(text_.size()) +
            " bytes, and a spec may have " + std::to_string(limits.bytes_max) +
            "; put long lists in a file of their own and name it under "
            "'tasks', as in 'lines: urls.txt'");
  }
  const auto signs =
      static_cast<size_t>(std::count_if(text_.begin(), text_.end(), [](char c) {
        return std::string_view("[]{},").find(c) != std::string_view::npos;
      }));
  if (signs > limits.flow_signs_max) {
    return SpecError{file_, 0, 0,
                     "the file has " + std::to_string(signs) +
                         " brackets, braces and commas, and a spec may have " +
                         std::to_string(limits.flow_signs_max) +
                         "; put the data in a file of its own"};
  }
  const size_t valid = ValidUtf8Prefix(text_);
  const size_t control = FindControl(text_.substr(0, valid));
  if (control < valid) {
    const auto byte = static_cast<unsigned char>(text_[control]);
    if (byte == '\r') {
      return ErrorAtOffset(control,
                           "a carriage return without a line feed; end lines "
                           "with a line feed");
    }
    const unsigned int code =
        byte == 0xC2 ? static_cast<unsigned char>(text_[control + 1]) : byte;
    return ErrorAtOffset(control, "the control character " +
                                      Hex("U+%04X", code) +
                                      (code == 0 ? " (NUL)" : "") +
                                      " may not stand in a spec; take it out");
  }
  if (valid < text_.size()) {
    const auto byte = static_cast<unsigned char>(text_[valid]);
    return ErrorAtOffset(valid, "the byte " + Hex("0x%02X", byte) +
                                    " is not UTF-8 text; save the file as "
                                    "UTF-8");
  }
  return std::nullopt;
}

SpecError SpecText::ErrorAt(int line, int byte, std::string message) const {
  return {file_, line + 1, Column(line, byte), std::move(message)};
}

SpecError SpecText::ErrorAtOffset(size_t offset, std::string message) const {
  const auto after =
      std::upper_bound(line_begins_.begin(), line_begins_.end(), offset);
  const auto line = after - line_begins_.begin() - 1;
  const size_t byte = offset - line_begins_[static_cast<size_t>(line)];
  return ErrorAt(static_cast<int>(line), static_cast<int>(byte),
                 std::move(message));
}

std::string_view SpecText::Line(int line) const {
  const auto index = static_cast<size_t>(line);
  if (line < 0 || index >= line_begins_.size()) return {};
  const size_t begin = line_begins_[index];
  const size_t end = index + 1 < line_begins_.size()
                         ? line_begins_[index + 1] - 1
                         : text_.size();
  std::string_view result = text_.substr(begin, end - begin);
  if (result.ends_with('\r')) result.remove_suffix(1);
  return result;
}

size_t SpecText::Offset(int line, int byte) const {
  const auto index = static_cast<size_t>(line);
  if (line < 0 || index >= line_begins_.size()) return text_.size();
  return std::min(line_begins_[index] + static_cast<size_t>(byte),
                  text_.size());
}

int SpecText::Column(int line, int byte) const {
  const std::string_view before =
      Line(line).substr(0, static_cast<size_t>(byte));
  const auto characters = std::count_if(
      before.begin(), before.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return static_cast<int>(characters) + 1;
}

}  // namespace remuda
