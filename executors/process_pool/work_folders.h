#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace remuda {

// Folders in which commands work: each has one of its own, that is empty and
// private when it begins. One that was left so is kept for a later command, as
// making and removing a folder writes to the disk's journal twice; any other is
// removed with all that is in it.
//
// Thread: confined to its owner's. Blocks as long as the disk does.
// Lifetime: destruction removes the folders that are kept, not those in use.
class WorkFolders {
 public:
  // Kept for later ones; more are in use at once only on a large machine.
  static constexpr size_t kSparesMax = 64;

  // `root` is there, and nobody else's.
  explicit WorkFolders(std::string root) : root_(std::move(root)) {}
  ~WorkFolders();
  WorkFolders(const WorkFolders&) = delete;
  WorkFolders& operator=(const WorkFolders&) = delete;

  // The whole path.
  //
  // Errors: as the system's; the message names the folder.
  absl::StatusOr<std::string> Take();

  // Of a command that has ended. Its folder may be gone by now.
  void Return(std::string folder);

 private:
  const std::string root_;
  uint64_t made_ = 0;
  std::vector<std::string> spares_;
};

}  // namespace remuda
