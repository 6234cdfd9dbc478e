#pragma once

#include "absl/status/status.h"
#include "coordinator/store/database.h"

namespace remuda {

// The tables of the store, described once in schema.cc. A newer version is
// refused; when an older one exists, this is where it will be carried over.
inline constexpr int64_t kSchemaVersion = 1;

// Gives a read-write connection its functions and an empty file its tables.
//
// Errors: FailedPrecondition if a newer Remuda wrote the file, and those of
//         Database.
absl::Status PrepareSchema(Database& database);

}  // namespace remuda
