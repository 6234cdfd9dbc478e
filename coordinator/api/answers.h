#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "coordinator/api/problem.h"
#include "coordinator/api/routes.h"
#include "wire/access.h"
#include "wire/client_messages.h"

namespace remuda {

// What goes back over HTTP, without the headers that every answer has.
struct Answer {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

Answer AnswerOf(const Problem& problem);

// The answer that a reply means on this route, logs and events apart.
Answer AnswerOf(const RouteMatch& match, const Identity& identity,
                const ClientReply& reply, WallTime now);

// A piece of what a task wrote, with where the next one begins.
Answer LogAnswer(std::string bytes, uint64_t next, bool end, bool truncated);

// The description of all of it: openapi.json as it was when this was built.
Answer OpenApiAnswer();

}  // namespace remuda
