#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_descriptor.h"

namespace remuda {

// A page of memory in which an agent tells its spawners until when what they
// have started may run. It costs the agent one store, and says the same
// whatever has become of the agent since. Times are of the clock that counts
// suspend, which all processes of a machine share.
//
// Thread: any.
// Lifetime: the page lasts as long as any process that has it.
class LeasePage {
 public:
  // The agent's. No end is told yet.
  //
  // Errors: as base/file_descriptor.h names them.
  static absl::StatusOr<LeasePage> Make();

  // A spawner's, of the descriptor that it was given.
  static absl::StatusOr<LeasePage> Open(UniqueFd fd);

  ~LeasePage();
  LeasePage(LeasePage&& other) noexcept;
  LeasePage& operator=(LeasePage&& other) noexcept;

  void SetEnd(MonotonicTime end);

  // None: not told yet, and nothing runs under a lease.
  std::optional<MonotonicTime> end() const;

  int fd() const { return fd_.get(); }

 private:
  LeasePage(UniqueFd fd, std::atomic<int64_t>* end);

  UniqueFd fd_;
  std::atomic<int64_t>* end_;  // nanoseconds; 0 for none
};

}  // namespace remuda
