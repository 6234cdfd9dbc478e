#include "simulation/simulated_client.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "jobs/job.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kPatience = seconds(2);

}  // namespace

SimulatedClient::SimulatedClient(Random& random, const Shape& shape,
                                 uint64_t number, MonotonicTime start)
    : key_("key-" + std::to_string(number)) {
  cancels_ = random.Below(10) < 3;
  for (uint64_t i = 1 + random.Below(2); i > 0; --i) AddJob(random, shape, i);
  const auto last = static_cast<uint64_t>(shape.faults_last / seconds(1));
  next_try_ = start + milliseconds(random.Below(last * 700));
  cancel_at_ = next_try_ + milliseconds(random.Below(last * 500));
}

void SimulatedClient::AddJob(Random& random, const Shape& shape,
                             uint64_t place) {
  Job job;
  const bool is_list = random.Below(3) == 0;
  job.name = key_ + "." + std::to_string(place);
  // The first one is what is cancelled.
  if (cancels_ && jobs_.empty() && random.Below(2) == 0) {
    job.name += kEndlessMark;
  } else if (shape.poison && random.Below(2) == 0) {
    job.name += kPoisonMark;
  } else if (shape.task_max < seconds(1) && shape.tasks_max <= 40 &&
             random.Below(4) == 0) {
    // Of the same work as those that are short.
    job.name += kLongMark;
  }
  if (is_list) job.name += kListMark;
  job.type = "noop";
  const uint64_t tasks = 1 + random.Below(shape.tasks_max);
  if (is_list) {
    job.tasks = {.kind = TaskSource::Kind::kList,
                 .written = TaskSource::Written::kLines};
    job.tasks.list_count = tasks;
  } else {
    job.tasks = {.kind = TaskSource::Kind::kRange,
                 .written = TaskSource::Written::kRange,
                 .from = 1,
                 .to = static_cast<int64_t>(tasks)};
  }
  // Not so low that the job would take hours.
  if (random.Below(5) < 2) {
    job.concurrency = 1 + tasks / 60 + random.Below(8);
  }
  job.priority = static_cast<int32_t>(random.Below(3));
  if (random.Below(3) == 0) {
    job.timeout = shape.task_max / 2 + milliseconds(50);
  }
  job.retry.attempts_max = static_cast<uint32_t>(1 + random.Below(4));
  job.retry.on_crash = random.Below(10) < 7;
  job.retry.initial = milliseconds(10 + random.Below(3'000));
  job.retry.max = seconds(10);
  job.success.failed_max = random.Below(tasks + 1);
  JobToAccept accept;
  accept.job_json = std::make_shared<const std::string>(JobToJson(job));
  accept.digest = job.name + std::to_string(tasks);
  accept.tasks = tasks;
  if (is_list) accept.item_bytes_max = 8;
  accept.executor =
      random.Below(3) == 0 ? ExecutorKind::kProcessPool : ExecutorKind::kAsync;
  accept.job = std::make_shared<const Job>(std::move(job));
  jobs_.push_back(std::move(accept));
}

bool SimulatedClient::satisfied() const {
  return !ids_.empty() && (!cancels_ || cancelled_);
}

std::optional<MonotonicTime> SimulatedClient::next_time() const {
  if (satisfied()) return std::nullopt;
  if (ids_.empty()) return next_try_;
  return std::max(next_try_, cancel_at_);
}

SimulatedClient::Wish SimulatedClient::Ask(MonotonicTime now) {
  const std::optional<MonotonicTime> next = next_time();
  if (!next.has_value() || now < *next) return Wish::kNothing;
  next_try_ = now + kPatience;
  return ids_.empty() ? Wish::kSubmit : Wish::kCancel;
}

void SimulatedClient::OnReply(const ClientReply& reply,
                              std::set<JobId>& cancelled, Problems& problems) {
  if (const auto* accepted = std::get_if<Accepted>(&reply)) {
    std::vector<JobId> ids;
    for (const JobSummary& job : accepted->jobs) ids.push_back(job.id);
    problems.Expect(ids.size() == jobs_.size(),
                    "R2 a submission is accepted whole");
    problems.Expect(ids_.empty() || ids_ == ids, "R3 one job a key");
    ids_ = std::move(ids);
  } else if (const auto* cancel = std::get_if<CancelReply>(&reply)) {
    cancelled_ = true;
    if (cancel->result == CancelReply::Result::kCancelled) {
      cancelled.insert(cancel->job.id);
    }
  }
}

}  // namespace remuda
