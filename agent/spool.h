#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_descriptor.h"
#include "jobs/ids.h"

namespace remuda {

struct SpoolOptions {
  std::string folder;  // must exist; one spool uses it at a time
  size_t memory_bytes_max = 16u << 20;
  // From here on the spool is full, which stops new work. It still takes the
  // ends of what runs, because a result is never dropped.
  uint64_t bytes_max = 256u << 20;
  size_t entries_max = 64u * 1024;
};

// Frames that the coordinator has not confirmed, by rising sequence without
// gaps: in memory as long as there is room, in a file of the folder beyond.
//
// It outlives connections and coordinators, not the agent: a new agent process
// is another instance, whose predecessor's results nobody takes any more, so
// Open() discards what an earlier one left. Hence nothing here is fsynced.
//
// Thread: confined to the agent's control loop.
// Lifetime: the file is emptied when the last entry in it is released.
class Spool {
 public:
  // A frame and the session for which it was encoded.
  struct Entry {
    std::string frame;
    Term term;
    SessionId session;
  };

  // Errors: FailedPrecondition if another process uses the folder; others as
  // base/file_descriptor.h names them.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(SpoolOptions options);

  // The sequence must be the next one, the first of all may be any. What the
  // file does not take stays in memory, and the spool counts as full.
  void Append(uint64_t sequence, Entry entry);

  // Errors: DataLoss if the file does not give back what it took.
  //         CHECKs that the entry is there.
  absl::StatusOr<Entry> Read(uint64_t sequence) const;

  void ReleaseUpTo(uint64_t sequence);

  bool full() const;
  size_t entries() const { return places_.size(); }
  uint64_t bytes() const { return memory_bytes_ + file_bytes_; }
  // Left by an earlier agent and thrown away by Open().
  uint64_t bytes_discarded() const { return bytes_discarded_; }
  // Why the file could not be written, since it was last empty.
  const absl::Status& file_status() const { return file_status_; }

 private:
  struct Place {
    Entry entry;          // its frame is empty if it lies in the file
    uint64_t offset = 0;  // in the file
    uint64_t size = 0;
    bool in_file = false;
  };

  Spool(SpoolOptions options, UniqueFd file, uint64_t bytes_discarded);
  bool WriteToFile(const std::string& frame);

  const SpoolOptions options_;
  const UniqueFd file_;
  const uint64_t bytes_discarded_;
  std::deque<Place> places_;
  uint64_t first_ = 1;  // sequence of the first place
  uint64_t memory_bytes_ = 0;
  uint64_t file_bytes_ = 0;  // of entries not released
  uint64_t file_end_ = 0;    // where the next one goes
  absl::Status file_status_;
};

}  // namespace remuda
