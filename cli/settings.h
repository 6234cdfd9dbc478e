#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/states.h"
#include "wire/key_files.h"

namespace remuda {

// Option values of the serving commands. Errors are InvalidArgument and name
// the option, what was given and what would do.

// "zone=a,disk=ssd"; keys and values of letters, digits, '.', '_', '-', '/'.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::string& text);

// "process-pool=4,async=10000"; executors that are not named keep their
// defaults: async 10,000, thread-pool 64, process-pool one a core. 0 turns an
// executor off.
absl::StatusOr<std::map<ExecutorKind, uint64_t>> ParseSlots(
    const std::string& text, uint64_t cores);

// A time longer than zero as specs write it: "1500ms", "30s", "1h30m".
absl::StatusOr<Duration> ParseSetting(const std::string& option,
                                      const std::string& text);

// The key file of that name; none for an empty one.
absl::StatusOr<std::optional<PeerKey>> ReadKey(const std::string& file);

}  // namespace remuda
