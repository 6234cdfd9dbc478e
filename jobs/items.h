#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/ids.h"
#include "jobs/job.h"

namespace remuda {

// The item of one task of a computed source (kOne, kRange, kMatrix) as JSON
// text: null, a number, or an object with one member an axis. Costs no memory
// per task. CHECKs that the source is computed and the index in range.
std::string ComputedItem(const TaskSource& source, TaskIndex index);

// True if agents can work the items out by themselves, so that a grant need
// not carry them.
bool IsComputed(const TaskSource& source);

// A list of items in its canonical form: one JSON value a line, each line
// ended by '\n'. This is what the client uploads, the store keeps in chunks
// and a grant carries.
class ItemList {
 public:
  static constexpr uint64_t kBytesMax = 256u << 20;
  static constexpr uint64_t kItemBytesMax = 64u << 10;

  // Appends one JSON text without a newline in it.
  void Append(std::string_view json);

  uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

  // Splits canonical bytes into the chunks of kTasksPerChunk lines each that
  // the store keeps. Errors: InvalidArgument if a line is not JSON, is too
  // long, or the last one is not ended.
  static absl::StatusOr<std::vector<std::string>> SplitIntoChunks(
      std::string_view bytes);

 private:
  std::string bytes_;
  uint64_t count_ = 0;
};

// The lines `first` to `first + count - 1` of one chunk, as views into it.
std::vector<std::string_view> ItemsOfChunk(std::string_view chunk,
                                           uint64_t first, uint64_t count);

}  // namespace remuda
