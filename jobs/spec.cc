#include "jobs/spec.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "jobs/duration_text.h"
#include "jobs/executor_choice.h"
#include "jobs/job_check.h"
#include "jobs/job_type.h"
#include "jobs/nearest_name.h"
#include "jobs/output_rules.h"
#include "jobs/percent_text.h"
#include "jobs/spec_context.h"
#include "jobs/spec_needs.h"
#include "jobs/spec_resources.h"
#include "jobs/spec_schema.h"
#include "jobs/spec_shape.h"
#include "jobs/spec_tasks.h"
#include "jobs/spec_text.h"
#include "jobs/spec_with.h"
#include "jobs/yaml_scalar.h"
#include "jobs/yaml_tree.h"

namespace remuda {
namespace {

// Turns one document into a Job. CheckShape() has already reported values of
// the wrong kind, so they are passed over here; what is reported here is what
// only several keys together tell.
class DocumentReader {
 public:
  DocumentReader(SpecContext& context, const YamlNode& document)
      : context_(context),
        metadata_(context.Find(&document, "metadata")),
        spec_(context.Find(&document, "spec")),
        document_(document) {}

  Job Read() {
    Job job;
    job.name = Text(metadata_, "name");
    ReadLabels(job);
    job.type = Text(spec_, "type");
    ReadExecutor(job);
    ReadQueue(job);
    job.priority = static_cast<int32_t>(Integer(spec_, "priority", 0));
    const SpecTasks tasks = ReadTasks(context_, context_.Find(spec_, "tasks"));
    job.tasks = tasks.source;
    job.concurrency = static_cast<uint64_t>(Integer(spec_, "concurrency", 0));
    ReadTimeout(job);
    ReadRetry(job);
    ReadSuccess(job);
    job.resources = ReadResources(context_, spec_);
    job.outputs = ReadOutputs(context_, spec_);
    if (const JobType* type = FindJobType(job.type)) {
      job.with = ReadWith(context_, context_.Find(spec_, "with"), *spec_, *type,
                          tasks.scope);
      CheckExecutor(job, *type);
      CheckOutputs(job);
    }
    return job;
  }

 private:
  std::string Text(const YamlNode* map, std::string_view key) const {
    const YamlNode* value = context_.Find(map, key);
    return value == nullptr ? "" : WrittenText(*value).value_or("");
  }

  int64_t Integer(const YamlNode* map, std::string_view key,
                  int64_t otherwise) const {
    const YamlNode* value = context_.Find(map, key);
    if (value == nullptr || value->kind != YamlNode::Kind::kScalar) {
      return otherwise;
    }
    const YamlScalar scalar = ReadScalar(*value);
    return scalar.type == YamlScalar::Type::kInteger ? scalar.integer
                                                     : otherwise;
  }

  double Number(const YamlNode* map, std::string_view key,
                double otherwise) const {
    const YamlNode* value = context_.Find(map, key);
    if (value == nullptr || value->kind != YamlNode::Kind::kScalar) {
      return otherwise;
    }
    const YamlScalar scalar = ReadScalar(*value);
    const bool is_number = scalar.type == YamlScalar::Type::kInteger ||
                           scalar.type == YamlScalar::Type::kNumber;
    return is_number ? scalar.number : otherwise;
  }

  Duration Span(const YamlNode* map, std::string_view key,
                Duration otherwise) const {
    return ParseDuration(Text(map, key)).value_or(otherwise);
  }

  void ReadLabels(Job& job) {
    const YamlNode* labels = context_.Find(metadata_, "labels");
    if (labels == nullptr || labels->kind != YamlNode::Kind::kMap) return;
    for (size_t i = 0; i + 1 < labels->children.size(); i += 2) {
      const YamlNode& name = context_.node(labels->children[i]);
      const YamlNode& value = context_.node(labels->children[i + 1]);
      const std::string text = WrittenText(value).value_or("");
      if (name.text.empty() || name.text.size() > kLabelBytesMax ||
          text.size() > kLabelBytesMax) {
        context_.Report(name, "a label's name has 1 to " +
                                  std::to_string(kLabelBytesMax) +
                                  " bytes, and its value no more");
      }
      job.labels[name.text] = text;
    }
    if (job.labels.size() > kLabelsMax) {
      context_.Report(
          *labels, "a job may have " + std::to_string(kLabelsMax) + " labels");
    }
  }

  void ReadExecutor(Job& job) {
    const YamlNode* executor = context_.Find(spec_, "executor");
    if (executor == nullptr) return;
    if (executor->kind != YamlNode::Kind::kMap) {
      job.executor.exactly = ExecutorKindFromName(executor->text);
      return;
    }
    job.executor.prefer = ExecutorKindFromName(Text(executor, "prefer"));
    job.executor.require = ExecutorKindFromName(Text(executor, "require"));
    ReadSafeOn(context_.Find(executor, "auto"), job.executor);
    if (executor->children.size() != 2) {
      context_.Report(*executor,
                      "'executor' takes one of auto, prefer and require");
    }
  }

  void ReadSafeOn(const YamlNode* list, ExecutorRequest& request) {
    if (list == nullptr || list->kind != YamlNode::Kind::kList) return;
    if (list->children.empty()) {
      context_.Report(*list,
                      "'executor.auto' is empty; write 'executor: auto' "
                      "or name the executors on which the code is safe");
    }
    for (const YamlIndex child : list->children) {
      const YamlNode& name = context_.node(child);
      const std::optional<ExecutorKind> kind = ExecutorKindFromName(name.text);
      if (!kind) {
        context_.Report(name, Quote(name.text) +
                                  " is not an executor; use async, thread-pool "
                                  "or process-pool");
      } else if (std::find(request.safe_on.begin(), request.safe_on.end(),
                           *kind) != request.safe_on.end()) {
        context_.Report(name, Quote(name.text) + " stands there twice");
      } else {
        request.safe_on.push_back(*kind);
      }
    }
  }

  void ReadQueue(Job& job) {
    const YamlNode* queue = context_.Find(spec_, "queue");
    if (queue == nullptr || !WrittenText(*queue)) return;
    if (queue->text == job.queue) return;
    context_.Report(*queue, "the queue " + Quote(queue->text) +
                                " is not supported yet; use 'default' or "
                                "leave 'queue' out");
  }

  void ReadTimeout(Job& job) {
    const YamlNode* timeout = context_.Find(spec_, "timeout");
    if (timeout == nullptr) return;
    if (timeout->kind == YamlNode::Kind::kMap) {
      job.timeout = Span(timeout, "after", Duration::zero());
      job.timeout_is_hard = Text(timeout, "enforce") == "hard";
    } else {
      job.timeout = Span(spec_, "timeout", Duration::zero());
    }
  }

  void ReadRetry(Job& job) {
    const YamlNode* retry = context_.Find(spec_, "retry");
    if (retry == nullptr || retry->kind != YamlNode::Kind::kMap) return;
    RetryPolicy& policy = job.retry;
    policy.attempts_max = static_cast<uint32_t>(Integer(retry, "attempts", 1));
    if (policy.attempts_max == 1) {
      context_.Report(*retry,
                      "'retry' has no effect with one attempt; set "
                      "'attempts' to 2 or more, or leave 'retry' out");
    }
    const YamlNode* backoff = context_.Find(retry, "backoff");
    const YamlNode* initial = context_.Find(backoff, "initial");
    const bool has_max = context_.Find(backoff, "max") != nullptr;
    policy.initial = Span(backoff, "initial", policy.initial);
    // The default of one is no bound for the other that is written down.
    if (!has_max && policy.initial > policy.max) policy.max = policy.initial;
    policy.max = Span(backoff, "max", policy.max);
    if (initial == nullptr && policy.initial > policy.max) {
      policy.initial = policy.max;
    }
    if (policy.initial > policy.max) {
      context_.Report(*initial,
                      "'retry.backoff.initial' is longer than "
                      "'retry.backoff.max'");
    }
    policy.factor = Number(backoff, "factor", policy.factor);
    policy.jitter = Number(backoff, "jitter", policy.jitter);
    ReadRetryOn(context_.Find(retry, "on"), policy);
  }

  void ReadRetryOn(const YamlNode* classes, RetryPolicy& policy) {
    if (classes == nullptr || classes->kind != YamlNode::Kind::kList) return;
    if (classes->children.empty()) {
      context_.Report(*classes,
                      "'retry.on' is empty, so nothing would be "
                      "tried again; leave it out for all failures");
    }
    policy.on_error = policy.on_timeout = false;
    policy.on_crash = policy.on_oom = false;
    std::map<std::string_view, bool*> flags = {{"error", &policy.on_error},
                                               {"timeout", &policy.on_timeout},
                                               {"crash", &policy.on_crash},
                                               {"oom", &policy.on_oom}};
    for (const YamlIndex index : classes->children) {
      const YamlNode& node = context_.node(index);
      if (!WrittenText(node)) continue;
      if (const auto flag = flags.find(node.text); flag != flags.end()) {
        *flag->second = true;
      } else if (node.text.starts_with("exit:")) {
        ReadExitCodes(node, policy);
      } else {
        context_.Report(
            node, "unknown class of failure " + Quote(node.text) +
                      DidYouMean(node.text, {"error", "timeout", "crash", "oom",
                                             "exit:3"}));
      }
    }
  }

  static std::optional<int> ExitCode(std::string_view text) {
    int code = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, code);
    if (text.empty() || result.ec != std::errc() || result.ptr != end ||
        code < 1 || code > 255) {
      return std::nullopt;
    }
    return code;
  }

  void ReadExitCodes(const YamlNode& node, RetryPolicy& policy) {
    const std::string_view codes = std::string_view(node.text).substr(5);
    const size_t dash = codes.find('-');
    const std::optional<int> first = ExitCode(codes.substr(0, dash));
    const std::optional<int> last = dash == std::string_view::npos
                                        ? first
                                        : ExitCode(codes.substr(dash + 1));
    if (!first || !last || *first > *last) {
      context_.Report(node, Quote(node.text) +
                                " names no exit codes; write one or a range "
                                "from 1 to 255, as in exit:3 or exit:64-78");
      return;
    }
    if (policy.on_exit.size() >= 255) {
      context_.Report(node, "there are more exit codes here than exist");
      return;
    }
    policy.on_exit.push_back({*first, *last});
  }

  void ReadSuccess(Job& job) {
    const YamlNode* success = context_.Find(spec_, "success");
    job.success.failed_max =
        static_cast<uint64_t>(Integer(success, "max_failed", 0));
    job.success.failed_max_percent = ParsePercent(Text(success, "max_failed"));
  }

  void CheckExecutor(const Job& job, const JobType& type) {
    if (!FactsOf(job, type).ok()) return;  // reported where it stands
    const auto choice = ChooseExecutor(job, type);
    if (choice.ok()) return;
    const YamlNode* at = context_.Find(spec_, "executor");
    if (job.timeout_is_hard && (at == nullptr || !type.killable)) {
      at = context_.Find(context_.Find(spec_, "timeout"), "enforce");
    } else if (job.resources.memory_bytes != 0 && at == nullptr) {
      at = context_.Find(context_.Find(spec_, "resources"), "memory");
    }
    if (at != nullptr && at->kind == YamlNode::Kind::kMap) {
      const YamlNode* required = context_.Find(at, "require");
      if (required != nullptr) at = required;
    }
    context_.Report(at != nullptr ? *at : document_,
                    std::string(choice.status().message()));
  }

  void CheckOutputs(const Job& job) {
    const YamlNode* outputs = context_.Find(spec_, "outputs");
    if (outputs == nullptr || outputs->kind != YamlNode::Kind::kMap) return;
    for (const std::string& pattern : job.outputs.files) {
      if (!WhyBadOutputPattern(pattern).empty()) return;  // reported there
    }
    if (job.outputs.to.empty()) return;  // and this by its shape
    const absl::Status status = CheckOutputRules(job);
    if (!status.ok()) context_.Report(*outputs, std::string(status.message()));
  }

  SpecContext& context_;
  const YamlNode* const metadata_;
  const YamlNode* const spec_;
  const YamlNode& document_;
};

void CheckNamesDiffer(SpecContext& context) {
  std::map<std::string, int> lines;
  for (const YamlIndex index : context.tree().documents) {
    const YamlNode* name =
        context.Find(context.Find(&context.node(index), "metadata"), "name");
    if (name == nullptr || !WrittenText(*name)) continue;
    const auto [found, is_new] = lines.emplace(name->text, name->line + 1);
    if (is_new) continue;
    context.Report(*name, "two jobs of this file are named " +
                              Quote(name->text) + ", the first on line " +
                              std::to_string(found->second));
  }
}

// The rules of the wire without positions, should the parser miss one of them.
void CheckAgain(SpecContext& context, const YamlNode& document, Job job) {
  const bool is_unread = job.tasks.kind == TaskSource::Kind::kList &&
                         job.tasks.written != TaskSource::Written::kItems;
  if (is_unread) job.tasks.list_count = 1;  // counted when the file is read
  if (const absl::Status status = CheckJob(job); !status.ok()) {
    context.Report(document, std::string(status.message()));
  }
}

std::vector<Job> ReadDocuments(SpecContext& context) {
  std::vector<Job> jobs;
  for (const YamlIndex index : context.tree().documents) {
    const YamlNode& document = context.node(index);
    const size_t before = context.reports();
    CheckShape(context, document);
    if (document.kind != YamlNode::Kind::kMap) continue;
    Job job = DocumentReader(context, document).Read();
    if (context.reports() == before) CheckAgain(context, document, job);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace

SpecResult ParseSpec(std::string_view text, const std::string& file,
                     const SpecLimits& limits) {
  SpecResult result;
  const SpecText lines(text, file);
  if (std::optional<SpecError> error = lines.CheckBytes(limits)) {
    result.errors.push_back(*std::move(error));
    return result;
  }
  const YamlResult yaml = ParseYaml(lines, limits);
  if (!yaml.errors.empty()) {
    result.errors = yaml.errors;
    return result;
  }
  if (yaml.tree.documents.empty()) {
    result.errors.push_back(
        {file, 1, 1,
         "the file is empty; a job begins with 'apiVersion: remuda/v1'"});
    return result;
  }
  SpecContext context(lines, yaml.tree);
  std::vector<Job> jobs = ReadDocuments(context);
  CheckNeeds(context);
  CheckNamesDiffer(context);
  result.errors = context.TakeErrors();
  if (result.errors.empty()) result.jobs = std::move(jobs);
  return result;
}

std::string SpecSchemaJson() { return SchemaJson(); }

}  // namespace remuda
