#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/items.h"
#include "jobs/job.h"

namespace remuda {

// A job whose fan-out is known: `job.tasks.kind` is computed or kList with its
// count set, and then `items` holds the list.
struct ResolvedJob {
  Job job;
  ItemList items;
};

// Reads what `lines`, `glob` and `csv` name, relative to `folder` (the folder
// of the spec), and turns inline `items` into a list. Lines: blank ones are
// skipped, CRLF is accepted. Globs are sorted bytewise. CSV: first row names
// the columns, RFC 4180 quoting.
//
// Errors: NotFound (the file, with its full path), InvalidArgument (empty
// fan-out, invalid UTF-8, a row with too few columns: with its line number),
// ResourceExhausted over ItemList's limits.
absl::StatusOr<ResolvedJob> ResolveItems(const Job& job,
                                         const std::string& folder);

// The same for a spec that came without its folder: `files` has the text of
// each file under the name that the spec gives it.
//
// Errors: as above; InvalidArgument also for a file that is not among `files`,
//         a glob, and a parameter that is a relative path.
absl::StatusOr<ResolvedJob> ResolveSentItems(
    const Job& job, const std::map<std::string, std::string>& files);

}  // namespace remuda
