#include "simulation/event_text.h"

namespace remuda {
namespace {

std::string Number(uint64_t number) { return std::to_string(number); }

std::string Text(JobId job, const IndexRange& tasks) {
  return "job " + Number(job.value) + " tasks " + Number(tasks.first) + "+" +
         Number(tasks.count);
}

struct Describer {
  std::string operator()(const TermStarted& event) const {
    return "term " + Number(event.term.value);
  }
  std::string operator()(const AgentRegistered& event) const {
    return event.name + " registered as " + Number(event.agent.value);
  }
  std::string operator()(const AgentLeft& event) const {
    return "agent " + Number(event.agent.value) + " left: " + event.reason;
  }
  std::string operator()(const JobAccepted& event) const {
    return "job " + Number(event.id.value) + " accepted, " +
           Number(event.tasks) + " tasks";
  }
  std::string operator()(const TasksGranted& event) const {
    return Text(event.job, event.tasks) + " fence " +
           Number(event.fence.value) + " granted to " +
           Number(event.agent.value);
  }
  std::string operator()(const AttemptsEnded& event) const {
    std::string text = "agent " + Number(event.agent.value) + " ended";
    for (const AttemptsEnded::Run& run : event.runs) {
      text += "; " + Text(event.job, run.ended.tasks) + " fence " +
              Number(run.ended.fence.value) + " " +
              std::string(Name(run.ended.ending)) +
              (run.ended.started ? "" : " unstarted") + ": " +
              std::string(Name(run.state));
    }
    return text;
  }
  std::string operator()(const TasksReturned& event) const {
    return Text(event.job, event.tasks.tasks) + " fence " +
           Number(event.tasks.fence.value) + " returned from " +
           Number(event.agent.value) + (event.charged ? ", charged: " : ": ") +
           event.reason;
  }
  std::string operator()(const JobCancelRequested& event) const {
    return "job " + Number(event.job.value) + " cancelled";
  }
  std::string operator()(const JobFinished& event) const {
    return "job " + Number(event.job.value) + " " +
           std::string(Name(event.state));
  }
  std::string operator()(const FindingsNoted& event) const {
    return "findings of job " + Number(event.job.value);
  }
  std::string operator()(const ExecutorChosen& event) const {
    return "job " + Number(event.job.value) + " on " +
           std::string(Name(event.executor)) + ": " + event.reason;
  }
};

}  // namespace

std::string Describe(const Event& event) {
  return std::visit(Describer(), event);
}

}  // namespace remuda
