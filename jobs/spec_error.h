#pragma once

#include <cstddef>
#include <string>

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

// More are not reported: the first ones explain the rest.
inline constexpr size_t kSpecErrorsMax = 20;

// The limits on hostile input, from the research on yaml-cpp 0.7.0.
struct SpecLimits {
  size_t bytes_max = 1u << 20;
  size_t documents_max = 64;
  int depth_max = 32;
  size_t nodes_max = 50'000;
  size_t scalar_bytes_max = 64u << 10;
  size_t keys_per_map_max = 1'000;
  // Brackets, braces and commas, wherever they stand: the YAML library keeps
  // all of an unfinished list in memory, some 250 bytes for each.
  size_t flow_signs_max = 250'000;
};

}  // namespace remuda
