#include "coordinator/store/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>

namespace remuda {
namespace {

std::string Mebibytes(uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

absl::Status DiskSpace::CheckRoomFor(uint64_t bytes) const {
  struct statvfs facts {};
  // What cannot be asked is found out by writing.
  if (statvfs(folder_.c_str(), &facts) != 0) return absl::OkStatus();
  const uint64_t total = facts.f_blocks * facts.f_frsize;
  const uint64_t available = facts.f_bavail * facts.f_frsize;
  const uint64_t reserve = std::min(kReserveBytes, total / kReservePart);
  const uint64_t needed = reserve + 2 * bytes;
  if (available >= needed) return absl::OkStatus();
  return absl::UnavailableError(
      "the coordinator's disk is nearly full: " + Mebibytes(available) +
      " are free, and a new job needs " + Mebibytes(needed) +
      "; accepted jobs go on");
}

bool RoomAhead::TakeRoomFor(uint64_t bytes, MonotonicTime now) {
  if (bytes > bytes_left_ || now >= good_until_) {
    bytes_left_ = 0;
    if (bytes > kBytesAtOnce || !space_.CheckRoomFor(kBytesAtOnce).ok()) {
      return false;
    }
    bytes_left_ = kBytesAtOnce;
    good_until_ = now + kGoodFor;
  }
  bytes_left_ -= bytes;
  return true;
}

}  // namespace remuda
