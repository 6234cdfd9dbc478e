#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/outcome.h"
#include "wire/bucket_counts.h"

namespace remuda {

// What is kept of one attempt beside its end: written by the agent, stored as
// it came, read when somebody asks for results.
struct AttemptRecord {
  TaskIndex task = 0;
  Fence fence;
  Ending ending = Ending::kSucceeded;
  int32_t exit_code = 0;
  WallTime ended_at{};
  Duration wall = Duration::zero();
  std::string output;  // JSON text; empty means null
  std::string error;
  Usage usage;

  friend bool operator==(const AttemptRecord&, const AttemptRecord&) = default;
};

// The most records of one encoding, since equal ones cost no bytes: room for
// several attempts of each task of a chunk.
inline constexpr size_t kAttemptRecordsMax = 4 * kTasksPerChunk;

// Columns, not rows: neighbours that differ little cost a few bytes each.
// Records are given and returned by rising task index; a task may occur again
// right after itself. More than kAttemptRecordsMax is a programmer error.
std::string EncodeAttemptRecords(std::span<const AttemptRecord> records);

// Errors: InvalidArgument for bytes that are not such an encoding.
absl::StatusOr<std::vector<AttemptRecord>> DecodeAttemptRecords(
    const std::string& bytes);

// What one attempt used: a record without its texts.
struct AttemptUse {
  TaskIndex task = 0;
  Fence fence;
  Ending ending = Ending::kSucceeded;
  WallTime ended_at{};
  Duration wall = Duration::zero();
  Usage usage;
};

// Calls `visit` for each record in order; a fraction of the cost of decoding
// them. Errors: InvalidArgument for bytes that are not such an encoding; then
// nothing was visited.
absl::Status VisitAttemptUses(
    const std::string& bytes,
    const std::function<void(const AttemptUse&)>& visit);

// Adds what each of `count` attempts took, without reading the rest. False,
// and adds nothing, if the bytes are not of that many.
bool ObserveWalls(const std::string& bytes, uint64_t count,
                  BucketCounts& counts);

}  // namespace remuda
