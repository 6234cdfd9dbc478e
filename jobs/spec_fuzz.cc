#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "jobs/job_json.h"
#include "jobs/parameters.h"
#include "jobs/spec.h"

// Whatever the bytes: either errors or jobs, and what is accepted here is
// accepted by the coordinator in the same words.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const remuda::SpecResult result = remuda::ParseSpec(text, "fuzz.yaml");
  CHECK(result.errors.size() <= remuda::kSpecErrorsMax);
  CHECK(result.errors.empty() != result.jobs.empty());
  for (const remuda::Job& job : result.jobs) {
    CHECK_OK(remuda::ParameterTemplate::Parse(job.with));
    // A list that is still in a file has no count yet.
    remuda::Job sent = job;
    if (sent.tasks.kind == remuda::TaskSource::Kind::kList) {
      sent.tasks.list_count = 1;
    }
    sent.tasks.path.clear();
    sent.tasks.inline_items.clear();
    const auto back = remuda::JobFromJson(remuda::JobToJson(sent));
    CHECK_OK(back);
    CHECK(*back == sent);
  }
  return 0;
}
