#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "coordinator/api/problem.h"
#include "jobs/ids.h"
#include "wire/access.h"
#include "wire/client_messages.h"

namespace remuda {

enum class Route : uint8_t {
  kSubmitJobs,
  kListJobs,
  kGetJob,
  kListTasks,
  kListResults,
  kGetLogs,
  kCancelJob,
  kListAgents,
  kGetVerdict,
  kListVerdicts,
  kGetInfo,
  kWatchJobs,
  kGetOpenApi,
};
inline constexpr size_t kRoutes = 13;

// One row of the table of docs/API.md; openapi.json says the same at length.
struct RouteFacts {
  Route route;
  const char* name;     // the operationId; in metrics
  const char* method;   // GET answers HEAD too
  const char* path;     // {id} and {n} are numbers
  const char* queries;  // the names of its parameters, separated by commas
};
std::span<const RouteFacts> Routes();

// What a role may do there; open to all for the description itself.
Permission MayUse(Role role, Route route);

// A request's target, taken apart.
struct RouteMatch {
  const RouteFacts* facts = nullptr;
  JobId job;
  TaskIndex task = 0;
  std::map<std::string, std::string> query;
};

// Which route a request means, or what to answer: 404 for a path that is not
// there, 405 for another method, 400 for a parameter that is not known.
std::variant<RouteMatch, Problem> FindRoute(std::string_view method,
                                            std::string_view target);

// The question to the coordinator, for routes that ask one. Of kSubmitJobs and
// kGetOpenApi only its kind counts. Problem 400 says which parameter is wrong.
std::variant<ClientRequest, Problem> RequestOf(const RouteMatch& match);

}  // namespace remuda
