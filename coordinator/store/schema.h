#pragma once

#include "absl/status/status.h"
#include "coordinator/store/database.h"

namespace remuda {

// The tables of the store, described once in schema.cc. A newer version is
// refused; an older one is carried over when it is opened.
inline constexpr int64_t kSchemaVersion = 5;

// Gives a read-write connection its functions, and the file the tables of this
// version.
//
// Errors: FailedPrecondition if a newer Remuda wrote the file, and those of
//         Database.
absl::Status PrepareSchema(Database& database);

}  // namespace remuda
