#include "coordinator/api/routes.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/check.h"

namespace remuda {
namespace {

constexpr uint64_t kJobsListedMax = 1'000;
constexpr uint64_t kTasksListedMax = 10'000;
constexpr size_t kJobsWatchedMax = 1'000;
constexpr uint64_t kFirstMax = uint64_t{1} << 60;

constexpr RouteFacts kTable[] = {
    {Route::kSubmitJobs, "submit_jobs", "POST", "/v1/jobs", ""},
    {Route::kListJobs, "list_jobs", "GET", "/v1/jobs", "limit"},
    {Route::kGetJob, "get_job", "GET", "/v1/jobs/{id}", ""},
    {Route::kListTasks, "list_tasks", "GET", "/v1/jobs/{id}/tasks",
     "first,limit,failed"},
    {Route::kListResults, "list_results", "GET", "/v1/jobs/{id}/results",
     "first,limit,failed"},
    {Route::kGetLogs, "get_logs", "GET", "/v1/jobs/{id}/tasks/{n}/logs",
     "stream,offset"},
    {Route::kCancelJob, "cancel_job", "POST", "/v1/jobs/{id}/cancel", "reason"},
    {Route::kListAgents, "list_agents", "GET", "/v1/agents", ""},
    {Route::kGetVerdict, "get_verdict", "GET", "/v1/jobs/{id}/verdict", ""},
    {Route::kListVerdicts, "list_verdicts", "GET", "/v1/verdicts", ""},
    {Route::kGetInfo, "get_info", "GET", "/v1/info", ""},
    {Route::kWatchJobs, "watch_jobs", "GET", "/v1/events", "jobs"},
    {Route::kGetOpenApi, "get_openapi", "GET", "/openapi.json", ""},
};
static_assert(std::size(kTable) == kRoutes);

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "a%20b" -> "a b"; nothing if it is no such text.
std::optional<std::string> Decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      plain += ' ';
    } else if (text[i] != '%') {
      plain += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      plain += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return plain;
}

// Whether the path is that of the row; fills in its numbers.
bool Fits(std::string_view path, const RouteFacts& facts, RouteMatch& match) {
  const std::vector<std::string_view> have = Split(path, '/');
  const std::vector<std::string_view> want = Split(facts.path, '/');
  if (have.size() != want.size()) return false;
  for (size_t i = 0; i < have.size(); ++i) {
    if (!want[i].starts_with('{')) {
      if (have[i] != want[i]) return false;
      continue;
    }
    const std::optional<uint64_t> number = Number(have[i]);
    if (!number.has_value()) return false;
    if (want[i] == "{id}") {
      match.job = {*number};
    } else {
      match.task = *number;
    }
  }
  return true;
}

std::optional<Problem> ReadQuery(std::string_view text, RouteMatch& match) {
  if (text.empty()) return std::nullopt;
  const std::vector<std::string_view> known = Split(match.facts->queries, ',');
  for (const std::string_view pair : Split(text, '&')) {
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name(pair.substr(0, equals));
    const std::optional<std::string> value =
        Decoded(pair.substr(std::min(equals + 1, pair.size())));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string names = match.facts->queries;
      return Problem{.detail = "there is no parameter '" + name + "' here" +
                               (names.empty() ? "" : "; known: " + names)};
    }
    if (!value.has_value() || !match.query.emplace(name, *value).second) {
      return Problem{.detail = "the parameter '" + name +
                               "' stands there twice or is not percent-coded"};
    }
  }
  return std::nullopt;
}

// The parameters of one request, each of which may be wrong.
class Query {
 public:
  explicit Query(const RouteMatch& match) : match_(match) {}

  uint64_t Count(const std::string& name, uint64_t otherwise, uint64_t least,
                 uint64_t most) {
    const auto at = match_.query.find(name);
    if (at == match_.query.end()) return otherwise;
    const std::optional<uint64_t> number = Number(at->second);
    if (number.has_value() && *number >= least && *number <= most) {
      return *number;
    }
    Wrong(name, "is no number from " + std::to_string(least) + " to " +
                    std::to_string(most));
    return otherwise;
  }

  // One of two words, the first of which is the default.
  bool IsSecond(const std::string& name, const std::string& first,
                const std::string& second) {
    const auto at = match_.query.find(name);
    if (at == match_.query.end() || at->second == first) return false;
    if (at->second != second) Wrong(name, "is not " + first + " or " + second);
    return true;
  }

  std::string Text(const std::string& name) {
    const auto at = match_.query.find(name);
    return at == match_.query.end() ? "" : at->second;
  }

  std::vector<JobId> Jobs() {
    std::vector<JobId> jobs;
    const std::string text = Text("jobs");  // the parts are views of it
    for (const std::string_view part : Split(text, ',')) {
      const std::optional<uint64_t> number = Number(part);
      if (!number.has_value()) {
        Wrong("jobs", "is not a list of numbers, as in 1,2");
        return {};
      }
      const JobId job = {*number};
      if (std::find(jobs.begin(), jobs.end(), job) == jobs.end()) {
        jobs.push_back(job);
      }
    }
    if (jobs.size() > kJobsWatchedMax) {
      Wrong("jobs",
            "has more than " + std::to_string(kJobsWatchedMax) + " numbers");
    }
    return jobs;
  }

  void Wrong(const std::string& name, const std::string& what) {
    if (!problem_.has_value()) {
      problem_ = Problem{.detail = "the parameter '" + name + "' " + what};
    }
  }

  std::variant<ClientRequest, Problem> Or(ClientRequest request) {
    if (problem_.has_value()) return *std::move(problem_);
    return request;
  }

 private:
  const RouteMatch& match_;
  std::optional<Problem> problem_;
};

}  // namespace

std::span<const RouteFacts> Routes() { return kTable; }

Permission MayUse(Role role, Route route) {
  if (route == Route::kGetOpenApi) return Permission::kAll;
  RouteMatch any;
  any.facts = &kTable[static_cast<size_t>(route)];
  any.query["jobs"] = "1";
  const auto request = RequestOf(any);
  return MayAsk(role, std::get<ClientRequest>(request));
}

std::variant<RouteMatch, Problem> FindRoute(std::string_view method,
                                            std::string_view target) {
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::string allow;
  for (const RouteFacts& facts : kTable) {
    RouteMatch match;
    if (!Fits(path, facts, match)) continue;
    if (wanted != facts.method) {
      allow += std::string(allow.empty() ? "" : ", ") + facts.method;
      if (std::string_view(facts.method) == "GET") allow += ", HEAD";
      continue;
    }
    match.facts = &facts;
    const std::string_view query =
        target.substr(std::min(question + 1, target.size()));
    if (std::optional<Problem> problem = ReadQuery(query, match)) {
      return *std::move(problem);
    }
    return match;
  }
  if (allow.empty()) {
    return Problem{.status = 404,
                   .detail =
                       "there is nothing here; /openapi.json lists what "
                       "there is"};
  }
  return Problem{.status = 405,
                 .detail = "only " + allow + " is possible here",
                 .headers = {{"Allow", allow}}};
}

std::variant<ClientRequest, Problem> RequestOf(const RouteMatch& match) {
  Query query(match);
  switch (match.facts->route) {
    case Route::kSubmitJobs:
      return ClientRequest(Submit{});
    case Route::kListJobs:
      return query.Or(GetJobs{.limit = static_cast<uint32_t>(query.Count(
                                  "limit", 100, 1, kJobsListedMax))});
    case Route::kGetJob:
      return ClientRequest(GetJobs{.ids = {match.job}, .limit = 1});
    case Route::kListTasks:
    case Route::kListResults:
      return query.Or(GetResults{
          .job = match.job,
          .first = query.Count("first", 0, 0, kFirstMax),
          .limit = query.Count("limit", 1'000, 1, kTasksListedMax),
          .only_not_succeeded = query.IsSecond("failed", "false", "true")});
    case Route::kGetLogs:
      return query.Or(
          GetLogs{.job = match.job,
                  .task = match.task,
                  .stream = static_cast<uint8_t>(
                      query.IsSecond("stream", "stdout", "stderr") ? 2 : 1),
                  .offset = query.Count("offset", 0, 0, uint64_t{1} << 40)});
    case Route::kCancelJob:
      return ClientRequest(
          CancelJob{.job = match.job, .reason = query.Text("reason")});
    case Route::kListAgents:
      return ClientRequest(GetAgents{});
    case Route::kGetVerdict:
      return ClientRequest(GetVerdicts{.job = match.job});
    case Route::kListVerdicts:
      return ClientRequest(GetVerdicts{});
    case Route::kGetInfo:
    case Route::kGetOpenApi:
      return ClientRequest(GetInfo{});
    case Route::kWatchJobs:
      return query.Or(WatchJobs{.ids = query.Jobs()});
  }
  CHECK(false);
  return Problem{};
}

}  // namespace remuda
