#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_descriptor.h"

namespace remuda {

// The folder of an agent: one process at a time, each of them the successor of
// the one before. It gives them one instance name, by which the coordinator
// knows that the earlier one is gone, and what it left is this one's.
//
// Two locks guard it. One is the process's own. The other one passes to the
// spawners too, so that nobody takes over while something that an earlier
// process started may still run.
//
// Thread: confined to its owner.
// Lifetime: the locks last as long as the object, and the second one as long
// as any process that got `work_lock()`.
class DataFolder {
 public:
  struct Options {
    std::string path;  // made if missing, 0700
    // False: a name of its own each time, so nothing is taken over.
    bool has_successors = true;
    // How long what an earlier process started may take to end.
    Duration patience = std::chrono::seconds(10);
  };

  // Counts the start, on the disk.
  //
  // Errors: FailedPrecondition if another agent uses the folder, or processes
  //         of an earlier one do not end; others if it cannot be written.
  static absl::StatusOr<std::unique_ptr<DataFolder>> Open(Options options);

  const std::string& path() const { return options_.path; }
  const std::string& instance() const { return instance_; }
  uint32_t start() const { return start_; }  // 1 for the first process
  int work_lock() const { return work_lock_.get(); }
  // Why this is not the successor of the agent that the folder was of; empty
  // if it is, or if there was none. What lies there is then not its own.
  const std::string& why_new() const { return why_new_; }

  // The next process is another agent, as is due for a copy of the folder.
  absl::Status Forget();

 private:
  explicit DataFolder(Options options) : options_(std::move(options)) {}
  absl::Status Lock();
  absl::Status TakeName();
  absl::Status WriteName() const;

  const Options options_;
  UniqueFd lock_;
  UniqueFd work_lock_;
  uint64_t inode_ = 0;  // of the lock: no copy of the folder has the same
  std::string instance_;
  uint32_t start_ = 1;
  std::string why_new_;
};

}  // namespace remuda
