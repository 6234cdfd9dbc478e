#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/progress.h"
#include "wire/client_messages.h"

namespace remuda {

// Shows the progress of jobs on stderr: bars redrawn in place on a terminal,
// elsewhere a plain line a job every few seconds.
//
// Thread: one. Lifetime: borrows the clock.
class ProgressPrinter {
 public:
  enum class Style { kNone, kBars, kLines };

  // Bars if stderr is a terminal.
  static Style StyleForStderr();

  ProgressPrinter(Style style, const Clock& clock);

  void Update(const std::vector<JobSummary>& jobs);

  // Leaves the terminal tidy before other output.
  void Finish();

 private:
  void DrawBars();
  void PrintLines();

  const Style style_;
  const Clock& clock_;
  std::map<JobId, ProgressMeter> meters_;
  size_t lines_drawn_ = 0;
  std::optional<MonotonicTime> next_line_;
};

}  // namespace remuda
