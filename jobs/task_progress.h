#pragma once

#include <cstddef>
#include <string>

#include "jobs/ids.h"

namespace remuda {

// How far a running task says it is. The newest word of each task counts; none
// is kept when the task's try has ended, or over a restart.
struct TaskProgress {
  static constexpr size_t kTextBytesMax = 120;

  TaskIndex task = 0;
  double fraction = 0;  // 0 to 1
  std::string text;     // may be empty

  friend bool operator==(const TaskProgress&, const TaskProgress&) = default;
};

// Tasks of one job whose progress is kept at the same time; further ones are
// taken in when one of these has ended.
inline constexpr size_t kJobProgressMax = 16;

}  // namespace remuda
