#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace remuda {

// Files that hold secrets, or that say whom to admit: who else may read or
// change them is checked at each reading, and an error says which command
// mends it. What is in the files is for others to judge.

// No key, entry or token is anywhere near this.
inline constexpr size_t kKeyFileBytesMax = 16 * 1024;

// A file that only we can read: ours, and neither group nor others have any
// right to it. Or one that was mounted for us, as Kubernetes does with a
// Secret: owned by root like the symbolic link that leads to it, mode 0440 or
// 0400, and readable by a group of ours.
//
// Errors: NotFound; PermissionDenied if others have a right to it, or we have
// none; InvalidArgument if it is no ordinary file or is too long.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// A file that anybody may read but only we, or root, can change.
absl::StatusOr<std::string> ReadTrustedFile(const std::string& path);

// A folder in which only we, or root, can put files.
absl::Status CheckTrustedFolder(const std::string& path);

// A folder that nobody else can look into: ours and mode 0700. One that was
// mounted for us, or that root prepared for us, is as it is: there the files
// count.
absl::Status CheckSecretFolder(const std::string& path);

// Makes the folder with mode 0700 unless it is there; then checks it.
absl::Status MakeSecretFolder(const std::string& path);

// Writes a file, mode 0600, that must not be there yet; whole or not at all,
// also when the machine stops. Errors: AlreadyExists.
absl::Status WriteNewSecretFile(const std::string& path,
                                const std::string& content);

}  // namespace remuda
