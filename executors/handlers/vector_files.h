#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace remuda {

// Files of doubles, eight bytes each, in little-endian order, without a head.
struct VectorFiles {
  std::string x;
  std::string y;
  std::string to;  // appears whole or not at all
};

// to[i] = x[i] * a + y[i], on so many threads. Returns how many numbers.
//
// It reads and writes blocks: files that were mapped would end the process
// when somebody cuts them short or the disk is full.
//
// Errors: InvalidArgument for files that do not fit together, NotFound and
// others of the system's, Cancelled when asked to stop.
absl::StatusOr<uint64_t> MultiplyAddFiles(const VectorFiles& files, double a,
                                          size_t threads,
                                          const std::stop_token& stop);

}  // namespace remuda
