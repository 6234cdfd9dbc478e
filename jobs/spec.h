#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace remuda {

// One thing wrong with a spec, in words that say how to mend it.
struct SpecError {
  std::string file;
  int line = 0;    // from 1; 0 if the whole file is meant
  int column = 0;  // from 1
  std::string message;
};

// "crawl.yaml:12:3: unknown key 'concurency', did you mean 'concurrency'?"
std::string ToText(const SpecError& error);

// The limits on hostile input, from the research on yaml-cpp 0.7.0.
struct SpecLimits {
  size_t bytes_max = 1u << 20;
  size_t documents_max = 64;
  int depth_max = 32;
  size_t nodes_max = 50'000;
  size_t scalar_bytes_max = 64u << 10;
  size_t keys_per_map_max = 1'000;
};

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
