#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"
#include "jobs/spec_error.h"

namespace remuda {

struct SpecResult {
  std::vector<Job> jobs;          // empty if there is any error
  std::vector<SpecError> errors;  // at most 20, in the order of the file
};

// Reads YAML text into checked jobs: bytes first (size, UTF-8, control
// characters), then events (aliases, depth, counts, duplicate keys), then the
// schema (unknown keys, types, ranges, job type and executor). Sources that
// name files keep their path; jobs/item_files.h reads them.
//
// Never throws, never recurses on input; safe on hostile text.
SpecResult ParseSpec(std::string_view text, const std::string& file,
                     const SpecLimits& limits = {});

// The JSON schema of the spec, generated from the table that ParseSpec uses.
std::string SpecSchemaJson();

}  // namespace remuda
