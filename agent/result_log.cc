#include "agent/result_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/digest.h"

namespace remuda {
namespace {

constexpr char kMagic[] = "RMDARSLT";
constexpr size_t kMagicBytes = sizeof(kMagic) - 1;
constexpr size_t kHeaderBytes = kMagicBytes + 4;
constexpr size_t kChecksumBytes = 16;
constexpr size_t kFrameHeadBytes = 4 + 8 + kChecksumBytes;
// The number of the record that names the generation; frames begin at 1.
constexpr uint64_t kGenerationSequence = 0;

void Put(uint64_t number, size_t bytes, std::string& to) {
  for (size_t i = 0; i < bytes; ++i) {
    to.push_back(static_cast<char>((number >> (8 * i)) & 0xff));
  }
}

uint64_t Get(const std::string& from, size_t at, size_t bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes; ++i) {
    number |= uint64_t{static_cast<unsigned char>(from[at + i])} << (8 * i);
  }
  return number;
}

std::string Checksum(uint64_t sequence, const std::string& frame) {
  Digest digest;
  digest.Update(sequence);
  digest.Update(uint64_t{frame.size()});
  digest.Update(frame);
  return digest.Hex().substr(0, kChecksumBytes);
}

std::string Head(uint64_t sequence, const std::string& frame) {
  std::string head;
  Put(frame.size(), 4, head);
  Put(sequence, 8, head);
  return head + Checksum(sequence, frame);
}

std::string FileHead(const std::string& generation) {
  std::string head = kMagic;
  Put(ResultLog::kVersion, 4, head);
  return head + Head(kGenerationSequence, generation) + generation;
}

}  // namespace

absl::StatusOr<ResultLog> ResultLog::Open(const std::string& path) {
  UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "cannot open " + path);
  return ResultLog(path, std::move(file));
}

absl::Status ResultLog::ReadAt(uint64_t offset, size_t size,
                               std::string& bytes) const {
  bytes.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t count = pread(file_.get(), bytes.data() + done, size - done,
                                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "cannot read " + path_);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return absl::OkStatus();
}

absl::StatusOr<ResultLog::Recovered> ResultLog::Recover() {
  struct stat found = {};
  if (fstat(file_.get(), &found) != 0) {
    return ErrnoStatus(errno, "cannot look at " + path_);
  }
  const auto size = static_cast<uint64_t>(found.st_size);
  std::string head;
  absl::Status read = ReadAt(0, kHeaderBytes, head);
  if (!read.ok()) return read;
  Recovered recovered{.generation = {}, .frames = {}, .bytes_damaged = size};
  end_ = 0;
  // A crash leaves a beginning of it, or room that nothing was written to.
  if (head.size() < kHeaderBytes || head == std::string(kHeaderBytes, '\0')) {
    const absl::Status emptied = Empty();
    if (!emptied.ok()) return emptied;
    return recovered;
  }
  if (head.compare(0, kMagicBytes, kMagic) != 0) {
    return absl::InvalidArgumentError(path_ + " is no log of results");
  }
  if (Get(head, kMagicBytes, 4) != kVersion) {
    return absl::FailedPreconditionError(
        path_ + " was written by another version of Remuda");
  }
  for (uint64_t offset = kHeaderBytes; offset < size;) {
    read = ReadAt(offset, kFrameHeadBytes, head);
    if (!read.ok()) return read;
    if (head.size() < kFrameHeadBytes) break;
    const uint64_t length = Get(head, 0, 4);
    const uint64_t sequence = Get(head, 4, 8);
    if (length > kFrameBytesMax || length > size - offset - kFrameHeadBytes) {
      break;
    }
    const Place place = {.offset = offset, .size = length};
    absl::StatusOr<std::string> frame = Read(sequence, place);
    if (absl::IsDataLoss(frame.status())) break;
    if (!frame.ok()) return frame.status();
    const bool is_first = offset == kHeaderBytes;
    if (is_first != (sequence == kGenerationSequence)) break;
    if (is_first) {
      recovered.generation = *std::move(frame);
    } else {
      recovered.frames.push_back({.sequence = sequence, .place = place});
    }
    offset += kFrameHeadBytes + length;
    end_ = offset;
  }
  recovered.bytes_damaged = size - end_;
  if (recovered.bytes_damaged > 0 &&
      ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) {
    return ErrnoStatus(errno, "cannot mend " + path_);
  }
  return recovered;
}

absl::Status ResultLog::Write(const std::string& bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count =
        pwrite(file_.get(), bytes.data() + written, bytes.size() - written,
               static_cast<off_t>(end_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) {
      written += static_cast<size_t>(count);
      continue;
    }
    const absl::Status failed = ErrnoStatus(errno, "cannot write " + path_);
    // Should this fail too, what is left there has no good checksum.
    return ftruncate(file_.get(), static_cast<off_t>(end_)) == 0 ? failed
                                                                 : failed;
  }
  end_ += bytes.size();
  return absl::OkStatus();
}

absl::StatusOr<ResultLog::Place> ResultLog::Append(
    uint64_t sequence, const std::string& frame,
    const std::string& generation) {
  std::string bytes;
  if (end_ == 0) bytes = FileHead(generation);
  const Place place = {.offset = end_ + bytes.size(), .size = frame.size()};
  bytes += Head(sequence, frame);
  bytes += frame;
  const absl::Status written = Write(bytes);
  if (!written.ok()) return written;
  return place;
}

absl::StatusOr<std::string> ResultLog::Read(uint64_t sequence,
                                            const Place& place) const {
  std::string bytes;
  const absl::Status read =
      ReadAt(place.offset, kFrameHeadBytes + place.size, bytes);
  if (!read.ok()) return read;
  if (bytes.size() == kFrameHeadBytes + place.size) {
    std::string frame = bytes.substr(kFrameHeadBytes);
    bytes.resize(kFrameHeadBytes);
    if (bytes == Head(sequence, frame)) return frame;
  }
  return absl::DataLossError(path_ +
                             " does not give back a result that it took");
}

absl::Status ResultLog::Empty() {
  end_ = 0;
  if (ftruncate(file_.get(), 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot empty " + path_);
}

}  // namespace remuda
