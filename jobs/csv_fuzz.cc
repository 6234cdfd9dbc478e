#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "jobs/csv.h"

namespace {

std::string Quoted(const std::vector<std::string>& fields) {
  std::string row;
  for (const std::string& field : fields) {
    if (!row.empty()) row += ',';
    row += '"';
    for (const char c : field)
      row += c == '"' ? std::string("\"\"") : std::string(1, c);
    row += '"';
  }
  return row + "\r\n";
}

}  // namespace

// Every record that is read comes back from its quoted form, and the line
// numbers rise.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  remuda::CsvReader reader(text);
  int line = 0;
  while (true) {
    const auto record = reader.Next();
    if (!record.ok() || !record->has_value()) return 0;
    CHECK(reader.line() > line);
    line = reader.line();
    const std::vector<std::string>& fields = **record;
    CHECK(!fields.empty() && fields.size() <= remuda::CsvReader::kFieldsMax);
    const std::string quoted = Quoted(fields);
    remuda::CsvReader again(quoted);
    const auto back = again.Next();
    CHECK_OK(back);
    CHECK(*back == fields);
    CHECK(*again.Next() == std::nullopt);
  }
}
