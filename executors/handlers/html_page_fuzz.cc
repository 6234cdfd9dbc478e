#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "executors/handlers/charset.h"
#include "executors/handlers/html_page.h"

// Any bytes are a page: it is read or given up, and what comes out is UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string page = remuda::PageToUtf8(bytes, "text/html");
  const auto read = remuda::ParseHtml(page, "http://host.test/a/b?c");
  if (!read.ok()) return 0;
  CHECK(read->links.size() <= 100);
  CHECK(!read->title.has_value() || remuda::IsUtf8(*read->title));
  for (const std::string& link : read->links) {
    CHECK(link.starts_with("http://") || link.starts_with("https://"));
    CHECK(link.find('#') == std::string::npos);
  }
  return 0;
}
