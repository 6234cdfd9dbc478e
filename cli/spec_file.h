#pragma once

#include <string>
#include <vector>

#include "jobs/item_files.h"

namespace remuda {

// A spec file read, checked and resolved, or everything that is wrong with it.
struct SpecFile {
  std::vector<ResolvedJob> jobs;
  std::vector<std::string> errors;  // "file:line:column: what; how to mend it"
};

// Reads `path` ("-" is standard input) and the files it names, which are
// looked up beside it.
SpecFile ReadSpecFile(const std::string& path);

}  // namespace remuda
