#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_descriptor.h"

namespace remuda {

// A file of frames that outlives the process. It begins with "RMDARSLT" and the
// version in 4 bytes; each record has its length in 4, a number in 8, 16 hex
// digits of a digest over both and the content, and the content. Record 0
// comes first, with the generation of the coordinator's state that the frames
// belong to. What a crash cut off or never wrote is noticed, and all before it
// is good. Decides neither what is written nor when it is synced: that is the
// spool's.
//
// Thread: confined to its owner; only fd() may be synced elsewhere.
class ResultLog {
 public:
  static constexpr uint32_t kVersion = 1;
  static constexpr size_t kFrameBytesMax = size_t{32} << 20;

  // Where a frame lies.
  struct Place {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  struct Recovered {
    std::string generation;
    struct Frame {
      uint64_t sequence = 0;
      Place place;
    };
    std::vector<Frame> frames;
    uint64_t bytes_damaged = 0;  // from the first damage to the end
  };

  // Opens or makes the file, and reads nothing.
  static absl::StatusOr<ResultLog> Open(const std::string& path);

  // Goes through what is there; Append() goes on behind the last good frame.
  //
  // Errors: FailedPrecondition if a newer build wrote it; InvalidArgument if
  //         it is something else; others if it cannot be read.
  absl::StatusOr<Recovered> Recover();

  // After an error the file is as it was before. Nothing is synced.
  absl::StatusOr<Place> Append(uint64_t sequence, const std::string& frame,
                               const std::string& generation);

  // Errors: DataLoss if the file does not give back what it took.
  absl::StatusOr<std::string> Read(uint64_t sequence, const Place& place) const;

  absl::Status Empty();

  uint64_t bytes() const { return end_; }
  int fd() const { return file_.get(); }
  const std::string& path() const { return path_; }

 private:
  ResultLog(std::string path, UniqueFd file)
      : path_(std::move(path)), file_(std::move(file)) {}
  absl::Status Write(const std::string& bytes);
  absl::Status ReadAt(uint64_t offset, size_t size, std::string& bytes) const;

  std::string path_;
  UniqueFd file_;
  uint64_t end_ = 0;
};

}  // namespace remuda
