#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "jobs/ids.h"

namespace remuda {

// Something about a job's code that its author should know, with all its
// sightings (docs/WORKER_PROTOCOL.md lists the codes). Changes no outcome.
struct JobFinding {
  static constexpr size_t kCodeBytesMax = 32;
  static constexpr size_t kTextBytesMax = 512;
  static constexpr size_t kFunctionBytesMax = 128;
  static constexpr size_t kFileBytesMax = 256;

  std::string code;      // [a-z_]+
  std::string text;      // one sentence: what is wrong, what to do
  std::string function;  // empty: unknown, as the file
  std::string file;
  uint64_t line = 0;                    // 0: unknown
  std::optional<TaskIndex> task;        // in which it was seen first
  uint64_t count = 1;                   // sightings; one that goes on is one
  Duration longest = Duration::zero();  // 0: does not last

  friend bool operator==(const JobFinding&, const JobFinding&) = default;
};

// The different findings that are kept of a job; the first ones stay.
inline constexpr size_t kJobFindingsMax = 32;

// The same place in the code, found for the same reason.
bool IsSame(const JobFinding& a, const JobFinding& b);

// Adds further sightings of the same.
void Merge(const JobFinding& more, JobFinding& known);

// Within the limits above: texts lose their ends, a file's path its beginning.
// A code that is none becomes "other".
JobFinding Clipped(JobFinding finding);
bool IsWithinLimits(const JobFinding& finding);

// For people: "time.sleep blocks ... (work, /a/b.py:12), seen 3 times, 2.0 s
// at most".
std::string ToText(const JobFinding& finding);

}  // namespace remuda
