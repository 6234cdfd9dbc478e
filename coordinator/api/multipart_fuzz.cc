// Bodies and targets of requests as hostile clients write them.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "coordinator/api/multipart.h"
#include "coordinator/api/routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto boundary =
      remuda::MultipartBoundary(bytes.substr(0, bytes.find('\n')));
  const auto parts = remuda::ParseMultipart(bytes, boundary.value_or("xx"));
  if (parts.ok()) {
    size_t total = 0;
    for (const auto& [name, text] : *parts) {
      CHECK(!name.empty());
      total += text.size();
    }
    CHECK(total < size && parts->size() <= remuda::kPartsMax);
  }
  const auto found = remuda::FindRoute("GET", bytes);
  if (const auto* match = std::get_if<remuda::RouteMatch>(&found)) {
    (void)remuda::RequestOf(*match);
  }
  return 0;
}
