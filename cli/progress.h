#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.h"
#include "wire/client_messages.h"

namespace remuda {

// Turns job summaries as they come into what `remuda run` shows: a bar with
// rate and time left for a terminal, or a plain line now and then elsewhere.
// Does not print and does not ask for the time.
//
// Thread: none of its own. Lifetime: a value, one a job.
class ProgressMeter {
 public:
  void Update(MonotonicTime now, const JobSummary& summary);

  // "crawl  [=====>    ]  5,120/10,000  51%  812/s  6.0 s left  3 failed".
  std::string Bar(size_t width) const;

  // "crawl: 5,120 of 10,000 tasks (51%), 812/s, 6.0 s left, 3 failed".
  std::string Line() const;

  // Tasks a second over the last ten seconds or so; 0 while unknown.
  double rate() const;

 private:
  struct Sample {
    MonotonicTime at;
    uint64_t done = 0;
  };

  std::string TimeLeft() const;

  JobSummary summary_;
  uint64_t done_ = 0;
  uint64_t bad_ = 0;
  std::deque<Sample> samples_;  // at most kSamplesMax
};

// Tasks that reached a terminal state, and those of them that went wrong.
uint64_t DoneTasks(const JobSummary& summary);
uint64_t BadTasks(const JobSummary& summary);

}  // namespace remuda
