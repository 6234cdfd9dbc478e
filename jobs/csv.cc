#include "jobs/csv.h"

#include <utility>

namespace remuda {

absl::StatusOr<std::optional<std::vector<std::string>>> CsvReader::Next() {
  while (!rest_.empty() && AtLineEnd()) SkipLineEnd();
  if (rest_.empty()) return std::nullopt;
  record_line_ = line_;
  std::vector<std::string> fields;
  while (true) {
    absl::StatusOr<std::string> field = TakeField();
    if (!field.ok()) return field.status();
    if (fields.size() == kFieldsMax) {
      return Bad("more than " + std::to_string(kFieldsMax) + " columns");
    }
    fields.push_back(*std::move(field));
    if (rest_.empty()) return fields;
    if (AtLineEnd()) {
      SkipLineEnd();
      return fields;
    }
    rest_.remove_prefix(1);  // the comma
  }
}

absl::StatusOr<std::string> CsvReader::TakeField() {
  if (!rest_.empty() && rest_.front() == '"') return TakeQuoted();
  std::string field;
  while (!rest_.empty() && rest_.front() != ',' && !AtLineEnd()) {
    if (rest_.front() == '"') {
      return Bad(
          "a quote inside a field that does not begin with one; put the "
          "field in quotes and double those inside");
    }
    field += rest_.front();
    rest_.remove_prefix(1);
  }
  return field;
}

absl::StatusOr<std::string> CsvReader::TakeQuoted() {
  const int opened = line_;
  rest_.remove_prefix(1);
  std::string field;
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++line_;
    if (c != '"') {
      field += c;
      continue;
    }
    if (!rest_.empty() && rest_.front() == '"') {
      field += '"';
      rest_.remove_prefix(1);
      continue;
    }
    if (rest_.empty() || rest_.front() == ',' || AtLineEnd()) return field;
    return Bad("text after a closing quote; is a comma missing?");
  }
  line_ = opened;
  return Bad("a quote is opened here and never closed");
}

bool CsvReader::AtLineEnd() const {
  return rest_.front() == '\n' ||
         (rest_.front() == '\r' && rest_.size() > 1 && rest_[1] == '\n');
}

void CsvReader::SkipLineEnd() {
  rest_.remove_prefix(rest_.front() == '\r' ? 2 : 1);
  ++line_;
}

absl::Status CsvReader::Bad(const std::string& what) const {
  return absl::InvalidArgumentError("line " + std::to_string(line_) + ": " +
                                    what);
}

}  // namespace remuda
