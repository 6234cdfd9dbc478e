#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/clock.h"

namespace remuda {

// The room that is left where the data folder lies. New jobs are refused while
// it is short, so that the ends of those that were accepted can still be
// written. Does not promise that they can: others may fill the disk.
//
// Thread: any; immutable.
class DiskSpace {
 public:
  // Stays free for what accepted jobs have yet to write; on a small disk the
  // given part of it.
  static constexpr uint64_t kReserveBytes = 64u << 20;
  static constexpr uint64_t kReservePart = 8;

  explicit DiskSpace(std::string folder) : folder_(std::move(folder)) {}

  // Whether `bytes` of a submission fit beside the reserve. They are written
  // twice: to the write-ahead log and from there to the file.
  // Errors: Unavailable says how much is free and how much would be needed.
  absl::Status CheckRoomFor(uint64_t bytes) const;

 private:
  std::string folder_;
};

// The same for many small submissions: the disk is asked for more room than
// one needs, and that answer is good for a moment and for so many bytes.
//
// Thread: confined to its owner.
// Lifetime: `space` outlives it.
class RoomAhead {
 public:
  static constexpr uint64_t kBytesAtOnce = 4u << 20;
  static constexpr Duration kGoodFor = std::chrono::milliseconds(100);

  explicit RoomAhead(const DiskSpace& space) : space_(space) {}

  // False if it is not known at once; CheckRoomFor() has the last word.
  bool TakeRoomFor(uint64_t bytes, MonotonicTime now);

 private:
  const DiskSpace& space_;
  uint64_t bytes_left_ = 0;
  MonotonicTime good_until_{};
};

}  // namespace remuda
