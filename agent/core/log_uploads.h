#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/ids.h"
#include "jobs/states.h"
#include "wire/attempt_records.h"
#include "wire/messages.h"

namespace remuda {

// A wish to read a piece of a log file, answered by LogRead.
struct ReadLog {
  AttemptId attempt;
  std::string folder;
  uint8_t stream = 1;  // 1 stdout, 2 stderr
  uint64_t offset = 0;
  size_t bytes_max = 0;
};

// The answer. A file that cannot be read ends like one that is short, because
// a lost log must not lose the result.
struct LogRead {
  AttemptId attempt;
  uint8_t stream = 1;
  uint64_t offset = 0;
  std::string bytes;
  bool is_end = false;
};

// Attempts that have ended but whose output is still on its way: one after the
// other, stdout then stderr, piece by piece, as the window of the outbox
// allows. Their result follows the last piece.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class LogUploads {
 public:
  static constexpr size_t kPieceBytes = 256u << 10;
  // Of one stream; what lies behind is cut off.
  static constexpr uint64_t kStreamBytesMax = 16u << 20;

  struct Finished {
    ExecutorKind executor = ExecutorKind::kAsync;
    JobId job;
    AttemptRecord record;
    std::string folder;
  };

  void Add(ExecutorKind executor, JobId job, AttemptRecord record,
           std::string folder);

  // The next piece to read, unless one is being read.
  std::optional<ReadLog> TakeRead();

  // The piece to send, if there were bytes in it. Ignores an answer that
  // nobody waits for.
  std::optional<LogChunk> OnRead(LogRead read);

  // Those with nothing left to read.
  std::vector<Finished> TakeFinished() { return std::exchange(finished_, {}); }

  bool empty() const { return uploads_.empty() && finished_.empty(); }
  size_t size() const { return uploads_.size() + finished_.size(); }

 private:
  std::deque<Finished> uploads_;
  std::vector<Finished> finished_;
  // Of the first upload.
  uint8_t stream_ = 1;
  uint64_t offset_ = 0;
  bool reading_ = false;
};

}  // namespace remuda
