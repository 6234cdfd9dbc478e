#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/spec_error.h"
#include "jobs/states.h"

namespace remuda {

// The file that pins what `executor: auto` has learned, beside the spec.
inline constexpr std::string_view kLockFileName = "remuda.lock.yaml";

// One pinned kind of work.
struct LockEntry {
  std::string type;
  std::string function;  // jobs/verdict/work_name.h; empty: the type has none
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string reason;  // for people
  std::optional<double> gain = std::nullopt;
  std::string since = {};  // for people, a date

  friend bool operator==(const LockEntry&, const LockEntry&) = default;
};

struct LockResult {
  std::vector<LockEntry> entries;  // to be used only if there is no error
  std::vector<SpecError> errors;   // in the order of the text
};

// Reads the text of a lock file; `file` is for errors, which say how to mend
// them. Keys that are not known are errors.
LockResult ParseLock(std::string_view text, const std::string& file);

// The text of a lock file that ParseLock() reads back.
std::string LockText(const std::vector<LockEntry>& entries);

// The entry of that kind of work, or null.
const LockEntry* FindLock(const std::vector<LockEntry>& entries,
                          std::string_view type, std::string_view function);

}  // namespace remuda
