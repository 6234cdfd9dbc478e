#include "coordinator/api/answers.h"

#include <string_view>
#include <variant>

#include "nlohmann/json.hpp"
#include "wire/messages.h"
#include "wire/reply_json.h"

namespace remuda {

// Of the generated openapi_text.cc.
extern const std::string_view kOpenApiText;

namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Closes the object that `json` is and puts one more member into it.
std::string WithMember(std::string json, const std::string& name,
                       const std::string& value) {
  json.pop_back();
  return json + ",\"" + name + "\":" + value + "}";
}

Answer JobsAccepted(const Accepted& accepted, WallTime now) {
  Answer answer;
  answer.status = accepted.existed ? 200 : 202;
  answer.body = WithMember(JobsJson(accepted.jobs, now), "existed",
                           accepted.existed ? "true" : "false");
  if (accepted.jobs.size() == 1) {
    answer.headers.emplace_back(
        "Location", "/v1/jobs/" + std::to_string(accepted.jobs[0].id.value));
  }
  return answer;
}

Answer TasksPage(ResultPage page, bool with_outputs) {
  std::string body = "{\"tasks\":[";
  for (size_t i = 0; i < page.tasks.size(); ++i) {
    if (!with_outputs) page.tasks[i].output.clear();
    if (i > 0) body += ',';
    body += TaskJson(page.tasks[i]);
  }
  body += "],\"next\":";
  body += page.end ? "null" : std::to_string(page.next);
  return {.body = body + "}"};
}

Answer Unexpected() {
  return AnswerOf(Problem{.status = 500,
                          .detail = "the coordinator answered something else"});
}

}  // namespace

Answer AnswerOf(const Problem& problem) {
  return {.status = problem.status,
          .type = "application/problem+json",
          .body = ProblemJson(problem),
          .headers = problem.headers};
}

Answer AnswerOf(const RouteMatch& match, const Identity& identity,
                const ClientReply& reply, WallTime now) {
  if (const auto* error = std::get_if<RequestError>(&reply)) {
    return AnswerOf(ProblemOf(*error));
  }
  if (const auto* accepted = std::get_if<Accepted>(&reply)) {
    return JobsAccepted(*accepted, now);
  }
  if (const auto* jobs = std::get_if<JobSummaries>(&reply)) {
    if (match.facts->route == Route::kListJobs) {
      return {.body = JobsJson(jobs->jobs, now)};
    }
    if (jobs->jobs.size() != 1) return Unexpected();
    return {.body = JobJson(jobs->jobs[0], now)};
  }
  if (const auto* page = std::get_if<ResultPage>(&reply)) {
    return TasksPage(*page, match.facts->route == Route::kListResults);
  }
  if (const auto* cancel = std::get_if<CancelReply>(&reply)) {
    const bool late = cancel->result == CancelReply::Result::kTooLate;
    return {.body = WithMember(
                late ? R"({"result":"too_late"})" : R"({"result":"cancelled"})",
                "job", JobJson(cancel->job, now))};
  }
  if (const auto* agents = std::get_if<AgentSummaries>(&reply)) {
    return {.body = AgentsJson(agents->agents)};
  }
  if (const auto* verdicts = std::get_if<Verdicts>(&reply)) {
    return {.body = VerdictsJson(*verdicts)};
  }
  if (const auto* info = std::get_if<Info>(&reply)) {
    Json json = {{"version", info->version},
                 {"protocol", kProtocolMax},
                 {"term", std::to_string(info->term.value)},
                 {"durability", info->durability},
                 {"role", RoleName(identity.role)},
                 {"name", nullptr}};
    if (!identity.name.empty()) json["name"] = identity.name;
    return {.body = Dump(json)};
  }
  return Unexpected();
}

Answer LogAnswer(std::string bytes, uint64_t next, bool end, bool truncated) {
  Answer answer = {.type = "text/plain; charset=utf-8",
                   .body = std::move(bytes)};
  if (!end) {
    answer.headers.emplace_back("Remuda-Next-Offset", std::to_string(next));
  } else if (truncated) {
    answer.headers.emplace_back("Remuda-Truncated", "true");
  }
  return answer;
}

Answer OpenApiAnswer() { return {.body = std::string(kOpenApiText)}; }

}  // namespace remuda
