#include "workers/conformance/conversation.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "jobs/json_text.h"

namespace remuda {
namespace {

// A frame holds at most so many tasks, as an agent's does.
constexpr uint64_t kTasksPerFrameMax = 1024;

constexpr size_t kShownMax = 200;

std::string Replaced(std::string text, const std::string& name,
                     const std::string& value) {
  for (size_t at = text.find(name); at != std::string::npos;
       at = text.find(name, at + value.size())) {
    text.replace(at, name.size(), value);
  }
  return text;
}

std::string Filled(const std::string& text, const GivenTask& task,
                   const std::string& mode) {
  return Replaced(
      Replaced(Replaced(text, "{{check}}", task.check), "{{mode}}", mode),
      "{{arguments}}", task.arguments);
}

std::string Quoted(uint64_t number) {
  return "\"" + std::to_string(number) + "\"";
}

std::string Shortened(const std::string& text) {
  if (text.size() <= kShownMax) return text;
  return text.substr(0, ValidUtf8Prefix(text.substr(0, kShownMax))) + " ...";
}

std::string Seconds(Duration time) {
  std::ostringstream text;
  text << std::chrono::duration<double>(time).count() << " s";
  return text.str();
}

}  // namespace

absl::StatusOr<Conversation> Conversation::Start(
    const ConversationOptions& options, const Clock& clock,
    ConversationFaults& faults) {
  absl::StatusOr<WorkerUnderTest> worker =
      WorkerUnderTest::Start(options.argv, clock);
  if (!worker.ok()) return worker.status();
  return Conversation(*std::move(worker), options, clock, faults);
}

absl::Status Conversation::Failure(const std::string& seen) {
  const std::string& odd = faults_->malformed;
  return absl::InternalError(seen + "; " + worker_.Describe() +
                             (odd.empty() ? "" : "; it sent " + odd));
}

absl::Status Conversation::AwaitHello() {
  if (!Hear(options_.start_patience)) {
    return Failure("nothing came within " + Seconds(options_.start_patience));
  }
  if (!first_->fault.empty()) {
    return Failure("the first frame was " + first_->fault);
  }
  if (first_->type != "hello") {
    return Failure("the first frame was '" + first_->type + "'");
  }
  hello_ = first_;
  return absl::OkStatus();
}

void Conversation::SendWelcome() {
  SendMessage("{\"type\":\"welcome\",\"protocol\":2,\"log_folder\":" +
              JsonString(worker_.log_folder()) +
              ",\"mode\":" + JsonString(options_.mode) +
              ",\"slots\":" + std::to_string(options_.slots) +
              ",\"cpus\":1,\"import_seconds\":30}");
}

absl::Status Conversation::AwaitReady() {
  const MonotonicTime deadline = clock_->Now() + options_.start_patience;
  while (!ready()) {
    const Duration left = deadline - clock_->Now();
    if (left <= Duration::zero() || !Hear(left)) {
      return Failure("'ready' with at least one credit did not come");
    }
  }
  return absl::OkStatus();
}

uint64_t Conversation::TakeIds(uint64_t count) {
  const uint64_t first = next_id_;
  next_id_ += count;
  outstanding_ += count;
  return first;
}

std::string Conversation::TypeOf(const GivenTask& task) const {
  return Filled(options_.task.type, task, options_.mode);
}

std::string Conversation::ParametersOf(const GivenTask& task) const {
  return Filled(options_.task.parameters, task, options_.mode);
}

bool Conversation::SendMessage(const std::string& message) {
  return worker_.Send(WorkerFrame(message), options_.patience);
}

uint64_t Conversation::Give(const std::vector<GivenTask>& tasks) {
  const uint64_t first = next_id_;
  next_id_ += tasks.size();
  // All of one message are of one job, hence of one type.
  for (size_t from = 0; from < tasks.size();) {
    size_t end = from + 1;
    while (end < tasks.size() && TypeOf(tasks[end]) == TypeOf(tasks[from])) {
      ++end;
    }
    waiting_.push_back({.first = first + from,
                        .count = end - from,
                        .is_range = false,
                        .tasks = {tasks.begin() + static_cast<long>(from),
                                  tasks.begin() + static_cast<long>(end)}});
    from = end;
  }
  SendWaiting();
  return first;
}

uint64_t Conversation::GiveRange(uint64_t count, const GivenTask& task) {
  const uint64_t first = next_id_;
  next_id_ += count;
  waiting_.push_back(
      {.first = first, .count = count, .is_range = true, .tasks = {task}});
  SendWaiting();
  return first;
}

void Conversation::SendWaiting() {
  while (!waiting_.empty() && outstanding_ < credits_) {
    Waiting& waiting = waiting_.front();
    const uint64_t count =
        std::min({waiting.count, credits_ - outstanding_, kTasksPerFrameMax});
    const std::string message = TasksMessage(waiting, count);
    outstanding_ += count;
    waiting.first += count;
    waiting.count -= count;
    if (waiting.count == 0) waiting_.pop_front();
    if (!SendMessage(message)) return;  // the ends will be missed
  }
}

std::string Conversation::TasksMessage(Waiting& waiting, uint64_t count) const {
  const GivenTask& front = waiting.tasks.front();
  std::string message = "{\"type\":\"tasks\",\"job\":\"7\",\"job_type\":" +
                        JsonString(TypeOf(front));
  const auto place = [](uint64_t id) {
    return "\"id\":" + Quoted(id) + ",\"index\":" + Quoted(id - 1) +
           ",\"attempt\":1";
  };
  if (waiting.is_range) {
    return message + ",\"parameters\":" + ParametersOf(front) + ",\"range\":{" +
           place(waiting.first) + ",\"count\":" + std::to_string(count) + "}}";
  }
  message += ",\"tasks\":[";
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) message += ',';
    message +=
        "{" + place(waiting.first + i) +
        ",\"item\":null,\"parameters\":" + ParametersOf(waiting.tasks[i]) + "}";
  }
  waiting.tasks.erase(waiting.tasks.begin(),
                      waiting.tasks.begin() + static_cast<long>(count));
  return message + "]}";
}

void Conversation::Cancel(uint64_t id) {
  SendMessage("{\"type\":\"cancel\",\"id\":" + Quoted(id) + "}");
  if (options_.mode == "process") worker_.Signal(SIGTERM);
}

bool Conversation::Hear(Duration patience) {
  std::optional<std::string> body = worker_.Receive(patience);
  if (!body.has_value()) return false;
  WorkerWords words = ReadWorkerWords(*body);
  if (!words.fault.empty()) {
    Note(faults_->malformed, words.fault + ": " + Shortened(*body));
  }
  if (!first_.has_value()) first_ = words;
  if (words.type == "ready") credits_ = words.credits;
  if (words.type == "pong" && words.number) pongs_.push_back(*words.number);
  if (words.type == "log") {
    if (ends_.contains(words.log.task)) {
      Note(faults_->late_log,
           "output of task " + std::to_string(words.log.task));
    }
    logs_.push_back(std::move(words.log));
  }
  for (const SaidEnd& end : words.ends) NoteEnd(end);
  SendWaiting();
  return true;
}

// The first of its kind is enough for a person.
void Conversation::Note(std::string& place, const std::string& fault) {
  if (place.empty()) place = fault + " (mode " + options_.mode + ")";
}

void Conversation::NoteEnd(const SaidEnd& end) {
  if (end.first >= next_id_ || end.count > next_id_ - end.first) {
    Note(faults_->malformed, "the end of a task that it was never given: " +
                                 std::to_string(end.first));
    return;
  }
  for (uint64_t id = end.first; id < end.first + end.count; ++id) {
    if (!ends_.emplace(id, end).second) {
      Note(faults_->doubled, "task " + std::to_string(id) + " ended twice");
      continue;
    }
    order_.push_back(id);
    if (outstanding_ > 0) --outstanding_;
  }
}

const SaidEnd* Conversation::AwaitEnd(uint64_t id) {
  const MonotonicTime deadline = clock_->Now() + options_.patience;
  while (!ends_.contains(id)) {
    const Duration left = deadline - clock_->Now();
    if (left <= Duration::zero() || !Hear(left)) return nullptr;
  }
  return &ends_.at(id);
}

absl::Status Conversation::AwaitEnds(uint64_t first, uint64_t count) {
  for (uint64_t id = first; id < first + count; ++id) {
    if (AwaitEnd(id) == nullptr) {
      return Failure("task " + std::to_string(id - first + 1) + " of " +
                     std::to_string(count) + " did not end within " +
                     Seconds(options_.patience));
    }
  }
  return absl::OkStatus();
}

bool Conversation::AwaitPong(uint64_t number) {
  const MonotonicTime deadline = clock_->Now() + options_.patience;
  while (std::find(pongs_.begin(), pongs_.end(), number) == pongs_.end()) {
    const Duration left = deadline - clock_->Now();
    if (left <= Duration::zero() || !Hear(left)) return false;
  }
  return true;
}

void Conversation::Listen(Duration time) {
  const MonotonicTime deadline = clock_->Now() + time;
  for (;;) {
    const Duration left = deadline - clock_->Now();
    if (left <= Duration::zero() || !Hear(left)) return;
  }
}

absl::Status Conversation::ExpectEcho(uint64_t id,
                                      const std::string& arguments) {
  absl::Status ended = ExpectEnding(id, "succeeded");
  if (!ended.ok()) return ended;
  const std::string& output = ends_.at(id).output;
  const auto seen = CanonicalJson(output.empty() ? "null" : output);
  const auto wanted = CanonicalJson(arguments);
  if (seen.ok() && wanted.ok() && *seen == *wanted) return absl::OkStatus();
  return Failure("task " + std::to_string(id) + " was to return " +
                 Shortened(arguments) + " and returned " + Shortened(output));
}

absl::Status Conversation::ExpectEnding(uint64_t id,
                                        const std::string& ending) {
  const SaidEnd* end = AwaitEnd(id);
  if (end == nullptr) {
    return Failure("task " + std::to_string(id) + " did not end within " +
                   Seconds(options_.patience));
  }
  if (end->ending == ending) return absl::OkStatus();
  return Failure("task " + std::to_string(id) + " ended as '" + end->ending +
                 "' instead of '" + ending + "'" +
                 (end->error.empty() ? "" : ": " + Shortened(end->error)));
}

std::string Conversation::PrintedBy(uint64_t id) const {
  std::string printed;
  for (const SaidLog& log : logs_) {
    if (log.task != id) continue;
    printed += log.text;
    if (log.file.empty()) continue;
    std::ifstream file(worker_.log_folder() + "/" + log.file);
    std::ostringstream text;
    text << file.rdbuf();
    printed += text.str();
  }
  return printed;
}

}  // namespace remuda
