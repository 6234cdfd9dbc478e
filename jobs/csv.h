#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace remuda {

// Reads CSV by RFC 4180, record after record: commas, CRLF or LF, fields in
// double quotes with "" for a quote. Blank lines are skipped. How many fields
// a record should have is for the caller to say.
//
// Lifetime: the text outlives the reader.
class CsvReader {
 public:
  static constexpr size_t kFieldsMax = 1000;

  explicit CsvReader(std::string_view text) : rest_(text) {}

  // The fields of the next record; nothing at the end of the text.
  // Errors: InvalidArgument for a quote in the wrong place, one that is never
  //         closed, or more than kFieldsMax fields; with the line number.
  absl::StatusOr<std::optional<std::vector<std::string>>> Next();

  // The line, from 1, on which the last record began.
  int line() const { return record_line_; }

 private:
  // One field, taken off `rest_`.
  absl::StatusOr<std::string> TakeField();
  absl::StatusOr<std::string> TakeQuoted();
  bool AtLineEnd() const;
  void SkipLineEnd();
  absl::Status Bad(const std::string& what) const;

  std::string_view rest_;
  int line_ = 1;
  int record_line_ = 1;
};

}  // namespace remuda
