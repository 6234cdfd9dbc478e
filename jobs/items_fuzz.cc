#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "jobs/items.h"
#include "jobs/json_text.h"
#include "jobs/parameters.h"

namespace {

// Whatever a template makes of an item is JSON again, of a bounded size.
void Render(const std::string& with, const std::string& item) {
  const auto parsed = remuda::ParameterTemplate::Parse(with);
  if (!parsed.ok()) return;
  const auto rendered = parsed->Render(item, 7);
  if (!rendered.ok()) return;
  CHECK(rendered->size() <= remuda::ParameterTemplate::kRenderedBytesMax);
  CHECK(remuda::IsJson(*rendered));
  if (parsed->is_constant()) CHECK(*parsed->Render("null", 0) == *rendered);
}

}  // namespace

// The input is what a client uploads as a job's items, one a line; the first
// line is tried as a template for the others too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto chunks = remuda::ItemList::SplitIntoChunks(bytes);
  if (!chunks.ok()) return 0;
  std::string together;
  std::string first;
  for (const std::string& chunk : *chunks) {
    together += chunk;
    for (const std::string_view item :
         remuda::ItemsOfChunk(chunk, 0, remuda::kTasksPerChunk)) {
      CHECK(remuda::IsJson(item));
      CHECK(item.size() <= remuda::ItemList::kItemBytesMax);
      if (first.empty()) first = item;
      Render(first, std::string(item));
    }
  }
  CHECK(together == bytes);
  return 0;
}
