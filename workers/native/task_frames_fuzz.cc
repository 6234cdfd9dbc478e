#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "workers/native/task_frames.h"

// What the native worker reads from its pool: refused, or tasks whose
// parameters are JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto message = remuda::ParsePoolMessage(body);
  if (!message.ok()) return 0;
  const auto* batch = std::get_if<remuda::TaskBatch>(&*message);
  if (batch == nullptr) return 0;
  CHECK(batch->work != nullptr);
  CHECK(!batch->parameters.empty());
  return 0;
}
