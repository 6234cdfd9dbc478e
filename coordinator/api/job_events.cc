#include "coordinator/api/job_events.h"

#include "jobs/states.h"
#include "wire/reply_json.h"

namespace remuda {

std::string JobEvents::Update(const std::vector<JobSummary>& jobs,
                              WallTime now) {
  std::string text;
  bool all_ended = !jobs.empty();
  for (const JobSummary& job : jobs) {
    all_ended = all_ended && IsTerminal(job.state);
    const auto known = last_.find(job.id);
    if (known != last_.end() && known->second == job) continue;
    last_[job.id] = job;
    text += Event("job", JobJson(job, now));
  }
  if (all_ended && !ended_) {
    ended_ = true;
    std::string data;
    for (const JobSummary& job : jobs) {
      data += data.empty() ? "{\"jobs\":[" : ",";
      data += "{\"id\":\"" + std::to_string(job.id.value) + "\",\"state\":\"" +
              std::string(Name(job.state)) + "\"}";
    }
    text += Event("end", data + "]}");
  }
  return text;
}

std::string JobEvents::Event(const char* name, const std::string& data) {
  return "id: " + std::to_string(next_id_++) + "\nevent: " + name +
         "\ndata: " + data + "\n\n";
}

}  // namespace remuda
