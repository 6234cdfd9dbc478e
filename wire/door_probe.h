#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "wire/key_files.h"
#include "wire/stop_flag.h"
#include "wire/wire_context.h"

namespace remuda {

// How long one stranger waits to be turned away.
inline constexpr Duration kProbePatience = std::chrono::seconds(10);

// Tries a door of this process from outside, as two strangers would: one with
// a key that is on no list, one with none. OK if both were turned away.
// That a handler and options are set says less than being turned away does:
// three of eight ways to set them admit everybody.
//
// Blocks; the door has to be served by other threads, which libzmq's are.
// Errors: FailedPrecondition if somebody was let in; Unavailable if nothing
// came of it in time.
absl::Status ProbeDoor(const std::string& endpoint, const PeerKey& stranger,
                       WireContext& context, const Clock& clock,
                       Duration patience = kProbePatience);

// Probes again and again, and tells in the log and by numbers.
//
// Thread: has its own; counters() may be called by any.
// Lifetime: the context and the clock outlive it. Ends at once unless a probe
// is under way.
class DoorWatch {
 public:
  static constexpr Duration kInterval = std::chrono::minutes(10);

  static absl::StatusOr<std::unique_ptr<DoorWatch>> Start(
      std::string endpoint, PeerKey stranger, WireContext& context,
      const Clock& clock, Duration interval = kInterval);

  ~DoorWatch();
  DoorWatch(const DoorWatch&) = delete;
  DoorWatch& operator=(const DoorWatch&) = delete;

  struct Counters {
    uint64_t probes = 0;
    uint64_t admissions = 0;  // of strangers; anything but 0 is a breach
    uint64_t unanswered = 0;
  };
  Counters counters() const;

 private:
  DoorWatch(std::string endpoint, PeerKey stranger, WireContext& context,
            const Clock& clock, Duration interval, StopFlag stop);
  void Watch();
  void Probe();

  const std::string endpoint_;
  const PeerKey stranger_;
  WireContext& context_;
  const Clock& clock_;
  const Duration interval_;
  StopFlag stop_;
  std::atomic<uint64_t> probes_ = 0;
  std::atomic<uint64_t> admissions_ = 0;
  std::atomic<uint64_t> unanswered_ = 0;
  std::thread thread_;
};

}  // namespace remuda
