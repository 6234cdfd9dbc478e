#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/mutex.h"
#include "workers/native/worker_pipe.h"

namespace remuda {

// How tasks of a worker are heard.
struct VoiceOptions {
  std::string log_folder;
  // The only task that runs: what it logs goes to standard error, in turn with
  // what it prints, and is there even if it crashes.
  bool is_alone = false;
};

// What one task says while it runs: lines of its log, kept until it ends, and
// how far it is.
//
// Thread: any.
// Lifetime: of the task.
class TaskVoice {
 public:
  // Of one log; more goes into a file, and what is beyond that is left out.
  static constexpr size_t kLogInlineBytesMax = size_t{64} << 10;
  static constexpr size_t kLogBytesMax = size_t{16} << 20;
  // Progress that comes sooner after the last is left out.
  static constexpr Duration kProgressEvery = std::chrono::milliseconds(100);

  TaskVoice(uint64_t number, const VoiceOptions& options, WorkerPipe& pipe)
      : number_(number), options_(options), pipe_(pipe) {}

  // `level` is one of REMUDA_DEBUG to REMUDA_ERROR; others are the nearest.
  void Log(int level, std::string_view text) EXCLUDES(mutex_);
  void Progress(double fraction, std::string_view text) EXCLUDES(mutex_);

  // The message with what was logged; empty if that is nothing. The log begins
  // anew.
  std::string TakeLog() EXCLUDES(mutex_);

 private:
  void Keep(std::string_view line) REQUIRES(mutex_);
  bool WriteToFile(std::string_view bytes) REQUIRES(mutex_);
  std::string FileName() const;

  const uint64_t number_;
  const VoiceOptions& options_;
  WorkerPipe& pipe_;
  Mutex mutex_;
  std::string kept_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;  // of all that was logged
  UniqueFd file_ GUARDED_BY(mutex_);
  bool file_failed_ GUARDED_BY(mutex_) = false;
  MonotonicTime told_ GUARDED_BY(mutex_);
  bool has_told_ GUARDED_BY(mutex_) = false;
};

// The bytes as UTF-8, with U+FFFD for what is none.
std::string AsUtf8(std::string_view bytes);

}  // namespace remuda
