#include "coordinator/api/problem.h"

#include "nlohmann/json.hpp"

namespace remuda {
namespace {

constexpr char kRetrySeconds[] = "1";

int StatusOf(RequestError::Code code) {
  switch (code) {
    case RequestError::Code::kInvalid:
      return 400;
    case RequestError::Code::kForbidden:
      return 403;
    case RequestError::Code::kNotFound:
      return 404;
    case RequestError::Code::kConflict:
      return 409;
    case RequestError::Code::kBusy:
      return 503;
  }
  return 500;
}

}  // namespace

std::string ProblemJson(const Problem& problem) {
  nlohmann::ordered_json json = {{"type", "about:blank"},
                                 {"title", ReasonOf(problem.status)},
                                 {"status", problem.status},
                                 {"detail", problem.detail}};
  if (!problem.errors.empty()) {
    auto list = nlohmann::ordered_json::array();
    for (const SpecError& error : problem.errors) {
      list.push_back({{"file", error.file},
                      {"line", error.line},
                      {"column", error.column},
                      {"message", error.message}});
    }
    json["errors"] = std::move(list);
  }
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

Problem ProblemOf(const RequestError& error) {
  Problem problem = {.status = StatusOf(error.code), .detail = error.message};
  if (problem.status == 503) {
    problem.headers.emplace_back("Retry-After", kRetrySeconds);
  }
  return problem;
}

const char* ReasonOf(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

}  // namespace remuda
