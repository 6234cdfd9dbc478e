#pragma once

#include <string>
#include <utility>
#include <vector>

#include "jobs/spec_error.h"
#include "wire/client_messages.h"

namespace remuda {

// Why a request was not done, for a program and for a person (RFC 7807).
struct Problem {
  int status = 400;
  std::string detail;
  std::vector<SpecError> errors = {};  // of a spec, with their places
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The "application/problem+json" of it.
std::string ProblemJson(const Problem& problem);

// The same for what the coordinator answered.
Problem ProblemOf(const RequestError& error);

// "Not Found".
const char* ReasonOf(int status);

}  // namespace remuda
