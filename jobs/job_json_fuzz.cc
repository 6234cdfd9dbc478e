#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "jobs/job_json.h"
#include "jobs/json_text.h"

// What a client sends as a job: refused, or one with a single spelling.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string json(reinterpret_cast<const char*>(data), size);
  const auto job = remuda::JobFromJson(json);
  if (!job.ok()) return 0;
  const std::string canonical = remuda::JobToJson(*job);
  CHECK(remuda::IsJson(canonical));
  const auto back = remuda::JobFromJson(canonical);
  CHECK_OK(back);
  CHECK(*back == *job);
  CHECK(remuda::JobToJson(*back) == canonical);
  return 0;
}
