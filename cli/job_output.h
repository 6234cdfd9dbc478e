#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "wire/client_messages.h"

namespace remuda {

// The words for people of docs/CLI.md, beside the JSON of wire/reply_json.h.

// A table with a head line, columns aligned, ended by a newline.
std::string JobsTable(const std::vector<JobSummary>& jobs, WallTime now);
std::string AgentsTable(const std::vector<AgentSummary>& agents);

// "job 3: crawl (http.crawl) on async: it waits ...".
std::string ExecutorLine(const JobSummary& job);

// A page about one job.
std::string JobPage(const JobSummary& job, WallTime now);

// "17  failed  2 tries  0.3 s  exited with code 3".
std::string TaskLine(const TaskRow& task);

// "crawl-titles (job 3) succeeded: 10,000 of 10,000 tasks in 4.2 s".
std::string JobVerdict(const JobSummary& job, WallTime now);

// A line for each thing that agents noticed of the job's code; empty if none.
std::string FindingNotes(const JobSummary& job);

// What failed and why: alike errors together, most frequent first, with an
// example of each. Fed with the failed tasks, a page at a time.
class FailureDigest {
 public:
  void Add(const TaskRow& task);

  // Lines of text, at most `groups_max` groups; empty if nothing failed.
  std::string Text(size_t groups_max) const;

 private:
  static constexpr size_t kGroupsMax = 1'000;  // others are only counted
  struct Group {
    uint64_t count = 0;
    TaskRow first;
  };
  std::map<std::string, Group> groups_;  // by the error's first line
  uint64_t others_ = 0;
};

}  // namespace remuda
