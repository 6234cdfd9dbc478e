#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/spec_error.h"

namespace remuda {

// The text of a spec by lines, to find positions in it and to quote it.
//
// Lifetime: the text outlives this.
class SpecText {
 public:
  SpecText(std::string_view text, std::string file);

  const std::string& file() const { return file_; }
  std::string_view text() const { return text_; }

  // What is wrong with the bytes: too many, not UTF-8, control characters
  // other than tab and line end. The first such thing only.
  std::optional<SpecError> CheckBytes(const SpecLimits& limits) const;

  // An error at a line and a byte of that line, both from 0.
  SpecError ErrorAt(int line, int byte, std::string message) const;

  // A line from 0, without its end; empty past the last one.
  std::string_view Line(int line) const;

  // The offset of a line and byte of it, both from 0; at most the size.
  size_t Offset(int line, int byte) const;

  // The column, from 1 and in characters, of a byte of a line.
  int Column(int line, int byte) const;

 private:
  SpecError ErrorAtOffset(size_t offset, std::string message) const;

  const std::string_view text_;
  const std::string file_;
  std::vector<size_t> line_begins_;
};

}  // namespace remuda
