#include "coordinator/api/gate.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "coordinator/api/spec_body.h"

namespace remuda {
namespace {

constexpr std::string_view kBearer = "bearer ";

std::string Lower(std::string text) {
  for (char& c : text) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

// "localhost:8080" -> "localhost".
std::string WithoutPort(const std::string& host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon == std::string::npos ||
      (bracket != std::string::npos && colon < bracket)) {
    return host;
  }
  return host.substr(0, colon);
}

Answer Preflight(const RequestHead& head) {
  Answer answer = {.status = 204, .type = ""};
  answer.headers = {
      {"Access-Control-Allow-Methods", *head.preflight_method},
      {"Access-Control-Allow-Headers",
       "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"},
      {"Access-Control-Max-Age", "600"}};
  return answer;
}

}  // namespace

Admission Gate::Admit(const RequestHead& head) const {
  Admission admission;
  const auto refuse = [&admission](const Problem& problem) {
    admission.answer = AnswerOf(problem);
    return admission;
  };
  if (const auto problem = CheckHost(head)) return refuse(*problem);
  if (const auto problem = CheckOrigin(head, admission)) {
    return refuse(*problem);
  }
  if (head.method == "OPTIONS" && head.origin && head.preflight_method) {
    // Asked without a token by every browser before it asks with one.
    admission.answer = Preflight(head);
    return admission;
  }
  auto found = FindRoute(head.method, head.target);
  if (const auto* problem = std::get_if<Problem>(&found)) {
    return refuse(*problem);
  }
  admission.match = std::get<RouteMatch>(std::move(found));
  admission.route = admission.match.facts->name;
  const Route route = admission.match.facts->route;
  if (route != Route::kGetOpenApi) {
    if (const auto problem = CheckToken(head, admission)) {
      return refuse(*problem);
    }
  }
  admission.denied =
      MayUse(admission.holder.identity.role, route) == Permission::kDenied;
  if (admission.denied) return admission;
  if (const auto problem = CheckBody(head, admission)) return refuse(*problem);
  return admission;
}

std::optional<Problem> Gate::CheckHost(const RequestHead& head) const {
  if (!head.host.has_value()) {
    return Problem{.detail = "the request has no Host"};
  }
  const std::string host = Lower(WithoutPort(*head.host));
  if (options_.hosts.empty() ||
      std::find(options_.hosts.begin(), options_.hosts.end(), host) !=
          options_.hosts.end()) {
    return std::nullopt;
  }
  return Problem{.status = 421,
                 .detail = "this is not '" + host + "'; ask for " +
                           options_.hosts.front()};
}

std::optional<Problem> Gate::CheckOrigin(const RequestHead& head,
                                         Admission& admission) const {
  if (!head.origin.has_value()) return std::nullopt;
  if (std::find(options_.origins.begin(), options_.origins.end(),
                *head.origin) == options_.origins.end()) {
    return Problem{.status = 403,
                   .detail = "pages of '" + *head.origin +
                             "' may not ask here; --api-origin lists those "
                             "that may"};
  }
  admission.headers = {
      {"Access-Control-Allow-Origin", *head.origin},
      {"Access-Control-Expose-Headers",
       "Location, Retry-After, Remuda-Next-Offset, Remuda-Truncated"},
      {"Vary", "Origin"}};
  return std::nullopt;
}

std::optional<Problem> Gate::CheckToken(const RequestHead& head,
                                        Admission& admission) const {
  if (!options_.needs_token) return std::nullopt;  // local
  const Problem unknown = {
      .status = 401,
      .detail =
          "a request needs 'Authorization: Bearer TOKEN' with a token "
          "that is known here; `remuda token` makes one",
      .headers = {{"WWW-Authenticate", "Bearer realm=\"remuda\""}}};
  if (!head.authorization.has_value()) return unknown;
  const std::string& text = *head.authorization;
  if (Lower(text.substr(0, kBearer.size())) != kBearer) return unknown;
  const Tokens::Holder* holder =
      tokens_.Find(std::string_view(text).substr(kBearer.size()));
  if (holder == nullptr) return unknown;
  admission.holder = *holder;
  return std::nullopt;
}

std::optional<Problem> Gate::CheckBody(const RequestHead& head,
                                       Admission& admission) const {
  admission.body_bytes_max = kIdleBodyBytesMax;
  if (admission.match.facts->route == Route::kSubmitJobs) {
    admission.body_bytes_max = SpecBodyBytesMax(head.content_type);
    if (admission.body_bytes_max == 0) {
      return Problem{.status = 415,
                     .detail =
                         "a spec comes as application/yaml, or as the "
                         "part 'spec' of multipart/form-data"};
    }
    if (head.key.has_value() &&
        (head.key->empty() || head.key->size() > kKeyBytesMax)) {
      return Problem{.detail = "an Idempotency-Key has 1 to " +
                               std::to_string(kKeyBytesMax) + " bytes"};
    }
  }
  if (head.content_length.value_or(0) > admission.body_bytes_max) {
    return Problem{.status = 413,
                   .detail = "a body may have " +
                             std::to_string(admission.body_bytes_max) +
                             " bytes here"};
  }
  return std::nullopt;
}

}  // namespace remuda
