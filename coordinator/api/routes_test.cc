#include "coordinator/api/routes.h"

#include <set>

#include "coordinator/api/answers.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

using nlohmann::json;

// The problem's status, or 0 and the route in `match`.
int Find(const std::string& method, const std::string& target,
         RouteMatch* match = nullptr) {
  const auto found = FindRoute(method, target);
  if (const auto* problem = std::get_if<Problem>(&found)) {
    return problem->status;
  }
  if (match != nullptr) *match = std::get<RouteMatch>(found);
  return 0;
}

TEST(FindRouteTest, TakesTheNumbersOfThePath) {
  RouteMatch match;
  ASSERT_EQ(Find("GET", "/v1/jobs/12/tasks/34/logs?stream=stderr", &match), 0);
  EXPECT_EQ(match.facts->route, Route::kGetLogs);
  EXPECT_EQ(match.job, JobId{12});
  EXPECT_EQ(match.task, 34u);
  EXPECT_EQ(match.query.at("stream"), "stderr");
  ASSERT_EQ(Find("HEAD", "/v1/jobs", &match), 0);
  EXPECT_EQ(match.facts->route, Route::kListJobs);
  ASSERT_EQ(Find("POST", "/v1/jobs", &match), 0);
  EXPECT_EQ(match.facts->route, Route::kSubmitJobs);
}

TEST(FindRouteTest, SaysWhatIsNotThere) {
  for (const char* path :
       {"/", "", "/v1", "/v1/", "/v1/jobs/", "/v1/jobs/x", "/v1/jobs/-1",
        "/v1/jobs/18446744073709551616", "/v1/jobs/1/2", "/V1/jobs", "/metrics",
        "//v1/jobs", "/v1/jobs/1/tasks/ /logs", "/v1/jobs/%31"}) {
    EXPECT_EQ(Find("GET", path), 404) << path;
  }
  const auto found = FindRoute("DELETE", "/v1/jobs");
  const auto& problem = std::get<Problem>(found);
  EXPECT_EQ(problem.status, 405);
  ASSERT_EQ(problem.headers.size(), 1u);
  EXPECT_EQ(problem.headers[0].second, "POST, GET, HEAD");
  EXPECT_EQ(Find("PUT", "/v1/jobs/1"), 405);
  EXPECT_EQ(Find("OPTIONS", "/v1/jobs/1"), 405);
  EXPECT_EQ(Find("get", "/v1/jobs"), 405) << "methods have a case";
}

TEST(FindRouteTest, KnowsItsParameters) {
  RouteMatch match;
  EXPECT_EQ(Find("GET", "/v1/jobs?limit=5"), 0);
  EXPECT_EQ(Find("GET", "/v1/jobs?"), 0);
  EXPECT_EQ(Find("GET", "/v1/jobs?limt=5"), 400);
  EXPECT_EQ(Find("GET", "/v1/jobs?limit=5&limit=6"), 400);
  EXPECT_EQ(Find("GET", "/v1/info?x"), 400);
  ASSERT_EQ(Find("POST", "/v1/jobs/1/cancel?reason=not%20now+please", &match),
            0);
  EXPECT_EQ(match.query.at("reason"), "not now please");
  EXPECT_EQ(Find("POST", "/v1/jobs/1/cancel?reason=%2"), 400);
  EXPECT_EQ(Find("POST", "/v1/jobs/1/cancel?reason=%zz"), 400);
}

bool IsWrong(const std::string& target) {
  const auto found = FindRoute("GET", target);
  return std::holds_alternative<Problem>(
      RequestOf(std::get<RouteMatch>(found)));
}

TEST(RequestOfTest, ChecksWhatParametersSay) {
  EXPECT_FALSE(IsWrong("/v1/jobs?limit=1000"));
  for (const char* target :
       {"/v1/jobs?limit=0", "/v1/jobs?limit=1001", "/v1/jobs?limit=x",
        "/v1/jobs?limit=", "/v1/jobs/1/tasks?failed=yes",
        "/v1/jobs/1/results?first=-1", "/v1/jobs/1/tasks/0/logs?stream=3",
        "/v1/events", "/v1/events?jobs=", "/v1/events?jobs=1,,2",
        "/v1/events?jobs=a"}) {
    EXPECT_TRUE(IsWrong(target)) << target;
  }
  RouteMatch match;
  ASSERT_EQ(Find("GET", "/v1/events?jobs=3,1,3", &match), 0);
  const auto watch = RequestOf(match);
  EXPECT_EQ(std::get<WatchJobs>(std::get<ClientRequest>(watch)).ids,
            (std::vector<JobId>{{3}, {1}}));
  ASSERT_EQ(
      Find("GET", "/v1/jobs/7/results?failed=true&first=9&limit=2", &match), 0);
  const auto page = RequestOf(match);
  EXPECT_EQ(
      std::get<GetResults>(std::get<ClientRequest>(page)),
      (GetResults{
          .job = {7}, .first = 9, .limit = 2, .only_not_succeeded = true}));
}

json OpenApi() { return json::parse(OpenApiAnswer().body); }

// Both ways: what is described exists, and what exists is described.
TEST(OpenApiTest, DescribesTheTableOfRoutes) {
  const json described = OpenApi();
  std::set<std::string> left;
  for (const auto& [path, operations] : described["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      left.insert(method + " " + path);
    }
  }
  for (const RouteFacts& facts : Routes()) {
    std::string method = facts.method;
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    ASSERT_EQ(left.erase(method + " " + facts.path), 1u) << facts.name;
    const json operation = described["paths"][facts.path][method];
    EXPECT_EQ(operation["operationId"], facts.name);
    std::string queries;
    for (const json& parameter : operation.value("parameters", json::array())) {
      if (parameter["in"] != "query") continue;
      queries +=
          (queries.empty() ? "" : ",") + parameter["name"].get<std::string>();
    }
    EXPECT_EQ(queries, facts.queries) << facts.name;
    json roles = json::array();
    for (int i = 0; i < kRoles; ++i) {
      const auto role = static_cast<Role>(i);
      if (MayUse(role, facts.route) == Permission::kDenied) continue;
      roles.push_back(RoleName(role));
    }
    EXPECT_EQ(operation["x-roles"], roles) << facts.name;
  }
  EXPECT_TRUE(left.empty()) << *left.begin();
}

// Every $ref leads somewhere, and every schema is used.
TEST(OpenApiTest, HoldsTogether) {
  const json described = OpenApi();
  EXPECT_EQ(described["openapi"], "3.0.3");
  std::set<std::string> used;
  const std::function<void(const json&)> visit = [&](const json& value) {
    if (value.is_object() && value.contains("$ref")) {
      const auto ref = value["$ref"].get<std::string>();
      used.insert(ref);
      EXPECT_TRUE(described.contains(json::json_pointer(ref.substr(1)))) << ref;
    }
    if (value.is_structured()) {
      for (const json& member : value) visit(member);
    }
  };
  visit(described);
  for (const auto& [name, schema] :
       described["components"]["schemas"].items()) {
    EXPECT_TRUE(used.contains("#/components/schemas/" + name)) << name;
  }
}

}  // namespace
}  // namespace remuda
