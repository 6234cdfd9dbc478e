#include "cli/source_look.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "cli/program_output.h"
#include "nlohmann/json.hpp"
#include "workers/python/worker_source.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

constexpr size_t kOutputBytesMax = 1u << 20;

Json Parse(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

uint64_t NumberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  return found->get<uint64_t>();
}

bool HoldsTemplate(const std::string& text) {
  return text.find("{{") != std::string::npos;
}

// The question for the worker, or why there is none.
struct Question {
  std::string python = "python3";
  std::string json;
  std::string problem;
};

Question QuestionFor(const Json& with) {
  Question question;
  const std::string function = TextOf(with, "function");
  const std::string python = TextOf(with, "python");
  if (!python.empty()) question.python = python;
  if (HoldsTemplate(function) || HoldsTemplate(python)) {
    question.problem = "each task names its own";
    return question;
  }
  Json folders = Json::array();
  for (const Json& folder : with.value("path", Json::array())) {
    if (!folder.is_string()) continue;
    if (HoldsTemplate(folder.get_ref<const std::string&>())) continue;
    folders.push_back(folder);
  }
  question.json = Json({{"function", function}, {"path", std::move(folders)}})
                      .dump(-1, ' ', false, Json::error_handler_t::replace);
  return question;
}

// Asks each question once, all within one time.
class Looker {
 public:
  explicit Looker(Duration time_max)
      : deadline_(clock_.Now() + time_max),
        named_(EnvironmentVariable("REMUDA_PYTHON_WORKER")) {}

  SourceLook Look(const Job& job) {
    const Json with = Parse(job.with);
    if (job.type != "python" || !with.is_object()) return {};
    const Question question = QuestionFor(with);
    SourceLook look = {.problem = question.problem};
    if (question.problem.empty()) {
      const auto key = std::make_pair(question.python, question.json);
      const auto [at, is_new] = known_.try_emplace(key);
      if (is_new) at->second = Ask(question);
      look = at->second;
    }
    look.looked = true;
    look.function = TextOf(with, "function");
    return look;
  }

 private:
  SourceLook Ask(const Question& question) {
    const MonotonicTime now = clock_.Now();
    if (now >= deadline_) return {.problem = "looking at it took too long"};
    absl::StatusOr<std::string> printed =
        OutputOf({.program = question.python,
                  .script = named_ ? std::string() : PythonWorkerSource(),
                  .script_path = named_.value_or(""),
                  .arguments = {"--check", question.json}},
                 deadline_ - now, kOutputBytesMax);
    if (!printed.ok()) {
      return {.problem = std::string(printed.status().message())};
    }
    return ReadLook(*printed);
  }

  const SystemClock clock_;
  const MonotonicTime deadline_;
  const std::optional<std::string> named_;
  std::map<std::pair<std::string, std::string>, SourceLook> known_;
};

}  // namespace

SourceLook ReadLook(const std::string& text) {
  const Json json = Parse(text);
  if (!json.is_object()) {
    return {.looked = true, .problem = "the look at it gave no answer"};
  }
  SourceLook look = {.looked = true,
                     .file = TextOf(json, "file"),
                     .line = NumberOf(json, "line"),
                     .problem = TextOf(json, "problem")};
  look.form =
      CodeFormFromName(TextOf(json, "form")).value_or(CodeForm::kUnknown);
  for (const Json& one : json.value("findings", Json::array())) {
    if (!one.is_object() || look.findings.size() >= kJobFindingsMax) continue;
    look.findings.push_back(Clipped({.code = TextOf(one, "code"),
                                     .text = TextOf(one, "text"),
                                     .function = TextOf(one, "function"),
                                     .file = TextOf(one, "file"),
                                     .line = NumberOf(one, "line")}));
  }
  return look;
}

std::vector<SourceLook> LookAtSources(std::vector<ResolvedJob>& jobs,
                                      Duration time_max) {
  Looker looker(time_max);
  std::vector<SourceLook> looks;
  for (ResolvedJob& resolved : jobs) {
    looks.push_back(looker.Look(resolved.job));
    resolved.job.form = looks.back().form;
  }
  return looks;
}

}  // namespace remuda
