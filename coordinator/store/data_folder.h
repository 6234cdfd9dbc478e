#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/file_descriptor.h"

namespace remuda {

// The folder that holds a coordinator's state, held by one process at a time.
// What lies in it is the Store's business.
//
// Thread: any; immutable after Open().
// Lifetime: the folder is free for others when this ends, however it ends.
class DataFolder {
 public:
  // Makes the folder, and those above it, if missing; closes it to other users.
  //
  // Errors: FailedPrecondition if another process holds it; PermissionDenied
  //         or Internal with the path and the system's reason.
  static absl::StatusOr<DataFolder> Open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/remuda.sqlite"; }

 private:
  DataFolder(std::string path, UniqueFd lock);

  std::string path_;
  UniqueFd lock_;
};

}  // namespace remuda
