#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "jobs/job.h"

namespace remuda {

// A path of a spec seen from the spec's folder, absolute and without "..";
// the folder itself for an empty path.
std::string AbsolutePath(const std::string& path, const std::string& folder);

// `job.with` with the parameters that name files and folders (`cwd` of
// command; `path` and `python` of python) made absolute, because a task runs
// in a folder of its own. A python job without `path` imports from `folder`.
// A text that begins with a template is left as it is.
std::string WithAbsolutePaths(const Job& job, const std::string& folder);

// The same where the spec came without a folder: a python job without `path`
// imports from nowhere but Python's own places.
//
// Errors: InvalidArgument names the parameter that is not absolute.
absl::StatusOr<std::string> WithoutFolder(const Job& job);

}  // namespace remuda
