#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "executors/workers/worker_frames.h"
#include "jobs/json_text.h"
#include "workers/protocol/worker_channel.h"

namespace {

void LookAt(const remuda::WorkerMessage& message) {
  if (const auto* found = std::get_if<remuda::WorkerFinding>(&message)) {
    CHECK(found->finding.text.size() <= remuda::kFindingTextMax);
    CHECK(found->finding.duration >= remuda::Duration::zero());
  }
  const auto* results =
      std::get_if<std::vector<remuda::WorkerResult>>(&message);
  if (results == nullptr) return;
  for (const remuda::WorkerResult& result : *results) {
    CHECK(result.first != 0 && result.count != 0);
    CHECK(result.first + (result.count - 1) >= result.first);
    CHECK(result.output.empty() || remuda::IsJson(result.output));
    CHECK(result.wall >= remuda::Duration::zero());
    CHECK(!result.usage.cpu || *result.usage.cpu >= remuda::Duration::zero());
  }
}

}  // namespace

// What a worker, that is a user's code, may write into its channel: cut into
// frames as it comes, in pieces of any length, and each frame read or refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  // Most inputs are no whole frame; so the bytes are tried as one too.
  const auto whole = remuda::ParseWorkerMessage(bytes);
  if (whole.ok()) LookAt(*whole);
  const size_t piece = size_t{data[0]} + 1;
  remuda::WorkerFrameCutter cutter;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    cutter.Add(bytes.substr(at, piece));
    while (const auto frame = cutter.Next()) {
      const auto message = remuda::ParseWorkerMessage(*frame);
      if (message.ok()) LookAt(*message);
    }
  }
  return 0;
}
