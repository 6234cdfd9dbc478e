#include "agent/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

constexpr char kFileName[] = "/results.spool";

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(SpoolOptions options) {
  const std::string path = options.folder + kFileName;
  UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "cannot open " + path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "cannot lock " + path);
    return absl::FailedPreconditionError("another agent uses the folder " +
                                         options.folder);
  }
  struct stat found = {};
  if (fstat(file.get(), &found) != 0) {
    return ErrnoStatus(errno, "cannot look at " + path);
  }
  if (ftruncate(file.get(), 0) != 0) {
    return ErrnoStatus(errno, "cannot empty " + path);
  }
  return std::unique_ptr<Spool>(
      new Spool(std::move(options), std::move(file),
                static_cast<uint64_t>(found.st_size)));
}

Spool::Spool(SpoolOptions options, UniqueFd file, uint64_t bytes_discarded)
    : options_(std::move(options)),
      file_(std::move(file)),
      bytes_discarded_(bytes_discarded) {}

void Spool::Append(uint64_t sequence, Entry entry) {
  if (places_.empty()) first_ = sequence;
  CHECK_EQ(sequence, first_ + places_.size());
  Place place;
  place.size = entry.frame.size();
  if (memory_bytes_ + place.size > options_.memory_bytes_max &&
      WriteToFile(entry.frame)) {
    place.in_file = true;
    place.offset = file_end_;
    file_end_ += place.size;
    file_bytes_ += place.size;
    entry.frame = std::string();
  } else {
    memory_bytes_ += place.size;
  }
  place.entry = std::move(entry);
  places_.push_back(std::move(place));
}

bool Spool::WriteToFile(const std::string& frame) {
  if (!file_status_.ok()) return false;
  size_t written = 0;
  while (written < frame.size()) {
    const ssize_t count =
        pwrite(file_.get(), frame.data() + written, frame.size() - written,
               static_cast<off_t>(file_end_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      file_status_ = ErrnoStatus(errno, "cannot write the spool");
      return false;
    }
    written += static_cast<size_t>(count);
  }
  return true;
}

absl::StatusOr<Spool::Entry> Spool::Read(uint64_t sequence) const {
  CHECK(sequence >= first_ && sequence - first_ < places_.size());
  const Place& place = places_[static_cast<size_t>(sequence - first_)];
  if (!place.in_file) return place.entry;
  Entry entry = place.entry;
  entry.frame.resize(place.size);
  size_t read = 0;
  while (read < place.size) {
    const ssize_t count =
        pread(file_.get(), entry.frame.data() + read, place.size - read,
              static_cast<off_t>(place.offset + read));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return absl::DataLossError(
          "the spool's file does not give back a result that it took");
    }
    read += static_cast<size_t>(count);
  }
  return entry;
}

void Spool::ReleaseUpTo(uint64_t sequence) {
  while (!places_.empty() && first_ <= sequence) {
    const Place& place = places_.front();
    (place.in_file ? file_bytes_ : memory_bytes_) -= place.size;
    places_.pop_front();
    ++first_;
  }
  if (file_bytes_ > 0 || file_end_ == 0) return;
  // A failure leaves old bytes that the next entries overwrite.
  if (ftruncate(file_.get(), 0) == 0) file_status_ = absl::OkStatus();
  file_end_ = 0;
}

bool Spool::full() const {
  return places_.size() >= options_.entries_max ||
         memory_bytes_ + file_end_ >= options_.bytes_max ||
         (!file_status_.ok() && memory_bytes_ >= options_.memory_bytes_max);
}

}  // namespace remuda
