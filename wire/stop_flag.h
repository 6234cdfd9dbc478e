#pragma once

#include <atomic>
#include <memory>

#include "absl/status/statusor.h"
#include "base/file_descriptor.h"

namespace remuda {

// Interrupts whoever waits in a Client: set from a signal handler or another
// thread, seen at once by poll(). Stays set.
//
// Thread: any; Set() may be called in a signal handler.
class StopFlag {
 public:
  // Errors: ResourceExhausted if there are no more descriptors.
  static absl::StatusOr<StopFlag> Make();

  void Set();
  bool IsSet() const { return set_->load(std::memory_order_acquire); }

  // Readable once the flag is set.
  int fd() const { return pipe_.first.get(); }

 private:
  explicit StopFlag(FdPair pipe);

  FdPair pipe_;
  // On the heap, so that the flag can be moved before it is shared.
  std::unique_ptr<std::atomic<bool>> set_;
};

}  // namespace remuda
